"""Raw events, validated for each UTC hour: does the hour pass, and what is unusual about it?

Shares refer to the hour's dated raw rows. Limits come from conf/settings.toml. They are calibrated on the real October
and November of 2019, where a normal hour causes no warning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expectations import CRITICAL, WARNING, Expectation, Suite, at_least, at_most


@dataclass(frozen=True)
class Limits:
    """What is expected of an hour; shares are 0-1.

    `max_null_share`: the highest share of missing values of each optional column; `rated`: those of them that only
    rating events have. `expected_types`: the event types of which an hour of `expected_from_rows` rows has at least
    one. The others compare an hour with the same hour of the `weeks` weeks before it: the least share of a type's rows,
    the highest rise of the rejected share, and the highest change of the mean price.
    """

    max_reject_share: float
    max_null_share: Mapping[str, float]
    expected_types: Sequence[str]
    expected_from_rows: int
    weeks: int
    least_share: float
    most_reject_rise: float
    most_price_drift: float
    rated: Sequence[str] = ("rating",)


def suite(limits: Limits) -> Suite:
    """Return the suite over the measures of `transforms.hour_measures.hour_measures`."""
    expectations = [
        at_most("required_columns_gone", 0, "the columns user_id, item_id, event_type and timestamp exist"),
        at_most(
            "reject_share",
            limits.max_reject_share,
            f"at most {limits.max_reject_share:.0%} of the rows rejected",
            CRITICAL,
            rows="rejected_judged",
            of="judged_rows",
        ),
    ]
    for name, limit in limits.max_null_share.items():
        of = "rating events" if name in limits.rated else "rows"
        says = f"{name} missing in at most {limit:.0%} of the {of}"
        shown = {"rows": f"missing_{name}", "of": f"base_{name}"}
        expectations.append(at_most(f"missing_{name}_share", limit, says, WARNING, **shown))
    for name in limits.expected_types:
        says = f"at least one {name} event in an hour of {limits.expected_from_rows:,} rows or more"
        shown = {"rows": f"expected_{name}_rows", "of": "rows"}
        expectations.append(at_least(f"expected_{name}_rows", 1, says, WARNING, **shown))
    return Suite("raw_events", expectations + _compare_with_usual(limits))


def _compare_with_usual(limits: Limits) -> list[Expectation]:
    """Return the comparison of an hour with the same hour of the weeks before it."""
    weeks = f"the same hour of the {limits.weeks} weeks before"
    shares = [
        at_least(
            f"usual_{name}_share",
            limits.least_share,
            f"at least {limits.least_share:.0%} of the {name} events that {weeks} had",
            WARNING,
            rows=f"{name}_events",
            of=f"usual_{name}_rows",
        )
        for name in limits.expected_types
    ]
    rise = f"at most {limits.most_reject_rise:.0%} more of the rows rejected than in {weeks}"
    drift = f"a mean price within {limits.most_price_drift:.0%} of that in {weeks}"
    return [
        *shares,
        at_most("usual_reject_rise", limits.most_reject_rise, rise, WARNING, rows="rejected_judged", of="judged_rows"),
        at_most("usual_price_drift", limits.most_price_drift, drift, WARNING, rows="priced_rows"),
    ]
