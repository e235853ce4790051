"""The closed lists of words that the tables contain, each with its words in the order in which they are shown.

The reasons for rejecting a row are in `transforms/reasons.py`.
"""

from enum import StrEnum


class PriceSource(StrEnum):
    """Where the price of a cleaned event comes from: cleaned_events.price_source."""

    GIVEN = "given"
    ITEM = "item"
    CATEGORY = "category"
    DAY = "day"
    NONE = "none"


class RatingSource(StrEnum):
    """Where the rating of a cleaned event comes from: cleaned_events.rating_source."""

    GIVEN = "given"
    ITEM = "item"
    DAY = "day"
    NONE = "none"


class FileStatus(StrEnum):
    """What became of a file: landed_files.status."""

    LANDED = "landed"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    VANISHED = "vanished"


class HourStatus(StrEnum):
    """What became of an hour, or of a file's undated rows: hour_status.status."""

    STOPPED = "stopped"
    COMMITTED = "committed"
    LOADED = "loaded"
    REJECTED = "rejected"


class BuildStatus(StrEnum):
    """What became of a build: day_builds.status."""

    BUILT = "built"
    STOPPED = "stopped"
