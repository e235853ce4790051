"""Validation of the measures of a build, and the report of its verdict."""

from collections.abc import Mapping

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations import Suite
from spark_jobs.context import Context
from spark_jobs.errors import QualityError
from spark_jobs.tables import Table
from spark_jobs.transforms.measures import Rule
from spark_jobs.validation import great_expectations


def judge_measures(ctx: Context, suite: Suite, measures: pd.DataFrame, by: str | None) -> great_expectations.Verdict:
    """Validate measures that have a row for each day in column `by`; None: one row, for a snapshot."""
    table = measures.copy()
    table.insert(0, "unit", [str(day) for day in table.pop(by)] if by else ["snapshot"])
    return great_expectations.judge(suite, table, ctx.settings.paths.quality, ctx.settings.quality.docs_days)


def report_verdict(
    ctx: Context, verdict: great_expectations.Verdict, frame: DataFrame, table: Table, rules: Mapping[str, Rule]
) -> None:
    """Print the warnings. Raises QualityError where an expectation failed.

    The error names the expectation and the windows, with the rows and three examples.
    """
    for window, texts in verdict.warned.items():
        ctx.say(f"warning: {table.name} of {window}: {'; '.join(texts)}")
    if not verdict.failed:
        return
    window, texts = next(iter(verdict.failed.items()))
    broken = verdict.broken.get(window, [])
    rows = frame if window == "snapshot" else frame.where(f"event_date = DATE '{window}'")
    examples = [text for rule in broken[:1] for text in find_examples(rows, table, rule, rules)]
    example = f" For example: {' | '.join(examples)}." if examples else ""
    raise QualityError(
        f"{table.name}: stopped {', '.join(verdict.failed)}; existing rows are unchanged. "
        f"{window}: {'; '.join(texts)}.{example} The verdict is in {ctx.settings.paths.quality}."
    )


def find_examples(frame: DataFrame, table: Table, rule: str, rules: Mapping[str, Rule], most: int = 3) -> list[str]:
    """Return up to `most` rows (as JSON) that break the rule named `rule`; none for a rule about the whole table."""
    if rule == "repeated_keys":
        broken = frame.groupBy(*table.named_key()).count().where("count > 1")
    elif rule.startswith("null_"):
        broken = frame.where(F.col(rule.removeprefix("null_")).isNull())
    elif rule in rules:
        broken = frame.where(rules[rule].broken)
    else:
        return []
    return [row[0] for row in broken.select(F.to_json(F.struct("*"))).limit(most).collect()]
