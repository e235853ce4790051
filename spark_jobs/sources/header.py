"""The header line of a file: which columns it must name, and which of our columns each name means."""

from collections import Counter

from spark_jobs.errors import SourceError
from spark_jobs.tables.source_columns import EVENT, OPTIONAL, REQUIRED

KAGGLE_NAMES = {column.kaggle: column.name for column in EVENT if column.kaggle}
UNKNOWN = "unknown_"


def map_columns(names: list[str]) -> list[str]:
    """Return our name of each column of a header; `unknown_<position>` for columns that we do not use.

    Raises SourceError (a sentence without the file's name) where the header or a required column is missing, a column
    is repeated, or two names mean the same column.
    """
    own_names = [KAGGLE_NAMES.get(name, name) for name in names]
    known = [name for name in own_names if name in REQUIRED + OPTIONAL]
    if not known:
        shown = ",".join(names)
        raise SourceError(
            f"no header: the first line is {shown[:80]!r}; it must name the columns, at least "
            "event_time (or timestamp), event_type, product_id (or item_id) and user_id."
        )
    for name, count in Counter(names).items():
        if count > 1 and name:
            raise SourceError(f"the header names the column {name} {count} times; name it once.")
    for name, count in Counter(known).items():
        if count > 1:
            both = " and ".join(theirs for theirs, our in zip(names, own_names, strict=True) if our == name)
            raise SourceError(f"the header has two names for one column: {both}; remove one.")
    if missing := [name for name in REQUIRED if name not in known]:
        kaggle = {own_name: kaggle_name for kaggle_name, own_name in KAGGLE_NAMES.items()}
        descriptions = [f"{name} (or {kaggle[name]})" if name in kaggle else name for name in missing]
        raise SourceError(f"the required column {', '.join(descriptions)} is missing from the header.")
    return [name if name in known else f"{UNKNOWN}{position}" for position, name in enumerate(own_names)]


def find_ignored(names: list[str]) -> list[str]:
    """Return the header's names that match none of our columns; an empty name is shown as (empty)."""
    return [name or "(empty)" for name in names if KAGGLE_NAMES.get(name, name) not in REQUIRED + OPTIONAL]
