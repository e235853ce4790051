"""User features, judged as a whole: one row a user, counts that add up, shares between 0 and 1."""

import great_expectations as gx

from expectations import at_most, rules, structure
from spark_jobs.settings import Settings
from spark_jobs.tables import USER_FEATURES

RULES = {
    "counts_do_not_add_up": "view_count + cart_count + purchase_count + rating_count <> total_events",
    "money_negative": "total_spent < 0 OR avg_price < 0 OR avg_purchase_amount < 0",
    "days_not_plausible": "active_days < 1 OR active_days > datediff(last_seen, first_seen) + 1",
    "times_reversed": "first_seen > last_seen",
    "share_out_of_range": "exists(category_preference, c -> c.share < 0 OR c.share > 1)",
    "time_unknown": "preferred_time NOT IN ('dawn', 'morning', 'afternoon', 'evening')",
}
SAYS = {
    "counts_do_not_add_up": "the counts by type add up to total_events",
    "money_negative": "sums and means of money are not negative",
    "days_not_plausible": "active_days lies between 1 and the days from first_seen to last_seen",
    "times_reversed": "first_seen is not after last_seen",
    "share_out_of_range": "shares lie between 0 and 1",
    "time_unknown": "preferred_time is dawn, morning, afternoon or evening",
}


def suite(settings: Settings) -> gx.ExpectationSuite:
    """The suite over the measures of `transforms.measure` and `events_lost`."""
    return gx.ExpectationSuite(
        name="user_features",
        expectations=[
            *structure(USER_FEATURES),
            *rules(RULES, SAYS),
            at_most("events_lost", 0, "total_events adds up to the rows of cleaned_events"),
        ],
    )
