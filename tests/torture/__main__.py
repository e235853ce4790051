"""`make torture`: every pair of fault and moment, on a small warehouse, as often as SEEDS says.

Prints a matrix and a count, keeps both in data/torture.json. Exit code 1 where a case failed. The full disk is a small
one mounted for it, which takes root; without it these cases are left out.
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
from spark_jobs.settings import ROOT
from tests.arguments import within
from tests.torture import archive, cases
from tests.torture.attempt import Ahead
from tests.torture.run import Outcome, run
from tests.torture.server import Server
from tests.torture.stage import JOBS, Stage

DISK = "size=48m"
WIDE = 140  # a moment and eight faults on a line
QUICK = {"spark.master": "local[2]", "spark.sql.shuffle.partitions": "2", "spark.sql.codegen.wholeStage": "false"}
QUICK |= {"spark.sql.codegen.factoryMode": "NO_CODEGEN"}


def main() -> int:
    """Runs the cases and prints what became of them."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="one case of each kind, seconds for half minutes")
    parser.add_argument("--only", default="", help="cases whose fault or failpoint contains this")
    arguments = parser.parse_args()
    within("SEEDS", arguments.seeds, 1, 1_000)
    chosen = _chosen(cases.SHORT if arguments.short else cases.pairs(), arguments.only)
    console = Console(highlight=False, width=WIDE)
    outcomes: list[Outcome] = []
    with stage() as made:
        if not made.small_disk:
            console.print("left out, disk full: a small disk could not be mounted, which takes root")
            chosen = _chosen([pair for pair in chosen if pair[0] != "disk full"], arguments.only)
        for seed in range(1, arguments.seeds + 1):
            for outcome in of_seed(made, chosen, seed):
                outcomes.append(outcome)
                console.print(_line(outcome), soft_wrap=True)
                kept = ROOT / "data" / "torture.json"
                kept.parent.mkdir(exist_ok=True)
                kept.write_text(json.dumps([asdict(each) for each in outcomes], indent=1))
    console.print(_matrix(outcomes))
    for fault, reason in cases.LEFT_OUT.items():
        console.print(f"left out, {fault}: {reason}", soft_wrap=True)
    failed = sum(bool(outcome.wrong) for outcome in outcomes)
    console.print(f"{len(outcomes)} cases, {len(outcomes) - failed} passed, {failed} failed; kept: {kept}")
    return 1 if failed else 0


def _chosen(pairs: Sequence[tuple[str, str]], only: str) -> list[tuple[str, str]]:
    """The pairs whose fault or failpoint contains `only`. Raises SettingsError, with the known names, for none."""
    if chosen := [pair for pair in pairs if only in " ".join(pair)]:
        return chosen
    faults, points = (", ".join(dict.fromkeys(names)) for names in zip(*pairs, strict=True))
    raise SettingsError(f"ONLY={only}: no case has this in its name; the faults are {faults}; the moments {points}.")


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage on a disk of its own, with a server and a session."""
    folder = Path(tempfile.mkdtemp(prefix="pipeline-torture-"))
    folder.chmod(0o755)
    (folder / "here").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", folder / "here"]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    os.environ["PIPELINE_LOGS"] = str(folder / "logs")
    archive.begin(folder)
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


def of_seed(made: Stage, chosen: list[tuple[str, str]], seed: int) -> Iterator[Outcome]:
    """The outcomes of these cases, on the data of one seed."""
    needed = {cases.FAILPOINTS[point][0] for _, point in chosen}
    made.prepare(seed, [job for job in JOBS if job in needed])
    if not made.archive.exists():
        archive.dump(made.spark, made.archive)
    with Ahead(made, [(cases.FAILPOINTS[point][0], point) for _, point in chosen]) as ahead:
        for fault, point in chosen:
            yield run(made, ahead, fault, point, seed)


def _line(outcome: Outcome) -> str:
    told = "; ".join(outcome.wrong) if outcome.wrong else "passed"
    return f"{outcome.seconds:5.1f} s  {outcome.fault:21} {outcome.failpoint:18} {told}"


def _matrix(outcomes: list[Outcome]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="cases passed of cases run", title_justify="left")
    table.add_column("moment", no_wrap=True)
    for heading in cases.WHERE:
        table.add_column(heading)
    run, passed = Counter(), Counter()
    for outcome in outcomes:
        run[outcome.fault, outcome.failpoint] += 1
        passed[outcome.fault, outcome.failpoint] += not outcome.wrong
    for point, (_, what) in cases.FAILPOINTS.items():
        cells = [f"{passed[fault, point]}/{run[fault, point]}" if run[fault, point] else "" for fault in cases.WHERE]
        table.add_row(what, *cells)
    return table


if __name__ == "__main__":
    sys.exit(run_guarded("torture", main))
