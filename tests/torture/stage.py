"""The stage: a small warehouse in a fixed place, as it stands before each job and as each leaves it undisturbed."""

import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_jobs import tables
from spark_jobs.command_line import leased
from spark_jobs.flow import SNAPSHOTS, STEPS, Job, Writer
from spark_jobs.sample.generate import Span, generate
from spark_jobs.settings import load
from spark_jobs.windows import DAY, Window
from tests.process import places
from tests.torture.digests import Hours, digests, hours_of_delta, hours_of_postgres, snapshots_of_delta
from tests.torture.server import Server

START = datetime(2019, 10, 1)
JOBS = {job.name: job for job in STEPS}
BAD = "a line that is none\n2019-10-01 07:00:00 UTC,VIEW,1,2,,,1.00,3,s,\n"
LAST = "2019-10-01 23:59:59 UTC,view,1,2,,,1.00,3,s,\n"  # so that the day has arrived
Digests = dict[str, Any]


def window(job: Job) -> Window:
    """The day in the job's units."""
    return Window(START, START + DAY, job.window)


@dataclass
class Stage:
    """`here` is where everything happens, always the same place, for the ledger holds full paths; it may be a disk of
    its own, that can be filled."""

    spark: SparkSession
    server: Server
    folder: Path
    small_disk: bool = False
    after: dict[str, Digests] = field(default_factory=dict)
    states: dict[str, dict[str, list[Hours]]] = field(default_factory=dict)

    @property
    def here(self) -> Path:
        """The warehouse and everything beside it but PostgreSQL."""
        return self.folder / "here"

    @property
    def archive(self) -> Path:
        """The JVM's classes, for the processes that are started here."""
        return self.folder / "classes.jsa"

    @property
    def options(self) -> list[str]:
        """Settings that put everything there."""
        return ["--set", f"paths.raw='{self.here / 'raw'}'", *places(self.here)]

    def prepare(self, seed: int, jobs: list[str]) -> None:
        """A day, built; then late rows for half of its hours, some of them bad, and what a landing left that was
        killed. Keeps what is there before each of the jobs, the digests of after, and what a reader may see: hours,
        matrix and features as before or as after."""
        self._empty()
        (self.here / "raw").mkdir()
        self.server.reset(None)
        self._file("a.csv", Span(400, 24, START), seed, LAST)
        order = list(JOBS)
        needed = order[: order.index(jobs[-1]) + 1]
        for job in needed:
            self.attempt(job)
        self._file("b.csv", Span(400, 12, START.replace(hour=6)), seed + 1, BAD)
        self._leave_rows()
        for job in needed:
            self.server.keep(job)
            shutil.rmtree(self.folder / job, ignore_errors=True)
            subprocess.run(["cp", "-a", self.here, self.folder / job], check=True)
            before = self._seen(job)
            self.attempt(job)
            self.after[job] = self.digests()
            self.states[job] = {where: [before[where], found] for where, found in self._seen(job).items()}

    def set(self, job: str) -> None:
        """Puts back what was there before the job."""
        self._empty()
        subprocess.run(["cp", "-a", f"{self.folder / job}/.", self.here], check=True)
        self.server.reset(job)

    def attempt(self, job: str) -> None:
        """The job as its command runs it, in this session."""
        declared = JOBS[job]
        with leased(load(self.options[1::2]), self.spark, [declared.writer]) as ctx:
            ctx.say = lambda line: None
            ctx.run(declared, window(declared))

    def digests(self) -> Digests:
        """Of every table, in Delta and in PostgreSQL."""
        return digests(self.spark, str(self.here / "warehouse"), self.server.query)

    def hours_of_delta(self) -> Hours:
        """What a reader of the Delta table sees of each hour."""
        return hours_of_delta(self.spark, str(self.here / "warehouse"))

    def snapshots_of_delta(self) -> Hours:
        """What a reader sees of matrix and features."""
        return snapshots_of_delta(self.spark, str(self.here / "warehouse"))

    def hours_of_postgres(self) -> Hours:
        """What a reader of PostgreSQL sees of each hour."""
        return hours_of_postgres(self.server.query)

    def _seen(self, job: str) -> dict[str, Hours]:
        seen = {"Delta": self.hours_of_delta(), "PostgreSQL": self.hours_of_postgres()}
        snapshots = JOBS[job] in SNAPSHOTS
        return seen | ({"snapshots": self.snapshots_of_delta()} if snapshots else {})

    def _empty(self) -> None:
        self.here.mkdir(parents=True, exist_ok=True)
        for path in self.here.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def _leave_rows(self) -> None:
        """Commits rows to raw_events without an entry in the ledger."""
        with leased(load(self.options[1::2]), self.spark, [Writer.COLLECTION]) as ctx:
            rows = ctx.storage.read(tables.RAW_EVENTS).limit(9)
            ctx.write_as(Writer.COLLECTION).writer.append(tables.RAW_EVENTS, rows)

    def _file(self, target: str, span: Span, seed: int, more: str) -> None:
        path = generate(span, self.folder / "made", seed=seed, ratings=True)[0]
        (self.here / "raw" / target).write_text(path.read_text() + more)
