"""Deduplicated events, validated for each UTC day: the key is unique and every dropped row is accounted for."""

from expectations import WARNING, Rule, Suite, at_most, expect_rules, structure
from spark_jobs.tables import DEDUPED_EVENTS

RULES = {
    "date_not_of_timestamp": Rule("event_date is the day of timestamp", broken="event_date <> to_date(timestamp)"),
}
USUAL_DROPPED_SHARE = 0.5  # 18.6 % of the real October head repeats within a minute


def suite() -> Suite:
    """Return the suite over the measures of `transforms.measures`, `keys_lost` and `dropped_share`."""
    return Suite(
        "deduped_events",
        [
            *structure(DEDUPED_EVENTS),
            *expect_rules(RULES),
            at_most("keys_lost", 0, "every key of user_events keeps one row", rows="keys_lost"),
            at_most(
                "dropped_share",
                USUAL_DROPPED_SHARE,
                f"at most {USUAL_DROPPED_SHARE:.0%} of the rows dropped as duplicates",
                WARNING,
                rows="dropped",
                of="rows_in",
            ),
        ],
        RULES,
    )
