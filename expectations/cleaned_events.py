"""Cleaned events, judged for each UTC day: as many rows as before, and no repair without its source."""

import great_expectations as gx

from expectations import WARNING, at_most, rules, structure
from spark_jobs.settings import Settings
from spark_jobs.tables import CLEANED_EVENTS

RULES = {
    "price_source_unknown": "price_source NOT IN ('given', 'item', 'category', 'day', 'none')",
    "rating_source_unknown": "rating_source NOT IN ('given', 'item', 'day', 'none')",
    "price_without_source": "(price IS NULL) <> (price_source = 'none')",
    "rating_without_source": "(rating IS NULL) <> (rating_source = 'none')",
    "price_not_positive": "price <= 0",
    "rating_out_of_range": "rating NOT BETWEEN 1 AND 5",
}
SAYS = {
    "price_source_unknown": "price_source is given, item, category, day or none",
    "rating_source_unknown": "rating_source is given, item, day or none",
    "price_without_source": "price is null exactly where price_source is none",
    "rating_without_source": "rating is null exactly where rating_source is none",
    "price_not_positive": "prices are positive",
    "rating_out_of_range": "ratings lie between 1 and 5",
}
USUAL_REPAIRED_SHARE = 0.1  # 0.2 % of the real prices are 0


def suite(settings: Settings) -> gx.ExpectationSuite:
    """The suite over the measures of `transforms.measure`, `rows_lost` and `repaired_share`."""
    return gx.ExpectationSuite(
        name="cleaned_events",
        expectations=[
            *structure(CLEANED_EVENTS),
            *rules(RULES, SAYS),
            at_most("rows_lost", 0, "as many rows as deduped_events"),
            at_most(
                "repaired_share",
                USUAL_REPAIRED_SHARE,
                f"at most {USUAL_REPAIRED_SHARE:.0%} of the prices repaired",
                WARNING,
                rows="repaired",
            ),
        ],
    )
