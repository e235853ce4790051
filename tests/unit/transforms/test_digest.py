"""Digests: a column that is added later changes the digest only of rows that have a value in it."""

from decimal import Decimal

from pyspark.sql import functions as F

from spark_jobs.tables.source_columns import ORIGINAL
from spark_jobs.transforms.digest import digest_events, digest_sums


def test_a_row_without_a_value_in_an_added_column_keeps_its_digest(spark):
    def digest(*row, added=("first", "second")) -> tuple:
        frame = spark.createDataFrame([row], "id BIGINT, brand STRING, first DECIMAL(10,2), second DECIMAL(10,2)")
        return tuple(frame.agg(*digest_sums(["id", "brand"], added=added)).head())

    value = Decimal("1.50")
    for brand in ("acme", None):
        before = digest(1, brand, value, value, added=())
        assert digest(1, brand, None, None, added=("first",)) == digest(1, brand, None, None) == before
        found = {digest(1, brand, *values) for values in ((value, None), (None, value), (value, value))}
        assert len(found | {before}) == 4


def test_the_digest_of_an_event_is_the_one_in_existing_warehouses(spark):
    row = (501, 1001, "view", "2019-10-01 09:00:00", None, None, "10.00", "2053013555631882655", "a.b", "acme")
    types = [f"CAST(col{number} AS {column.type}) AS {column.name}" for number, column in enumerate(ORIGINAL, 1)]
    values = ", ".join("NULL" if value is None else repr(value) for value in row)
    frame = spark.sql(f"SELECT {', '.join(types)} FROM VALUES ({values})")
    raw = frame.withColumns({"faults": F.lit(None).cast("array<string>"), "raw_text": F.lit("x")})
    assert tuple(frame.agg(*digest_events()).head()) == (4045609195, 3861255794)
    assert tuple(raw.agg(*digest_events("faults", "raw_text")).head()) == (2785595297, 241158282)
