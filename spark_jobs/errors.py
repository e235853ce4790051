"""The errors of this project, each with the exit code that a scheduler sees and one sentence for the user."""

from __future__ import annotations  # so that the version check can refuse an older Python

from collections.abc import Mapping
from typing import Any

from spark_jobs.observability.outcome import Outcome


class PipelineError(Exception):
    """A failure that its text explains in full: what is wrong, where, what to do. Never shown with a stack trace.

    `summary`: what was done despite the failure.
    """

    exit_code = 1
    outcome = Outcome.ERROR

    def __init__(self, sentence: str, summary: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.summary = dict(summary or {})


class SettingsError(PipelineError):
    """A setting or an argument is unknown, missing or has the wrong type; the text names it."""

    exit_code = 2


class SourceError(PipelineError):
    """A source file cannot be read as a whole. The text names the file, and nothing of it is written."""


class QualityError(PipelineError):
    """Some hours or days failed a critical expectation and are unchanged; the others are committed."""

    exit_code = 3
    outcome = Outcome.STOPPED


class NotArrivedError(PipelineError):
    """Hours of the range have no rows yet, and nothing later has landed: try again later."""

    exit_code = 4
    outcome = Outcome.MISSING


class BusyError(PipelineError):
    """Another run is writing to the same warehouse."""

    exit_code = 5


class SupersededError(BusyError):
    """A later attempt has taken the lease; this attempt can no longer commit."""


class LayoutError(PipelineError):
    """The tables have the layout of an older or a later version of this project; the text explains what to do."""

    exit_code = 2


class DatabaseError(PipelineError):
    """PostgreSQL cannot be reached or refuses a request. Delta tables are unharmed; the load can be run again."""


class IdentityError(PipelineError):
    """A counting identity does not hold: rows would be lost or counted twice. Always a defect, never bad input."""
