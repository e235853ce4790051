"""The sparse matrix, validated as a whole: one cell for each pair, every number in its index, no score lost."""

from expectations import Rule, Suite, at_most, expect_rules, structure
from spark_jobs.tables import USER_ITEM_MATRIX

RULES = {
    "score_not_positive": Rule("scores are positive", broken="NOT score > 0"),
    "number_negative": Rule("index numbers start at 0", broken="user_index < 0 OR item_index < 0"),
}


def suite() -> Suite:
    """Return the suite over the measures of `transforms.measures`, `numbers_beyond_index` and `score_lost`."""
    return Suite(
        "user_item_matrix",
        [
            *structure(USER_ITEM_MATRIX),
            *expect_rules(RULES),
            at_most("numbers_beyond_index", 0, "index numbers are below the counts of indexed users and items"),
            at_most("score_lost", 0, "the scores add up to those of the cleaned events"),
        ],
        RULES,
    )
