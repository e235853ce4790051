"""The comparison of frames fails for each kind of difference."""

from decimal import Decimal

import pytest

from tests.frames import assert_frames_equal

COLUMNS = "id BIGINT, price DECIMAL(10,2), share DOUBLE, brand STRING, list ARRAY<BIGINT>"
FIRST = (1, Decimal("1.50"), 0.1, None, [1, None])
SECOND = (2**60, None, None, "acme", [])


def test_the_same_rows_in_another_order_are_equal(spark):
    found = spark.createDataFrame([FIRST, SECOND], COLUMNS)
    assert_frames_equal(found, spark.createDataFrame([SECOND, FIRST], COLUMNS))
    assert_frames_equal(found.where("false"), spark.createDataFrame([], COLUMNS))


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([FIRST], COLUMNS),
        ([FIRST, SECOND, SECOND], COLUMNS),
        ([], COLUMNS),
        ([FIRST, (2**60 + 1, *SECOND[1:])], COLUMNS),
        ([FIRST, (2**60, Decimal(0), *SECOND[2:])], COLUMNS),
        ([FIRST, (2**60, None, float("nan"), *SECOND[3:])], COLUMNS),
        ([(1, Decimal("1.50"), 0.1 + 2**-56, None, [1, None]), SECOND], COLUMNS),
        ([(1, Decimal("1.50"), 0.1, "None", [1, None]), SECOND], COLUMNS),
        ([(1, Decimal("1.50"), 0.1, None, [1]), SECOND], COLUMNS),
        ([FIRST, SECOND], COLUMNS.replace("brand", "name")),
        ([FIRST, SECOND], COLUMNS.replace("DECIMAL(10,2)", "DECIMAL(18,2)")),
        ([(*FIRST, 1), (*SECOND, 1)], COLUMNS + ", one INT"),
    ],
)
def test_any_difference_of_rows_columns_or_types_fails(spark, rows, columns):
    with pytest.raises(AssertionError):
        assert_frames_equal(spark.createDataFrame(rows, columns), spark.createDataFrame([FIRST, SECOND], COLUMNS))


def test_a_failure_shows_the_column_and_both_frames(spark):
    found, expected = (spark.createDataFrame([row], COLUMNS) for row in (FIRST, (*FIRST[:3], "acme", [])))
    with pytest.raises(AssertionError, match='column name="brand"') as caught:
        assert_frames_equal(found, expected)
    (note,) = caught.value.__notes__
    assert note.startswith("found:") and "expected:" in note and "Decimal('1.50')" in note and "'acme'" in note
