"""Deduplicated events, judged for each UTC day: the key is unique and every dropped row is accounted for."""

import great_expectations as gx

from expectations import WARNING, at_most, rules, structure
from spark_jobs.settings import Settings
from spark_jobs.tables import DEDUPED_EVENTS

RULES = {"date_not_of_timestamp": "event_date <> to_date(timestamp)"}
SAYS = {"date_not_of_timestamp": "event_date is the day of timestamp"}
USUAL_DROPPED_SHARE = 0.5  # 18.6 % of the real October head repeats within a minute


def suite(settings: Settings) -> gx.ExpectationSuite:
    """The suite over the measures of `transforms.measure`, `rows_lost` and `dropped_share`."""
    return gx.ExpectationSuite(
        name="deduped_events",
        expectations=[
            *structure(DEDUPED_EVENTS),
            *rules(RULES, SAYS),
            at_most("keys_lost", 0, "every key of user_events keeps one row"),
            at_most(
                "dropped_share",
                USUAL_DROPPED_SHARE,
                f"at most {USUAL_DROPPED_SHARE:.0%} of the rows dropped as duplicates",
                WARNING,
                rows="dropped",
            ),
        ],
    )
