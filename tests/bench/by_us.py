"""`make run`, with the seconds that Great Expectations takes in each step beside the step's own: `verdicts`."""

import json
import os
import sys
import time
from pathlib import Path

from spark_jobs import pipeline, quality
from spark_jobs.command_line import guarded


def main() -> int:
    """Runs the pipeline as it is; adds `verdicts`, seconds by suite, to what it hands over."""
    judge, taken = quality.judge, {}

    def timed(suite, *arguments):
        begun = time.monotonic()
        verdict = judge(suite, *arguments)
        taken[suite.name] = taken.get(suite.name, 0) + time.monotonic() - begun
        return verdict

    quality.judge = timed
    code = pipeline.main()
    path = Path(os.environ["PIPELINE_SUMMARY"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdicts": taken}))
    return code


if __name__ == "__main__":
    sys.exit(guarded("pipeline", main))
