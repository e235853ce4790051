"""One case: restore the stage, disturb a run at its failpoint, run the job again, compare with the undisturbed run."""

import time
from dataclasses import dataclass

from tests.torture.attempt import AttemptQueue
from tests.torture.cases import FAILPOINTS
from tests.torture.faults import FAULTS
from tests.torture.reader import Reader
from tests.torture.stage import Stage


@dataclass(frozen=True)
class Outcome:
    """The result of a case; `wrong` is empty if it passed, `said` is the output of the disturbed run."""

    fault: str
    failpoint: str
    seed: int
    wrong: list[str]
    said: str
    seconds: float
    looked: int


def run(stage: Stage, attempts: AttemptQueue, fault: str, failpoint: str, seed: int) -> Outcome:
    """Run the case and describe every difference in a sentence."""
    job, begun, wrong = FAILPOINTS[failpoint][0], time.monotonic(), []
    stage.restore(job)
    with Reader(stage, job) as reader:
        disturbed = attempts.take()
        reached = disturbed.wait_for_failpoint()
        if fault != "disk full":  # the next attempt's log is on the same disk
            attempts.start()
        if not reached:
            wrong.append(f"the run ended before its failpoint: {disturbed.read_output()}")
        else:
            FAULTS[fault](stage, disturbed, job)
            disturbed.wait_for_end()
        wrong += [f"still alive: {name}" for name in disturbed.kill_orphans()]
        attempts.start()
        stage.run_job(job)
    found, expected = stage.digests(), stage.after[job]
    wrong += [
        f"{name}: {found.get(name)}, undisturbed {expected.get(name)}"
        for name in expected
        if found.get(name) != expected[name]
    ]
    wrong += sorted(set(reader.wrong))
    wrong += _find_leftovers(stage)
    if "Traceback" in disturbed.read_output() or len(_find_error_lines(disturbed.read_output())) > 2:
        wrong.append(f"not one sentence: {disturbed.read_output()[-500:]}")
    return Outcome(fault, failpoint, seed, wrong, disturbed.read_output(), time.monotonic() - begun, reader.looked)


def _find_error_lines(output: str) -> list[str]:
    """Find the lines that are neither a warning about the data nor the summary of a successful run. At most two are
    expected: what ended the run, and what failed as a consequence."""
    return [line for line in output.splitlines() if not line.startswith(("warning: ", "{"))]


def _find_leftovers(stage: Stage) -> list[str]:
    """Find what no later run would remove: staging tables and lock files that still name a process."""
    staging_tables = stage.server.query("SELECT tablename FROM pg_tables WHERE tablename LIKE 'staging%'")
    locks = [path.name for path in (stage.here / "warehouse").glob(".*.lock") if path.read_text().strip()]
    return [f"left: {name}" for name in [*(name for (name,) in staging_tables), *locks]]
