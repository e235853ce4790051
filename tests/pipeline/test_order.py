"""The order, grouping and repetition of runs do not change the tables, and late rows change only their own day."""

import shutil
import tempfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_jobs import tables
from spark_jobs.sample import Span, generate
from spark_jobs.windows import DAY, HOUR, Window
from tests.conftest import Pipeline
from tests.oracle_duckdb import compute
from tests.pipeline.test_tables import assert_tables_equal_oracle

START, PARTS = datetime(2019, 10, 1), 6
HOURS = Window(START, START + DAY, HOUR)
BY_DAY = (tables.USER_EVENTS, tables.DEDUPED_EVENTS, tables.CLEANED_EVENTS, tables.INTERACTIONS, tables.ITEM_DAYS)
# The order in which the parts of a day arrive; after each part: is there a run, is it repeated, are the days built.
SCHEDULES = st.tuples(
    st.permutations(range(PARTS)), st.lists(st.tuples(*[st.booleans()] * 3), min_size=PARTS, max_size=PARTS)
)


@pytest.fixture(scope="module")
def day():
    """Generate a day and return its parts of four hours each and the oracle's tables of the whole day."""
    with tempfile.TemporaryDirectory() as folder:
        path = generate(Span(600, 24, START), Path(folder), seed=5, ratings=True)[0]
        header, *lines = path.read_text().splitlines(keepends=True)
        parts = [[line for line in lines if int(line[11:13]) // 4 == part] for part in range(PARTS)]
        yield ["".join([header, *part]) for part in parts], compute([path])


@pytest.mark.long
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(schedule=SCHEDULES)
def test_any_order_grouping_and_repetition_gives_the_same_tables(spark, database, postgres, day, schedule):
    parts, oracle = day
    postgres("TRUNCATE user_events, items, pipeline.loaded_hours, pipeline.item_days RESTART IDENTITY")
    folder = Path(tempfile.mkdtemp())
    try:
        pipeline = Pipeline(spark, folder, database)
        for part, (follows, repeated, built) in zip(*schedule, strict=True):
            pipeline.put(f"{part}.csv", parts[part])
            for _ in range(follows + (follows and repeated)):
                pipeline.land(), pipeline.validate(HOURS), pipeline.load(HOURS)
            if follows and built:
                pipeline.run_daily()
        pipeline.land(), pipeline.validate(HOURS), pipeline.load(HOURS), pipeline.run_daily()
        assert_tables_equal_oracle(pipeline, postgres, oracle)
    finally:
        shutil.rmtree(folder)


@pytest.mark.long
def test_late_rows_rebuild_their_day_and_change_no_file_of_other_days(pipeline, postgres):
    paths = [generate(Span(300, 24, START + i * DAY), pipeline.raw, seed=5, ratings=True)[0] for i in range(2)]
    both = Window(START, START + 2 * DAY, DAY)

    def run_and_list_files() -> dict[str, list[set[str]]]:
        pipeline.land()
        for step in (pipeline.validate, pipeline.load):
            step(Window(both.start, both.end, HOUR))
        pipeline.run_daily(both)
        storage = pipeline.ctx().storage
        days = [f"event_date = DATE '{START + i * DAY:%Y-%m-%d}'" for i in range(2)]
        return {table.name: [storage.list_files(table, where=day) for day in days] for table in BY_DAY}

    before = run_and_list_files()
    header, first, *_ = paths[0].read_text().splitlines(keepends=True)
    paths.append(pipeline.put("late.csv", header + first.replace(first[:19], "2019-10-01 05:30:00")))
    after = run_and_list_files()
    for name, (late, other) in after.items():
        assert other == before[name][1], name
        assert late != before[name][0], name
    assert run_and_list_files() == after
    assert_tables_equal_oracle(pipeline, postgres, compute(paths))
