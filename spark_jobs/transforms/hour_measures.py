"""Measures by which an hour is validated, computed from counts by hour and file."""

from collections.abc import Mapping, Sequence

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.tables.source_columns import OPTIONAL, REQUIRED


def format_window_key(hour: Column, file_id: Column) -> Column:
    """Return the ledger's key: 2019-10-01T00 for an hour, undated:3 for the rows of file 3 without a usable time."""
    return F.coalesce(F.date_format(hour, "yyyy-MM-dd'T'HH"), F.concat(F.lit("undated:"), file_id.cast("string")))


def list_type_counts(types: Sequence[str]) -> list[str]:
    """Return the names of the counts of these event types."""
    return [f"{name}_events" for name in types]


def hour_measures(
    counts: pd.DataFrame,
    headers: Mapping[int, Sequence[str]],
    rated: Sequence[str],
    expected: Sequence[str],
    expected_from: int,
) -> pd.DataFrame:
    """Compute the measures of the dated hours from `validate.profile_hours`, one row for each hour.

    A column's missing values are counted over the rows of files that have the column; null where none has it. An
    expected type is checked in hours of at least `expected_from` rows. Rows of ignored types count on neither side of
    the reject share. Three files of one hour, of which file 3 has no column for the brand, give `reject_share` 0.1 (10
    of 100) and `missing_brand_share` 0.2 (16 of 80):

        file_id  raw_rows  rejected_rows  ignored_rows  missing_brand
              1        40             10             5              6
              2        40             20            15             10
              3        40              0             0             40
    """
    dated = counts[counts["hour"].notna()].copy()
    for name in OPTIONAL:
        has = dated["file_id"].map(lambda file, name=name: name in headers[file]).astype(bool)
        base = dated[list_type_counts(rated)].sum(axis=1) if name == "rating" else dated["raw_rows"]
        dated[f"base_{name}"] = base.where(has, 0)
        dated[f"missing_{name}"] = dated[f"missing_{name}"].where(has, 0)
    gone = [len([name for name in REQUIRED if name not in headers[file]]) for file in dated["file_id"]]
    dated["required_columns_gone"] = gone
    hours = dated.drop(columns=["file_id"]).groupby(["unit", "hour"], as_index=False).sum()
    hours["rows"] = hours["raw_rows"]
    hours["valid_rows"] = hours["raw_rows"] - hours["rejected_rows"]
    hours["judged_rows"] = hours["raw_rows"] - hours["ignored_rows"]
    hours["rejected_judged"] = hours["rejected_rows"] - hours["ignored_rows"]
    hours["reject_share"] = (hours["rejected_judged"] / hours["judged_rows"].replace(0, float("nan"))).fillna(0)
    for name in OPTIONAL:
        hours[f"missing_{name}_share"] = hours[f"missing_{name}"] / hours[f"base_{name}"].replace(0, float("nan"))
    for name in expected:
        hours[f"expected_{name}_rows"] = hours[f"{name}_events"].where(hours["raw_rows"] >= expected_from)
    return hours.drop(columns=["hour"])
