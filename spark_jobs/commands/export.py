"""`make export`: write the design's five outputs to data/processed, each under its own name.

In either format, the matrix is also written as Parquet triples and as scipy.sparse CSR, and its two index tables as CSV
and as Parquet.
"""

from collections.abc import Sequence
from pathlib import Path

from spark_jobs import matrix, tables
from spark_jobs.command_line import load_settings
from spark_jobs.context import Context, context
from spark_jobs.delta.log import NOTHING
from spark_jobs.errors import PipelineError
from spark_jobs.exports import write_file, write_matrix
from spark_jobs.observability.console import Console
from spark_jobs.project import typed
from spark_jobs.session import spark_session

OUTPUTS = (
    tables.DEDUPED_EVENTS,
    tables.CLEANED_EVENTS,
    tables.USER_ITEM_MATRIX,
    tables.USER_FEATURES,
    tables.ITEM_FEATURES,
)


def main(overrides: Sequence[str], kind: str) -> int:
    """Export every output and print one line for each file."""
    ctx, console = context(load_settings(overrides), spark_session("export")), Console()
    if ctx.ledger.version(tables.USER_FEATURES) == NOTHING:
        raise PipelineError(f"{ctx.settings.paths.warehouse}: there is nothing to export yet; {typed('run')} first.")
    for path in export(ctx, kind):
        console.say(str(path))
    return 0


def export(ctx: Context, kind: str) -> list[Path]:
    """Write the outputs as `kind` (csv: one file each; parquet: one folder each) and the matrix; return the paths."""
    ctx, folder = ctx.pin(), Path(ctx.settings.paths.processed)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [table for table in OUTPUTS if kind != "parquet" or table is not tables.USER_ITEM_MATRIX]  # written last
    outputs = [write_file(ctx.read(table), folder, table.name, kind) for table in chosen]
    return outputs + write_matrix(matrix.read_matrix(ctx), folder)
