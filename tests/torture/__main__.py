"""`make torture`: every pair of a fault and a moment on a small warehouse, once for each of SEEDS seeds.

Prints a matrix and a count, and writes the outcomes to data/torture.json. Exit code 1 if a case failed. The cases of a
full disk need a small disk, which only root can mount; without root they are left out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from spark_jobs.command_line import run_guarded
from spark_jobs.errors import SettingsError
from spark_jobs.session import spark_session
from tests.arguments import require_in_range
from tests.project import ROOT
from tests.torture import cases
from tests.torture.attempt import AttemptQueue
from tests.torture.run import Outcome, run
from tests.torture.server import Server
from tests.torture.stage import JOBS, Stage

DISK = "size=48m"
WIDE = 140  # fits a moment and eight faults on one line
QUICK = {"spark.master": "local[2]", "spark.sql.shuffle.partitions": "2", "spark.sql.codegen.wholeStage": "false"}
QUICK |= {"spark.sql.codegen.factoryMode": "NO_CODEGEN"}


def main() -> int:
    """Run the cases and print their outcomes."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="one case of each kind, seconds for half minutes")
    parser.add_argument("--only", default="", help="cases whose fault or failpoint contains this")
    arguments = parser.parse_args()
    require_in_range("SEEDS", arguments.seeds, 1, 1_000)
    pairs = _select_pairs(cases.SHORT if arguments.short else cases.pairs(), arguments.only)
    console = Console(highlight=False, width=WIDE)
    outcomes: list[Outcome] = []
    with open_stage() as stage:
        if not stage.small_disk:
            console.print("left out, disk full: a small disk could not be mounted, which takes root")
            pairs = _select_pairs([pair for pair in pairs if pair[0] != "disk full"], arguments.only)
        for seed in range(1, arguments.seeds + 1):
            for outcome in run_seed(stage, pairs, seed):
                outcomes.append(outcome)
                console.print(_format_outcome(outcome), soft_wrap=True)
                result_file = ROOT / "data" / "torture.json"
                result_file.parent.mkdir(exist_ok=True)
                result_file.write_text(json.dumps([asdict(each) for each in outcomes], indent=1))
    console.print(_build_matrix(outcomes))
    for fault, reason in cases.LEFT_OUT.items():
        console.print(f"left out, {fault}: {reason}", soft_wrap=True)
    failed = sum(bool(outcome.wrong) for outcome in outcomes)
    console.print(f"{len(outcomes)} cases, {len(outcomes) - failed} passed, {failed} failed; kept: {result_file}")
    return 1 if failed else 0


def _select_pairs(pairs: Sequence[tuple[str, str]], only: str) -> list[tuple[str, str]]:
    """Select the pairs whose fault or failpoint contains `only`. Raises SettingsError with all names if none does."""
    if selected := [pair for pair in pairs if only in " ".join(pair)]:
        return selected
    faults, points = (", ".join(dict.fromkeys(names)) for names in zip(*pairs, strict=True))
    raise SettingsError(f"ONLY={only}: no case has this in its name; the faults are {faults}; the moments {points}.")


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Create a stage on its own disk, with a PostgreSQL server and a Spark session; remove all of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pipeline-torture-"))
    folder.chmod(0o755)
    (folder / "here").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", folder / "here"]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    os.environ["PIPELINE_LOGS"] = str(folder / "logs")
    server = Server(folder / "postgres")
    os.environ["DATABASE_URL"] = server.url
    spark = spark_session("torture", **QUICK)
    try:
        yield Stage(spark, server, folder, mounted)
    finally:
        spark.stop()
        if mounted:
            subprocess.run(["umount", "--lazy", folder / "here"], check=True)
        subprocess.run(["rm", "-rf", folder], check=False)


def run_seed(stage: Stage, pairs: list[tuple[str, str]], seed: int) -> Iterator[Outcome]:
    """Run these cases on the data of one seed and yield their outcomes."""
    needed = {cases.FAILPOINTS[point][0] for _, point in pairs}
    stage.prepare(seed, [job for job in JOBS if job in needed])
    with AttemptQueue(stage, [(cases.FAILPOINTS[point][0], point) for _, point in pairs]) as attempts:
        for fault, point in pairs:
            yield run(stage, attempts, fault, point, seed)


def _format_outcome(outcome: Outcome) -> str:
    verdict = "; ".join(outcome.wrong) if outcome.wrong else "passed"
    return f"{outcome.seconds:5.1f} s  {outcome.fault:21} {outcome.failpoint:18} {verdict}"


def _build_matrix(outcomes: list[Outcome]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="cases passed of cases run", title_justify="left")
    table.add_column("moment", no_wrap=True)
    for heading in cases.WHERE:
        table.add_column(heading)
    run, passed = Counter(), Counter()
    for outcome in outcomes:
        run[outcome.fault, outcome.failpoint] += 1
        passed[outcome.fault, outcome.failpoint] += not outcome.wrong
    for point, (_, description) in cases.FAILPOINTS.items():
        cells = [f"{passed[fault, point]}/{run[fault, point]}" if run[fault, point] else "" for fault in cases.WHERE]
        table.add_row(description, *cells)
    return table


if __name__ == "__main__":
    sys.exit(run_guarded("torture", main))
