"""Whole millionths, in which scores are summed: exact in any order for weights of at most six decimals.

A score becomes a DOUBLE at the end.
"""

from decimal import Decimal

from pyspark.sql import Column
from pyspark.sql import functions as F

MILLION = 1_000_000
TOTAL = "decimal(38,0)"  # for any number of rows: a BIGINT would overflow at large weights


def millionths(weight: float) -> int:
    """Convert a weight of at most six decimals by its shortest decimal text: 0.3 is 300,000, exactly."""
    return int(Decimal(str(weight)) * MILLION)


def to_score(whole: Column) -> Column:
    """Divide whole millionths (BIGINT) once, to the DOUBLE nearest to the exact score."""
    return whole.cast("double") / F.lit(float(MILLION))


def from_score(score: str) -> Column:
    """Convert a score (DOUBLE) back to the whole millionths (BIGINT) that it was divided from; exact below 2^33.

    The fraction is converted separately, so that its product is not rounded a second time.
    """
    units = F.floor(F.col(score))
    rest = F.rint((F.col(score) - units) * F.lit(float(MILLION))).cast("bigint")
    return units * F.lit(MILLION).cast("bigint") + rest


def sum_millionths(whole: Column) -> Column:
    """Return the aggregate sum of whole millionths over any number of rows; 0 without rows."""
    return F.coalesce(F.sum(whole.cast("decimal(28,0)")), F.lit(0)).cast(TOTAL)
