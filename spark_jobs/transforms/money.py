"""Money summed in whole hundredths: exact as decimals are, and quicker."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.tables.model import MONEY


def hundredths(amount: str) -> Column:
    """An amount with two decimals as a whole number."""
    return (F.col(amount) * F.lit(100)).cast("bigint")


def money(whole: Column) -> Column:
    """A whole number of hundredths as MONEY."""
    return (whole.cast("decimal(18,0)") * F.lit("0.01").cast("decimal(3,2)")).cast(MONEY)
