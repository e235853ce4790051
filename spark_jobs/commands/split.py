"""`make split AT=2019-10-25`: split at that midnight (UTC): earlier events to train on, later ones to test with.

Nothing in the train matrix, its numbers or the features depends on an event at or after AT: they are built again from
the days before, and a day is deduplicated and repaired from its own events. A later event changes no byte of them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.command_line import load_settings
from spark_jobs.context import Context, context
from spark_jobs.errors import PipelineError, SettingsError
from spark_jobs.exports import write_file, write_matrix
from spark_jobs.matrix import UserItemMatrix
from spark_jobs.observability.console import Console
from spark_jobs.project import typed
from spark_jobs.session import spark_session
from spark_jobs.snapshots import user_item_matrix
from spark_jobs.snapshots.features import FEATURES
from spark_jobs.snapshots.type_counts import complete_counts
from spark_jobs.tables import Table
from spark_jobs.transforms.indexing import assign_numbers, first_numbers, new_ids
from spark_jobs.transforms.interactions import COUNT, list_counted_types
from spark_jobs.transforms.millionths import to_score
from spark_jobs.transforms.scores import score
from spark_jobs.windows import DAY, floor, name, parse_instant

BASES = (tables.INTERACTIONS, tables.ITEM_DAYS)
FILES = 8  # for each output; the same for every size and setting
INDEXES = (tables.USER_INDEX, tables.ITEM_INDEX)


def main(overrides: Sequence[str], first_day: str | None) -> int:
    """Print the folder of the split, then one line for each file."""
    if not first_day:
        raise SettingsError(f"AT is missing: {typed('split', at='2019-10-25')}; {typed('status')} lists the days.")
    at, console = parse_instant("AT", first_day), Console()
    if floor(at, DAY) != at:
        raise SettingsError(
            f"AT {first_day}: a split must be at midnight (UTC), because prices are repaired from their whole day; "
            f"write {name(at, DAY)} or another day."
        )
    for line in split(context(load_settings(overrides), spark_session("split")), at):
        console.say(line)
    return 0


def split(ctx: Context, at: datetime) -> Iterator[str]:
    """Write `split-<day>` below paths.processed; yield a line for the folder and for each file.

    Raises PipelineError where a side has no events.
    """
    ctx = ctx.pin()
    interactions, items = map(ctx.read, BASES)
    interactions = complete_counts(interactions, ctx.settings)
    before, after = (F.col("event_date") < F.lit(at.date())), (F.col("event_date") >= F.lit(at.date()))
    as_of = _find_last_train_day(interactions, before, at)
    train, known = interactions.where(before), items.where(before)
    folder = Path(ctx.settings.paths.processed) / f"split-{name(at, DAY)}"
    folder.mkdir(parents=True, exist_ok=True)
    yield f"split at {name(at, DAY)}, train as of {name(as_of, DAY)}: {folder}"
    numbers = [_number_train_ids(ctx, train, table).persist(StorageLevel.MEMORY_AND_DISK) for table in INDEXES]
    matrix = _build_train_matrix(ctx, as_of, train, *numbers)
    matrix.cells.persist(StorageLevel.MEMORY_AND_DISK)  # counted, collected, then written
    try:
        for path in write_matrix(matrix, folder):
            yield path.name
        for table, rows in FEATURES.from_scratch(ctx, as_of, train, known).items():
            rows = rows.withColumn("as_of", F.lit(as_of.date())).select(*_list_columns(table))
            yield write_file(_order_for_files(rows, *table.key), folder, table.name, "parquet").name
        test = _sum_test_interactions(ctx, interactions.where(after), *numbers)
        yield write_file(_order_for_files(test, "user_id", "item_id"), folder, "test_interactions", "parquet").name
    finally:
        for frame in (matrix.cells, *numbers):
            frame.unpersist()


def _find_last_train_day(interactions: DataFrame, before: Column, at: datetime) -> datetime:
    """Return the last day of the train side. Raises PipelineError where a side has no events."""
    found = interactions.agg(
        F.max(F.when(before, F.col("event_date"))).alias("last"), F.count_if(~before).alias("after")
    ).head(1)[0]
    if found.last is None or not found.after:
        side = "before" if found.last is None else "at or after"
        raise PipelineError(f"{name(at, DAY)}: no preprocessed event lies {side} it; {typed('status')} lists the days.")
    return datetime(found.last.year, found.last.month, found.last.day)


def _build_train_matrix(
    ctx: Context, as_of: datetime, train: DataFrame, users: DataFrame, items: DataFrame
) -> UserItemMatrix:
    weights, trailing_days = user_item_matrix.select_settings(ctx.settings)
    days = user_item_matrix.keep_trailing_days(train, as_of, trailing_days)
    cells = user_item_matrix.score_cells(days, weights, users, items)
    cells = _order_for_files(
        cells.select("user_index", "item_index", "score", "user_id", "item_id"), "user_index", "item_index"
    )
    return UserItemMatrix(cells, users, items, ctx.settings.export.max_matrix_gb)


def _number_train_ids(ctx: Context, train: DataFrame, table: Table) -> DataFrame:
    """Number the train side's ids in the order of (first day, id); the warehouse's numbers depend on later events."""
    number, entity, _ = table.columns
    fresh = new_ids(train, ctx.storage.frame(table, []), entity)
    by_day = {row.first_day: row["count"] for row in fresh.groupBy("first_day").count().collect()}
    return _order_for_files(assign_numbers(fresh, first_numbers(by_day, 0), entity, number), number)


def _sum_test_interactions(ctx: Context, interactions: DataFrame, users: DataFrame, items: DataFrame) -> DataFrame:
    """Sum the events of each user and item after the split; numbers are null for ids missing on the train side."""
    counts = [F.sum(f"{kind}{COUNT}").alias(f"{kind}{COUNT}") for kind in list_counted_types(interactions)]
    pairs = interactions.groupBy("user_id", "item_id").agg(*counts, F.min("first_seen").alias("first_seen"))
    pairs = pairs.withColumn("score", to_score(score(ctx.settings.events.weights)))
    numbered_pairs = pairs.join(users.drop("first_day"), "user_id", "left").join(
        F.broadcast(items.drop("first_day")), "item_id", "left"
    )
    return numbered_pairs.select("user_index", "item_index", "score", *pairs.columns[:-1])


def _list_columns(table: Table) -> list[str]:
    return [column for column in table.columns if column != "built_at"]


def _order_for_files(rows: DataFrame, *key: str) -> DataFrame:
    """Put the rows into files in a fixed order, so that the same rows give the same bytes."""
    return rows.repartition(FILES, key[0]).sortWithinPartitions(*key)
