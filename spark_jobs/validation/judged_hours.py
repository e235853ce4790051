"""Hours with their counts and verdicts: which pass, which stop, and what to say about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd
from pyspark.sql import DataFrame

from spark_jobs import windows
from spark_jobs.context import Summary
from spark_jobs.ledger.status import HourState
from spark_jobs.ledger_rows import FileRow
from spark_jobs.windows import HOUR


@dataclass
class JudgedHours:
    """Hours with counts and verdicts, for the event types in `types`.

    `failures` has sentences, `broken` the measures that failed, both by hour.
    """

    states: list[HourState]
    types: Sequence[str] = ()
    files: dict[int, FileRow] = field(default_factory=dict)
    rows: DataFrame | None = None
    counts: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)
    unusual: dict[str, list[str]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    @property
    def headers(self) -> dict[int, list[str]]:
        """Return the header of each file that gave rows to the hours, as our column names."""
        return {file_id: row["header"] or [] for file_id, row in self.files.items()}

    @property
    def stopped(self) -> list[HourState]:
        """Return the hours that keep their previous rows."""
        stopped = self.failures.keys() - self.accepted
        return [state for state in self.states if state.window_key in stopped]

    @property
    def passing(self) -> list[HourState]:
        """Return the hours to be committed."""
        stopped = {state.window_key for state in self.stopped}
        return [state for state in self.states if state.window_key not in stopped]

    @property
    def warnings(self) -> list[str]:
        """Return one line for each kind of warning, with its hours."""
        hours: dict[str, list[datetime | None]] = {}
        for state in self.states:
            for text in self.unusual.get(state.window_key, []):
                hours.setdefault(text.partition(": ")[0], []).append(state.hour)
        return [f"{windows.describe([hour for hour in found if hour], HOUR)}: {text}" for text, found in hours.items()]

    def sentence(self, accepted: str | None) -> str:
        """Return which expectations failed, for which hours, on how many rows, three examples, and what to do."""
        kinds: dict[str, list[HourState]] = {}
        for state in self.stopped:
            for text in self.failures[state.window_key]:
                kinds.setdefault(text, []).append(state)
        parts = [
            f"{windows.describe([state.hour for state in states if state.hour], HOUR)}: {text}"
            for text, states in list(kinds.items())[:5]
        ]
        example = f" For example: {' | '.join(self.examples)}." if self.examples else ""
        advice = 'Fix the source, or use --accept-rejects "reason".' if not accepted else "Fix the source."
        hours = "1 hour; its rows" if len(self.stopped) == 1 else f"{len(self.stopped):,} hours; their rows"
        return f"stopped {hours} are not written. {'; '.join(parts)}.{example} {advice}"

    def summary(self) -> Summary:
        """Return the counts of this run."""
        return {
            "hours_committed": sum(state.hour is not None for state in self.passing),
            "hours_stopped": len(self.stopped),
            "warnings": len(self.warnings),
        }
