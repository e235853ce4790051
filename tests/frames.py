"""Compare a whole frame with the expected one. `pyspark.testing` has such a function; it does not run with pandas 3."""

import pandas as pd
from pyspark.sql import DataFrame


def assert_frames_equal(found: DataFrame, expected: DataFrame) -> None:
    """Assert that both have the same columns, types and rows. The order of rows is ignored, repeated rows are counted.

    Cells are equal only to the last bit; a null equals nothing but a null. A failure shows both frames.
    """
    assert found.dtypes == expected.dtypes
    left, right = _to_texts(found), _to_texts(expected)
    try:
        pd.testing.assert_frame_equal(left, right, obj="found (left) and expected (right)")
    except AssertionError as error:
        error.add_note(f"found:\n{left.to_string()}\nexpected:\n{right.to_string()}")
        raise


def _to_texts(frame: DataFrame) -> pd.DataFrame:
    """Return the sorted rows with the `repr` of each cell: pandas regards None and NaN as equal, `repr` does not."""
    rows = sorted([repr(cell) for cell in row] for row in frame.collect())
    return pd.DataFrame(rows, columns=frame.columns, dtype=str)
