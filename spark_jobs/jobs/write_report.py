"""Report: show the last run in charts, drawn from the current tables; one page that opens from disk.

Reads every table and the verdicts; writes paths.reports.
"""

import os
import sys
import webbrowser

from spark_jobs import tables
from spark_jobs.command_line import create_parser, load_settings, publish_summary, run_guarded, track_failures
from spark_jobs.context import context
from spark_jobs.errors import PipelineError
from spark_jobs.project import typed
from spark_jobs.report import page
from spark_jobs.session import spark_session
from spark_jobs.settings import Settings


def main() -> int:
    """Write the page and print its path, as a submitted job."""
    arguments = create_parser("spark-submit spark_jobs/jobs/write_report.py", __doc__).parse_args()
    return write(load_settings(arguments.set), opens=False)


def write(settings: Settings, opens: bool) -> int:
    """Write the page and print its path. `opens`: open it in a browser too, if there is a screen."""
    with track_failures(settings.paths.metrics, "write_report"):
        ctx = context(settings, spark_session("write_report"))
        if not ctx.storage.exists(tables.HOUR_STATUS):
            raise PipelineError(f"{settings.paths.warehouse}: there is nothing to report yet; {typed('run')} first.")
        path = page.write(ctx)
    publish_summary({"job": "write_report", "page": path})
    sys.stdout.write(f"{path}\n")
    if opens and (sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        webbrowser.open(path.as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(run_guarded("report", main))
