"""The stage: a small warehouse in a fixed place, with its state before each job and after an undisturbed run of it."""

import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_jobs import tables
from spark_jobs.command_line import hold_leases
from spark_jobs.flow import SNAPSHOTS, STEPS, Job, Writer
from spark_jobs.sample.generate import Span, generate
from spark_jobs.settings import load
from spark_jobs.windows import DAY, Window
from tests.process import path_options
from tests.torture.digests import Hours, digests, hours_of_delta, hours_of_postgres, snapshots_of_delta
from tests.torture.server import Server

START = datetime(2019, 10, 1)
JOBS = {job.name: job for job in STEPS}
BAD = "a line that is none\n2019-10-01 07:00:00 UTC,VIEW,1,2,,,1.00,3,s,\n"
LAST = "2019-10-01 23:59:59 UTC,view,1,2,,,1.00,3,s,\n"  # completes the day
Digests = dict[str, Any]


def window(job: Job) -> Window:
    """Return the test day as a window of the job's hours or days."""
    return Window(START, START + DAY, job.window)


@dataclass
class Stage:
    """Everything happens in the folder `here`. It is always the same path, because the ledger contains full paths; it
    may be on its own disk, which a case can fill."""

    spark: SparkSession
    server: Server
    folder: Path
    small_disk: bool = False
    after: dict[str, Digests] = field(default_factory=dict)
    states: dict[str, dict[str, list[Hours]]] = field(default_factory=dict)

    @property
    def here(self) -> Path:
        """The folder of the warehouse and of everything else except PostgreSQL."""
        return self.folder / "here"

    @property
    def options(self) -> list[str]:
        """The settings that put everything into `here`."""
        return ["--set", f"paths.raw='{self.here / 'raw'}'", *path_options(self.here)]

    def prepare(self, seed: int, jobs: list[str]) -> None:
        """Build a day, then add late rows for half of its hours, some of them bad, and the rows of a killed landing.

        Save the state before each job, the digests after it, and the two states that a reader may see: hours, matrix
        and features before the job or after it.
        """
        self._clear()
        (self.here / "raw").mkdir()
        self.server.reset(None)
        self._write_raw_file("a.csv", Span(400, 24, START), seed, LAST)
        order = list(JOBS)
        needed = order[: order.index(jobs[-1]) + 1]
        for job in needed:
            self.run_job(job)
        self._write_raw_file("b.csv", Span(400, 12, START.replace(hour=6)), seed + 1, BAD)
        self._leave_unrecorded_rows()
        for job in needed:
            self.server.save_as(job)
            shutil.rmtree(self.folder / job, ignore_errors=True)
            subprocess.run(["cp", "-a", self.here, self.folder / job], check=True)
            before = self._read_states(job)
            self.run_job(job)
            self.after[job] = self.digests()
            self.states[job] = {where: [before[where], found] for where, found in self._read_states(job).items()}

    def restore(self, job: str) -> None:
        """Restore the state before the job."""
        self._clear()
        subprocess.run(["cp", "-a", f"{self.folder / job}/.", self.here], check=True)
        self.server.reset(job)

    def run_job(self, job: str) -> None:
        """Run the job in this session in the same way as its command."""
        declared = JOBS[job]
        with hold_leases(load(self.options[1::2]), self.spark, [declared.writer]) as ctx:
            ctx.say = lambda line: None
            ctx.run(declared, window(declared))

    def digests(self) -> Digests:
        """Return the digests of every table in Delta and in PostgreSQL."""
        return digests(self.spark, str(self.here / "warehouse"), self.server.query)

    def hours_of_delta(self) -> Hours:
        """Return what a reader of the Delta table sees of each hour."""
        return hours_of_delta(self.spark, str(self.here / "warehouse"))

    def snapshots_of_delta(self) -> Hours:
        """Return what a reader sees of the matrix and the features."""
        return snapshots_of_delta(self.spark, str(self.here / "warehouse"))

    def hours_of_postgres(self) -> Hours:
        """Return what a reader of PostgreSQL sees of each hour."""
        return hours_of_postgres(self.server.query)

    def _read_states(self, job: str) -> dict[str, Hours]:
        states = {"Delta": self.hours_of_delta(), "PostgreSQL": self.hours_of_postgres()}
        snapshots = JOBS[job] in SNAPSHOTS
        return states | ({"snapshots": self.snapshots_of_delta()} if snapshots else {})

    def _clear(self) -> None:
        self.here.mkdir(parents=True, exist_ok=True)
        for path in self.here.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def _leave_unrecorded_rows(self) -> None:
        """Commit rows to raw_events without an entry in the ledger."""
        with hold_leases(load(self.options[1::2]), self.spark, [Writer.COLLECTION]) as ctx:
            rows = ctx.storage.read(tables.RAW_EVENTS).limit(9)
            ctx.write_as(Writer.COLLECTION).writer.append(tables.RAW_EVENTS, rows)

    def _write_raw_file(self, target: str, span: Span, seed: int, extra_lines: str) -> None:
        path = generate(span, self.folder / "made", seed=seed, ratings=True)[0]
        (self.here / "raw" / target).write_text(path.read_text() + extra_lines)
