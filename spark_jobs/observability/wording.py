"""Lists of names in the form in which messages show them."""

from collections.abc import Sequence

MOST_NAMED = 3


def name_first(names: Sequence[object]) -> str:
    """Return the first names and the number of all others: 'a, b, c and 4 more'."""
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(map(str, names[:MOST_NAMED]))}{more}"
