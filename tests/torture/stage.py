"""The stage: a small warehouse in a fixed place, as it stands before each job and as each leaves it undisturbed."""

import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from pyspark.sql import SparkSession

from spark_jobs import lease, lock
from spark_jobs.context import context
from spark_jobs.jobs import (
    create_user_item_matrix,
    extract_events,
    feature_engineering,
    handle_missing_values,
    load_to_database,
    remove_duplicates,
    validate_data_quality,
)
from spark_jobs.sample.generate import Span, generate
from spark_jobs.settings import load
from spark_jobs.windows import DAY, HOUR, Window
from tests.torture.digests import digests
from tests.torture.server import Server

START = datetime(2019, 10, 1)
JOBS = {
    "extract_events": extract_events,
    "validate_data_quality": validate_data_quality,
    "load_to_database": load_to_database,
    "remove_duplicates": remove_duplicates,
    "handle_missing_values": handle_missing_values,
    "create_user_item_matrix": create_user_item_matrix,
    "feature_engineering": feature_engineering,
}
HOURLY = (extract_events, validate_data_quality, load_to_database)
BAD = "a line that is none\n2019-10-01 07:00:00 UTC,VIEW,1,2,,,1.00,3,s,\n"
LAST = "2019-10-01 23:59:59 UTC,view,1,2,,,1.00,3,s,\n"  # so that the day has arrived
NAMES = ("raw", "warehouse", "database", "quality", "processed", "logs")
Digests = dict[str, Any]


def window(job: ModuleType) -> Window:
    """The day in the job's units."""
    return Window(START, START + DAY, HOUR if job in HOURLY else DAY)


@dataclass
class Stage:
    """`here` is where everything happens, always the same place, for the ledger holds full paths."""

    spark: SparkSession
    server: Server
    folder: Path
    after: dict[str, Digests] = field(default_factory=dict)

    @property
    def here(self) -> Path:
        """The warehouse and everything beside it but PostgreSQL."""
        return self.folder / "here"

    @property
    def options(self) -> list[str]:
        """Settings that put everything there."""
        return [part for name in NAMES for part in ("--set", f"paths.{name}='{self.here / name}'")]

    def prepare(self, seed: int, jobs: list[str]) -> None:
        """A day, built; then late rows for half of its hours, some of them bad. Keeps what is there before each of the
        jobs, and the digests of after."""
        self._empty()
        (self.here / "raw").mkdir()
        self.server.reset(None)
        self._file("a.csv", Span(400, 24, START), seed, LAST)
        for job in JOBS:
            self.attempt(job)
        self._file("b.csv", Span(400, 12, START.replace(hour=6)), seed + 1, BAD)
        for job in JOBS:
            self.server.keep(job)
            shutil.rmtree(self.folder / job, ignore_errors=True)
            subprocess.run(["cp", "-a", self.here, self.folder / job], check=True)
            self.attempt(job)
            self.after[job] = self.digests()
            if job == jobs[-1]:
                return

    def set(self, job: str) -> None:
        """Puts back what was there before the job."""
        self._empty()
        subprocess.run(["cp", "-a", f"{self.folder / job}/.", self.here], check=True)
        self.server.reset(job)

    def attempt(self, job: str) -> None:
        """The job as its command runs it, in this session."""
        module, settings = JOBS[job], load(self.options[1::2])
        with lock.hold(settings.paths.warehouse, module.PART) as held:
            ctx = context(settings, self.spark)
            ctx.say = lambda line: None
            ctx.leases, ctx.storage.part = lease.take(ctx.storage, [held]), module.PART
            module.run(ctx, window(module))

    def digests(self) -> Digests:
        """Of every table, in Delta and in PostgreSQL."""
        return digests(self.spark, str(self.here / "warehouse"), self.server.query)

    def _empty(self) -> None:
        self.here.mkdir(parents=True, exist_ok=True)
        for path in self.here.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def _file(self, target: str, span: Span, seed: int, more: str) -> None:
        path = generate(span, self.folder / "made", seed=seed, ratings=True)[0]
        (self.here / "raw" / target).write_text(path.read_text() + more)
