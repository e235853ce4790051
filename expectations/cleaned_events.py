"""Cleaned events, validated for each UTC day: as many rows as before, and no repair without its source."""

from expectations import WARNING, Rule, Suite, at_most, expect_rules, one_of, structure
from spark_jobs.tables import CLEANED_EVENTS, PriceSource, RatingSource

RULES = {
    "price_source_unknown": one_of("price_source", PriceSource),
    "rating_source_unknown": one_of("rating_source", RatingSource),
    "price_without_source": Rule(
        f"price is null exactly where price_source is {PriceSource.NONE}",
        broken=f"(price IS NULL) <> (price_source = '{PriceSource.NONE}')",
    ),
    "rating_without_source": Rule(
        f"rating is null exactly where rating_source is {RatingSource.NONE}",
        broken=f"(rating IS NULL) <> (rating_source = '{RatingSource.NONE}')",
    ),
    "price_not_positive": Rule("prices are positive", broken="price <= 0"),
    "rating_out_of_range": Rule("ratings lie between 1 and 5", broken="rating NOT BETWEEN 1 AND 5"),
}
USUAL_REPAIRED_SHARE = 0.1  # 0.2 % of the real prices are 0


def suite() -> Suite:
    """Return the suite over the measures of `transforms.measures`, `rows_lost`, `keys_changed` and `repaired_share`."""
    return Suite(
        "cleaned_events",
        [
            *structure(CLEANED_EVENTS, keys=False),
            *expect_rules(RULES),
            at_most("rows_lost", 0, "as many rows as deduped_events", rows="rows_lost"),
            at_most("keys_changed", 0, "the keys are those of deduped_events, with one row for each key"),
            at_most(
                "repaired_share",
                USUAL_REPAIRED_SHARE,
                f"at most {USUAL_REPAIRED_SHARE:.0%} of the prices repaired",
                WARNING,
                rows="repaired",
                of="rows",
            ),
        ],
        RULES,
    )
