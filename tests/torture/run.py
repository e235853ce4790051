"""One case: the stage put back, a run hurt at its failpoint, a second one, the comparison with the undisturbed run."""

import time
from dataclasses import dataclass

from tests.torture.attempt import Ahead
from tests.torture.cases import FAILPOINTS
from tests.torture.faults import FAULTS
from tests.torture.reader import Reader
from tests.torture.stage import Stage


@dataclass(frozen=True)
class Outcome:
    """What became of a case; `wrong` is empty where it passed. `said` is what the hurt run wrote."""

    fault: str
    failpoint: str
    seed: int
    wrong: list[str]
    said: str
    seconds: float
    looked: int


def run(stage: Stage, ahead: Ahead, fault: str, failpoint: str, seed: int) -> Outcome:
    """Runs the case; every difference becomes a sentence."""
    job, begun, wrong = FAILPOINTS[failpoint][0], time.monotonic(), []
    stage.set(job)
    with Reader(stage, job) as reader:
        hurt = ahead.take()
        reached = hurt.reached()
        if fault != "disk full":  # its log is on that disk
            ahead.start()
        if not reached:
            wrong.append(f"the run ended before its failpoint: {hurt.said()}")
        else:
            FAULTS[fault](stage, hurt, job)
            hurt.end()
        wrong += [f"still alive: {name}" for name in hurt.orphans()]
        ahead.start()
        stage.attempt(job)
    found, due = stage.digests(), stage.after[job]
    wrong += [f"{name}: {found.get(name)}, undisturbed {due.get(name)}" for name in due if found.get(name) != due[name]]
    wrong += sorted(set(reader.wrong))
    wrong += _left(stage)
    if "Traceback" in hurt.said() or len(_errors(hurt.said())) > 2:
        wrong.append(f"not one sentence: {hurt.said()[-500:]}")
    return Outcome(fault, failpoint, seed, wrong, hurt.said(), time.monotonic() - begun, reader.looked)


def _errors(said: str) -> list[str]:
    """Lines that are neither a warning about the data nor the summary of a run that ended well. Two at most are wanted:
    what has ended the run, and what that broke."""
    return [line for line in said.splitlines() if not line.startswith(("warning: ", "{"))]


def _left(stage: Stage) -> list[str]:
    """What nobody would clear away: staging tables, locks with a name in them."""
    staged = stage.server.query("SELECT tablename FROM pg_tables WHERE tablename LIKE 'staging%'")
    locks = [path.name for path in (stage.here / "warehouse").glob(".*.lock") if path.read_text().strip()]
    return [f"left: {name}" for name in [*(name for (name,) in staged), *locks]]
