"""User features, validated as a whole: one row for each user, counts that add up, shares between 0 and 1."""

from collections.abc import Sequence

from expectations import Rule, Suite, at_most, counts_add_up, expect_rules, structure
from spark_jobs.tables import USER_FEATURES

RULES = {
    "money_negative": Rule(
        "sums and means of money are not negative", broken="total_spent < 0 OR avg_price < 0 OR avg_purchase_amount < 0"
    ),
    "days_not_plausible": Rule(
        "active_days lies between 1 and the days from first_seen to last_seen",
        broken="active_days < 1 OR active_days > datediff(last_seen, first_seen) + 1",
    ),
    "times_reversed": Rule("first_seen is not after last_seen", broken="first_seen > last_seen"),
    "share_out_of_range": Rule(
        "shares lie between 0 and 1", broken="exists(category_preference, c -> c.share < 0 OR c.share > 1)"
    ),
    "time_unknown": Rule(
        "preferred_time is dawn, morning, afternoon or evening",
        broken="preferred_time NOT IN ('dawn', 'morning', 'afternoon', 'evening')",
    ),
}


def suite(types: Sequence[str]) -> Suite:
    """Return the suite over the measures of `transforms.measures` and `events_lost`. `types`: the event types."""
    rules = {"counts_do_not_add_up": counts_add_up(USER_FEATURES, types), **RULES}
    return Suite(
        "user_features",
        [
            *structure(USER_FEATURES),
            *expect_rules(rules),
            at_most("events_lost", 0, "total_events adds up to the rows of cleaned_events", rows="events_lost"),
        ],
        rules,
    )
