"""Files for anyone without Spark, in data/processed: tables as CSV or Parquet, the matrix as CSR and triples.

CSV files follow RFC 4180: one header line, quotes doubled, missing values as empty fields.
"""

import shutil
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from spark_jobs import tables
from spark_jobs.matrix import UserItemMatrix

TIME = "yyyy-MM-dd HH:mm:ss.SSSSSS"


def write_matrix(cells: UserItemMatrix, folder: Path) -> list[Path]:
    """Write the matrix as `user_item_matrix.npz` (CSR) and Parquet triples, and both index tables; return the paths.

    The index tables are sorted by number.
    """
    from scipy import sparse

    csr = folder / f"{tables.USER_ITEM_MATRIX.name}.npz"
    sparse.save_npz(csr, cells.csr())
    paths = [csr, write_file(cells.cells, folder, tables.USER_ITEM_MATRIX.name, "parquet")]
    for table, index in ((tables.USER_INDEX, cells.users), (tables.ITEM_INDEX, cells.items)):
        in_order = index.repartition(1).sortWithinPartitions(table.columns[0])  # one file: rows are small
        paths += [write_file(in_order, folder, table.name, kind) for kind in ("csv", "parquet")]
    return paths


def write_file(frame: DataFrame, folder: Path, name: str, kind: str) -> Path:
    """Write one output as a CSV file or a folder of Parquet files, replacing an earlier one; return its path."""
    target, scratch = folder / f"{name}.{kind}", folder / f".{name}"
    if kind == "parquet":
        frame.write.mode("overwrite").parquet(str(scratch))
        shutil.rmtree(target, ignore_errors=True)
        scratch.rename(target)
        return target
    options = {"escape": '"', "emptyValue": "", "timestampFormat": TIME, "lineSep": "\n"}
    _flatten_arrays(frame).write.mode("overwrite").options(**options).csv(str(scratch))
    part = folder / f".{name}.part"
    with part.open("wb") as file:
        file.write((",".join(frame.columns) + "\n").encode())
        for piece in sorted(scratch.glob("part-*.csv")):
            with piece.open("rb") as source:
                shutil.copyfileobj(source, file, 16 << 20)
    shutil.rmtree(scratch)
    part.replace(target)
    return target


def _flatten_arrays(frame: DataFrame) -> DataFrame:
    arrays = [field.name for field in frame.schema.fields if isinstance(field.dataType, ArrayType)]
    return frame.withColumns({name: F.to_json(name) for name in arrays})
