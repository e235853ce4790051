"""Item features, validated as a whole: one row for each item, counts that add up, scores between 0 and 1."""

from collections.abc import Sequence

from expectations import Rule, Suite, at_most, counts_add_up, expect_rules, structure
from spark_jobs.tables import ITEM_FEATURES

RULES = {
    "users_not_plausible": Rule(
        "unique_users is between 1 and total_events, unique_purchasers at most unique_users",
        broken="unique_users < 1 OR unique_users > total_events OR unique_purchasers > unique_users",
    ),
    "score_out_of_range": Rule(
        "popularity_score lies between 0 and 1", broken="popularity_score NOT BETWEEN 0 AND 1 + 1e-9"
    ),
    "range_without_price": Rule(
        "price_range is null exactly where avg_price is null", broken="(price_range IS NULL) <> (avg_price IS NULL)"
    ),
    "rating_out_of_range": Rule("avg_rating lies between 1 and 5", broken="avg_rating NOT BETWEEN 1 AND 5"),
    "times_reversed": Rule("first_seen is not after last_seen", broken="first_seen > last_seen"),
}


def suite(types: Sequence[str]) -> Suite:
    """Return the suite over the measures of `transforms.measures` and `events_lost`. `types`: the event types."""
    rules = {"counts_do_not_add_up": counts_add_up(ITEM_FEATURES, types), **RULES}
    return Suite(
        "item_features",
        [
            *structure(ITEM_FEATURES),
            *expect_rules(rules),
            at_most("events_lost", 0, "total_events adds up to the rows of cleaned_events", rows="events_lost"),
        ],
        rules,
    )
