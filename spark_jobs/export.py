"""`make export`: the design's five outputs under their own names in data/processed, the matrix also for scipy.

CSV files follow RFC 4180: one header line, quotes doubled, missing values as empty fields.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from spark_jobs import tables
from spark_jobs.command_line import guarded
from spark_jobs.console import Console
from spark_jobs.context import Context, context
from spark_jobs.errors import PipelineError
from spark_jobs.session import spark_session
from spark_jobs.settings import load
from spark_jobs.transforms.indexing import first_free

OUTPUTS = (
    tables.DEDUPED_EVENTS,
    tables.CLEANED_EVENTS,
    tables.USER_ITEM_MATRIX,
    tables.USER_FEATURES,
    tables.ITEM_FEATURES,
)
INDEXES = (tables.USER_INDEX, tables.ITEM_INDEX)
TIME = "yyyy-MM-dd HH:mm:ss.SSSSSS"


def main() -> int:
    """Exports every output; prints one line for each file."""
    parser = argparse.ArgumentParser(prog="make export", description=__doc__)
    parser.add_argument("--format", default="csv", choices=("csv", "parquet"))
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting")
    arguments = parser.parse_args()
    ctx, console = context(load(arguments.set), spark_session("export")), Console()
    if not ctx.storage.exists(tables.USER_FEATURES):
        raise PipelineError(f"{ctx.settings.paths.warehouse}: there is nothing to export yet; make run first.")
    for path in export(ctx, arguments.format):
        console.say(str(path))
    return 0


def export(ctx: Context, kind: str) -> list[Path]:
    """Writes the outputs as `kind` (csv: one file each; parquet: one folder each) and the CSR file; their paths."""
    folder = Path(ctx.settings.paths.processed)
    folder.mkdir(parents=True, exist_ok=True)
    written = [_write(ctx.storage.read(table), folder, table.name, kind) for table in (*OUTPUTS, *INDEXES)]
    return [*written, csr(ctx, folder)]


def csr(ctx: Context, folder: Path) -> Path:
    """The matrix as `user_item_matrix.npz` (scipy.sparse CSR, users x items, numbers of the two index tables).

    Executors write the three numeric columns as Parquet; the driver holds arrays, never rows: 16 bytes a cell.
    """
    from scipy import sparse

    scratch = folder / ".cells"
    cells = ctx.storage.read(tables.USER_ITEM_MATRIX).select("user_index", "item_index", "score")
    cells.write.mode("overwrite").parquet(str(scratch))
    shape = tuple(ctx.storage.read(table).agg(first_free(table.columns[0])).first()[0] for table in INDEXES)
    table = pq.read_table(scratch)
    rows, columns = (table.column(name).to_numpy().astype(np.int32) for name in ("user_index", "item_index"))
    matrix = sparse.csr_matrix((table.column("score").to_numpy(), (rows, columns)), shape=shape)
    shutil.rmtree(scratch)
    path = folder / "user_item_matrix.npz"
    sparse.save_npz(path, matrix)
    return path


def _write(frame: DataFrame, folder: Path, name: str, kind: str) -> Path:
    target, scratch = folder / f"{name}.{kind}", folder / f".{name}"
    if kind == "parquet":
        frame.write.mode("overwrite").parquet(str(scratch))
        shutil.rmtree(target, ignore_errors=True)
        scratch.rename(target)
        return target
    options = {"escape": '"', "emptyValue": "", "timestampFormat": TIME, "lineSep": "\n"}
    _flat(frame).write.mode("overwrite").options(**options).csv(str(scratch))
    part = folder / f".{name}.part"
    with part.open("wb") as file:
        file.write((",".join(frame.columns) + "\n").encode())
        for piece in sorted(scratch.glob("part-*.csv")):
            with piece.open("rb") as source:
                shutil.copyfileobj(source, file, 16 << 20)
    shutil.rmtree(scratch)
    part.replace(target)
    return target


def _flat(frame: DataFrame) -> DataFrame:
    arrays = [field.name for field in frame.schema.fields if isinstance(field.dataType, ArrayType)]
    return frame.withColumns({name: F.to_json(name) for name in arrays})


if __name__ == "__main__":
    sys.exit(guarded("export", main))
