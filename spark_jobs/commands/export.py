"""`make export`: the design's five outputs under their own names in data/processed, the matrix in three more forms.

CSV files follow RFC 4180: one header line, quotes doubled, missing values as empty fields. Whatever the format, the
matrix also comes as Parquet triples and as scipy.sparse CSR, its two index tables as CSV and as Parquet.
"""

import shutil
import sys
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from spark_jobs import matrix, tables
from spark_jobs.command_line import guarded, parser
from spark_jobs.console import Console
from spark_jobs.context import Context, context
from spark_jobs.errors import PipelineError
from spark_jobs.matrix import UserItemMatrix
from spark_jobs.session import spark_session
from spark_jobs.settings import load

OUTPUTS = (
    tables.DEDUPED_EVENTS,
    tables.CLEANED_EVENTS,
    tables.USER_ITEM_MATRIX,
    tables.USER_FEATURES,
    tables.ITEM_FEATURES,
)
TIME = "yyyy-MM-dd HH:mm:ss.SSSSSS"


def main() -> int:
    """Exports every output; prints one line for each file."""
    options = parser("make export", __doc__)
    options.add_argument("--format", default="csv", choices=("csv", "parquet"))
    arguments = options.parse_args()
    ctx, console = context(load(arguments.set), spark_session("export")), Console()
    if not ctx.storage.exists(tables.USER_FEATURES):
        raise PipelineError(f"{ctx.settings.paths.warehouse}: there is nothing to export yet; make run first.")
    for path in export(ctx, arguments.format):
        console.say(str(path))
    return 0


def export(ctx: Context, kind: str) -> list[Path]:
    """Writes the outputs as `kind` (csv: one file each; parquet: one folder each) and the matrix; their paths."""
    folder = Path(ctx.settings.paths.processed)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [table for table in OUTPUTS if kind != "parquet" or table is not tables.USER_ITEM_MATRIX]  # comes below
    outputs = [written(ctx.storage.read(table), folder, table.name, kind) for table in chosen]
    return outputs + whole(matrix.of_warehouse(ctx), folder)


def whole(cells: UserItemMatrix, folder: Path) -> list[Path]:
    """The matrix as `user_item_matrix.npz` (CSR) and Parquet triples, with both index tables; their paths."""
    from scipy import sparse

    csr = folder / f"{tables.USER_ITEM_MATRIX.name}.npz"
    sparse.save_npz(csr, cells.csr())
    paths = [csr, written(cells.cells, folder, tables.USER_ITEM_MATRIX.name, "parquet")]
    for table, index in ((tables.USER_INDEX, cells.users), (tables.ITEM_INDEX, cells.items)):
        paths += [written(index, folder, table.name, kind) for kind in ("csv", "parquet")]
    return paths


def written(frame: DataFrame, folder: Path, name: str, kind: str) -> Path:
    """One output as a CSV file or a folder of Parquet files, in the place of an earlier one; its path."""
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
