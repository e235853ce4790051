"""The row rules: every row gets an array of its reasons. A row with an empty array is good."""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.tables.model import SourceColumn
from spark_jobs.tables.source_columns import EVENT
from spark_jobs.transforms.digest import digest_events
from spark_jobs.transforms.parse import PLAIN_TIME_FORMAT, any_of, name_reasons
from spark_jobs.transforms.reasons import Reason

COLUMNS = {column.name: column for column in EVENT}


def add_reasons(raw: DataFrame, allowed: Sequence[str], ignored: Sequence[str]) -> DataFrame:
    """Add `reasons` to `raw_events`: the faults of parsing and every rule below that the row breaks. No shuffle.

    A malformed row gets that reason only. With click neither allowed nor ignored:

        user_id  event_type  reasons
              1  view        []
           null  view        [user_id_missing]
             -1  click       [user_id_not_positive, event_type_unknown]
    """
    event_type = F.col("event_type")
    rules = {
        **_build_id_rules("user_id"),
        **_build_id_rules("item_id"),
        **_build_range_rules(),
        Reason.EVENT_TYPE_MISSING: event_type.isNull(),
        Reason.EVENT_TYPE_UNKNOWN: ~event_type.isin(*allowed, *ignored),
        Reason.EVENT_TYPE_IGNORED: event_type.isin(*ignored) & ~event_type.isin(*allowed),
        Reason.TIMESTAMP_MISSING: F.col("timestamp").isNull() & ~_has_fault(Reason.TIMESTAMP_NOT_A_TIME),
        Reason.TIMESTAMP_IMPLAUSIBLE: F.col("timestamp").isNotNull() & F.col("event_date").isNull(),
        Reason.TEXT_NOT_STORABLE: _is_not_storable(),
    }
    none = F.array().cast("array<string>")
    broken = any_of([F.col("faults").isNotNull(), *rules.values()])  # tested first: most rows break no rule
    found = F.concat(F.coalesce("faults", none), name_reasons(list(rules.items())))
    in_order = F.array_intersect(F.array(*(F.lit(reason.value) for reason in Reason)), found)
    malformed = F.array(F.lit(Reason.MALFORMED_RECORD.value))
    reasons = F.when(~broken, none).when(_has_fault(Reason.MALFORMED_RECORD), malformed).otherwise(in_order)
    return raw.withColumn("reasons", reasons)


def profile_hours(
    judged: DataFrame,
    types: Sequence[str],
    rated: Sequence[str],
    optional: Sequence[str],
    further: Sequence[Column] = (),
) -> DataFrame:
    """Count what the verdict is based on: one row for each UTC hour (null: undated) and file. One small shuffle.

    `further`: more aggregates in the same pass. Missing values are counted on rows without faults. A rating is expected
    on events of the `rated` types only. These rows have `missing_price` 1, `missing_rating` 1, `rejected_rows` 1:

        event_type  price  rating  faults
        view         5.00    null  null
        rating       null    null  null
        rating       null    4.00  [price_not_a_number]
    """
    rejected = F.size("reasons") > 0
    ignored = F.array_contains("reasons", Reason.EVENT_TYPE_IGNORED.value)
    missing = {name: F.col(name).isNull() & F.col("faults").isNull() for name in optional}
    missing["rating"] = missing["rating"] & F.col("event_type").isin(*rated)
    hour = F.when(F.col("event_date").isNotNull(), F.date_trunc("hour", "timestamp"))
    return judged.groupBy(hour.alias("hour"), "file_id").agg(
        F.count("*").alias("raw_rows"),
        F.count_if(rejected).alias("rejected_rows"),
        F.count_if(ignored).alias("ignored_rows"),
        *(F.count_if(F.col("event_type") == name).alias(f"{name}_events") for name in types),
        *(F.count_if(condition).alias(f"missing_{name}") for name, condition in missing.items()),
        F.count_if(~rejected & (F.col("price") > 0)).alias("priced_rows"),
        F.coalesce(F.sum(F.when(~rejected, F.col("price"))).cast("double"), F.lit(0.0)).alias("price_sum"),
        *further,
        *digest_events(where=~rejected),
    )


def format_rejected(
    rejected: DataFrame, headers: Mapping[int, Sequence[str]], file_names: Mapping[int, str]
) -> DataFrame:
    """Return rejected rows as `rejected_events`.

    Where landing stored no text, it is built from the types, in the file's column order.
    """
    texts: dict[tuple[str, ...], list[int]] = {}
    for file_id, header in headers.items():
        texts.setdefault(tuple(header), []).append(file_id)
    text = F.lit(None).cast("string")
    for header, files in texts.items():
        fields = (_format_plain(COLUMNS[name]) if name in COLUMNS else F.lit("") for name in header)
        text = F.when(F.col("file_id").isin(files), F.concat_ws(",", *fields)).otherwise(text)
    name = F.lit(None).cast("string")
    if file_names:
        name = F.create_map(*(F.lit(value) for pair in file_names.items() for value in pair))[F.col("file_id")]
    hour = F.when(F.col("event_date").isNotNull(), F.date_trunc("hour", "timestamp"))
    return rejected.select(
        "event_date",
        hour.alias("hour"),
        "reasons",
        F.coalesce("raw_text", text).alias("raw_text"),
        name.alias("file_name"),
        "file_id",
    )


def _format_plain(column: SourceColumn) -> Column:
    """Return the plain text of a typed column, as `parse` recognises it."""
    is_time, value = column.type == "TIMESTAMP", F.col(column.name)
    return F.coalesce(F.date_format(value, PLAIN_TIME_FORMAT) if is_time else value.cast("string"), F.lit(""))


def _has_fault(reason: Reason) -> Column:
    return F.coalesce(F.array_contains("faults", reason.value), F.lit(False))


def _build_id_rules(name: str) -> dict[Reason, Column]:
    not_an_integer = Reason(f"{name}_not_an_integer")
    return {
        Reason(f"{name}_missing"): F.col(name).isNull() & ~_has_fault(not_an_integer),
        Reason(f"{name}_not_positive"): F.col(name) <= 0,
    }


def _build_range_rules() -> dict[Reason, Column]:
    return {
        Reason(f"{column.name}_out_of_range"): ~F.col(column.name).between(*column.bounds)
        for column in EVENT
        if column.bounds
    }


def _is_not_storable() -> Column:
    """Return whether PostgreSQL cannot store a text: it has a NUL, or more code points than its column allows.

    A word of a closed list has its own reasons.
    """
    bad = F.lit(False)
    for column in EVENT:
        if column.type == "STRING" and not column.trimmed:
            text = F.col(column.name)
            is_long = F.char_length(text) > column.length if column.length else F.lit(False)
            bad = bad | F.coalesce(is_long | text.contains("\0"), F.lit(False))
    return bad
