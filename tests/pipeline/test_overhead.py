"""The fixed cost of a small run in queries, jobs and commits. A change that adds any fails here."""

from collections.abc import Callable
from datetime import datetime

import pytest

from spark_jobs import pipeline
from spark_jobs.context import Context
from spark_jobs.coordination import lease
from spark_jobs.coordination.lock import Hold
from spark_jobs.flow import HOURLY, Writer
from spark_jobs.jobs.extract_events import landed_hours
from spark_jobs.observability.console import Console
from spark_jobs.sample.generate import Span, generate
from spark_jobs.windows import HOUR
from tests import counting
from tests.conftest import Pipeline, empty_database
from tests.events import HEAD

FIRST, HOURS, ROWS = datetime(2019, 10, 1), 3, 3_000
Costs = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def costs(spark, tmp_path_factory, database) -> Costs:
    """Count queries, jobs and commits of a first run, of a repeated run, and of each hourly job for one more hour."""
    empty_database(database)
    small, found = Pipeline(spark, tmp_path_factory.mktemp("overhead"), database), {}
    generate(Span(ROWS, HOURS, FIRST), small.raw, seed=11)
    small.put("bad.csv", f"{HEAD},view,1001,77,,,1,501,s\n")

    def measure(name: str, work: Callable[[Context], object]) -> None:
        ctx, before = small.ctx(), count_so_far()
        ctx.leases = lease.take_leases(ctx.storage, [Hold(writer, unclean=False) for writer in Writer])
        work(ctx)
        found[name] = {kind: count - before[kind] for kind, count in count_so_far().items()}

    def count_so_far() -> dict[str, int]:
        commits = counting.count_commits(small.settings.paths.warehouse)
        return {"queries": counting.count_executions(spark), "jobs": counting.count_jobs(spark), "commits": commits}

    measure("first", lambda ctx: pipeline.run(ctx, Console()))
    measure("again", lambda ctx: pipeline.run(ctx, Console()))
    generate(Span(ROWS // HOURS, 1, FIRST + HOURS * HOUR), small.raw, seed=12)
    for job in HOURLY:
        measure(job.name, lambda ctx, job=job: ctx.run(job, landed_hours(ctx)))
    return found


def test_a_run_without_new_data_starts_no_spark_job(costs):
    assert costs["again"] == {"queries": 0, "jobs": 0, "commits": 1}  # taking the leases


@pytest.mark.parametrize(
    ("name", "queries", "jobs", "commits"),
    [
        ("first", 56, 130, 26),
        ("extract_events", 2, 4, 4),
        ("validate_data_quality", 2, 4, 3),
        ("load_to_database", 3, 10, 3),
    ],
)
def test_a_small_run_stays_within_its_limits_of_queries_jobs_and_commits(costs, name, queries, jobs, commits):
    found = costs[name]
    assert found["queries"] <= queries and found["jobs"] <= jobs and found["commits"] <= commits, found
