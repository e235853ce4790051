"""Conditions for a user's rows: typed rows are tested by their column, others by their text.

Landing skips the records of erased users by the same rules (`sources.suppression`).
"""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.transforms.reasons import Reason

MALFORMED = Reason.MALFORMED_RECORD.value


def match_typed(user: int) -> Column:
    """Return the condition of a row whose user is known to be this one."""
    return F.coalesce(F.col("user_id") == user, F.lit(False))


def match_raw(user: int) -> Column:
    """Return the condition of a user's row in raw_events: by value, or if malformed by any number in its text.

    For user 7:

        user_id  item_id  faults              raw_text
              7        1  null                null      true
              1        7  null                null      false
           null     null  [malformed_record]  view;07   true
    """
    return match_typed(user) | (_is_malformed("faults") & _has_number(user))


def match_rejected(user: int, headers: Mapping[int, Sequence[str]]) -> Column:
    """Return the condition of a user's row in rejected_events: by the user's field in its text.

    A malformed row is tested by any number in its text. `headers`: the column names of each file. For user 7, with the
    header user_id,item_id,price:

        reasons             raw_text
        [price_negative]    " 07,1,-5"  true
        [price_negative]    "1,7,-5"    false
        [malformed_record]  "1,7"       true
    """
    return F.when(_is_malformed("reasons"), _has_number(user)).otherwise(_is_in_field(user, headers))


def _is_malformed(marks: str) -> Column:
    return F.coalesce(F.array_contains(marks, MALFORMED), F.lit(False))


def _has_number(user: int) -> Column:
    """Return whether the text has the number as a separate number, with or without leading zeros."""
    return F.coalesce(F.col("raw_text").rlike(rf"(?<![0-9])0*{user}(?![0-9])"), F.lit(False))


def _is_in_field(user: int, headers: Mapping[int, Sequence[str]]) -> Column:
    """Return whether the user's field, read as CSV, is this number. Ignores surrounding blanks and leading zeros."""
    places: dict[tuple[int, int], list[int]] = {}
    for file_id, names in headers.items():
        if "user_id" in names:
            places.setdefault((len(names), list(names).index("user_id")), []).append(file_id)
    found = F.lit(False)
    for (width, place), file_ids in places.items():
        columns = ", ".join(f"c{number} STRING" for number in range(width))
        field = F.from_csv("raw_text", F.lit(columns), {"escape": '"', "mode": "PERMISSIVE"})[f"c{place}"]
        is_theirs = F.coalesce(field.rlike(rf"^[ \t]*0*{user}[ \t]*$"), F.lit(False))
        found = found | (F.col("file_id").isin(file_ids) & is_theirs)
    return found
