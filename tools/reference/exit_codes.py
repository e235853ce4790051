"""The page about exit codes, from the error classes."""

from collections.abc import Iterator

from reference.markdown import as_code, format_table
from spark_jobs import errors
from spark_jobs.command_line import EXIT_CODES, INTERRUPTED
from spark_jobs.errors import PipelineError

HEAD = """# Exit codes

Generated from `spark_jobs/errors.py` and `spark_jobs/command_line.py` by `make docs`. Every job and
every command ends with one of these codes. On an error it prints one sentence that says what is wrong, where, and what
to do.

"""
ERRORS = """
## The errors

The outcome is what a job writes for its scheduler. With `stopped` and `missing`, the sentence names the hours or
days, and all other work is done.

"""


def describe_exit_codes() -> str:
    """Describe each exit code, and each error with its code."""
    words = EXIT_CODES.removeprefix("exit codes: ").split(", ")
    meanings = [tuple(word.split(" ", 1)) for word in words] + [(str(INTERRUPTED), "interrupted; run it again")]
    codes = format_table(("code", "meaning"), meanings)
    rows = (
        (as_code(error.__name__), str(error.exit_code), str(error.outcome), str(error.__doc__).split("\n\n")[0])
        for error in _list_errors()
    )
    return HEAD + codes + ERRORS + format_table(("error", "code", "outcome", "meaning"), rows)


def _list_errors() -> Iterator[type[PipelineError]]:
    """Return the errors in the order of their module. Those of other modules are kinds of these."""
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, PipelineError):
            yield each
