"""Which rows are a user's: typed ones by their column, others by what their text says."""

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

AROUND = ' \t"'


def typed(user: int) -> Column:
    """A row whose user is known to be this one."""
    return F.coalesce(F.col("user_id") == user, F.lit(False))


def told(user: int, headers: Mapping[int, Sequence[str]]) -> Column:
    """A row whose `raw_text` names this user: in the user's field, or in any, where it has not the header's fields.

    `headers` are the column names of each file. A field in quotes counts by what stands in it.
    """
    fields = F.transform(F.split("raw_text", ","), lambda field: F.btrim(field, F.lit(AROUND)))
    anywhere = F.array_contains(fields, str(user))
    places: dict[tuple[int, int], list[int]] = {}
    for file_id, names in headers.items():
        if "user_id" in names:
            places.setdefault((len(names), list(names).index("user_id")), []).append(file_id)
    in_place = [
        F.when(F.size(fields) == width, F.get(fields, F.lit(place)) == str(user)).otherwise(anywhere)
        & F.col("file_id").isin(file_ids)
        for (width, place), file_ids in places.items()
    ]
    return F.coalesce(reduce(Column.__or__, in_place, F.lit(False)), F.lit(False))


def raw(user: int, headers: Mapping[int, Sequence[str]]) -> Column:
    """A row of raw_events that is this user's."""
    return typed(user) | (F.col("user_id").isNull() & told(user, headers))
