"""What the settings expect of an hour, as the suite of `raw_events` takes it."""

from expectations.raw_events import Limits
from spark_jobs.settings import Settings
from spark_jobs.tables.events import OPTIONAL


def select_limits(settings: Settings) -> Limits:
    """Return the limits of an hour of raw events."""
    quality, usual = settings.quality, settings.usual
    return Limits(
        max_reject_share=quality.max_reject_share,
        max_null_share={name: quality.find_max_null_share(name) for name in OPTIONAL},
        expected_types=settings.events.expected_types,
        expected_from_rows=settings.events.expected_from_rows,
        weeks=usual.weeks,
        least_share=usual.least_share,
        most_reject_rise=usual.most_reject_rise,
        most_price_drift=usual.most_price_drift,
    )
