"""A frame from its columns and rows, for the tests of transforms."""

from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame, SparkSession


@pytest.fixture
def frame(spark: SparkSession) -> Callable[..., DataFrame]:
    """Return a function that makes a frame of columns, as DDL, and rows."""

    def make(columns: str, *rows: tuple) -> DataFrame:
        return spark.createDataFrame(list(rows), columns)

    return make
