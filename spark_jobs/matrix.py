"""The user-item matrix for data scientists: triples, CoordinateMatrix and CSR, with the same cells.

In a script or a notebook, without exported files::

    from spark_jobs.matrix import open_matrix
    with open_matrix() as matrix:  # the warehouse of conf/settings.toml; or open_matrix("paths.warehouse=/data/w")
        matrix.triples()  # DataFrame: user_index, item_index, score
        matrix.coordinate_matrix()  # pyspark.mllib.linalg.distributed.CoordinateMatrix
        matrix.csr()  # scipy.sparse.csr_matrix: users x items
        matrix.users, matrix.items  # DataFrames: which id has which number
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.context import Context, context
from spark_jobs.delta.log import NOTHING
from spark_jobs.erasure.retired_numbers import read_assigned
from spark_jobs.errors import PipelineError
from spark_jobs.project import typed
from spark_jobs.session import find_session, preserve_process, set_utc, spark_session
from spark_jobs.settings import load

if TYPE_CHECKING:
    from pyspark.mllib.linalg.distributed import CoordinateMatrix
    from scipy.sparse import csr_matrix

# On the driver, a cell is in the Arrow table, the coordinates and the CSR at the same time: 16 + 16 + 12 bytes.
BYTES_OF_A_CELL = 44


@dataclass(frozen=True)
class UserItemMatrix:
    """Scores as triples (user_index, item_index, score), and the ids behind the numbers.

    `limit_gb`: the most memory that it may use on the driver, in gigabytes (10^9 bytes). `given`: how many numbers
    had been assigned to users and to items when a user was last forgotten.
    """

    cells: DataFrame
    users: DataFrame
    items: DataFrame
    limit_gb: float
    given: tuple[int, int] = (0, 0)

    def shape(self) -> tuple[int, int]:
        """Return rows and columns: one for each number that was ever assigned, even without cells."""
        last = (index.agg(F.max(index.columns[0])).head(1)[0][0] for index in (self.users, self.items))
        rows, columns = (max(given, 0 if top is None else top + 1) for top, given in zip(last, self.given, strict=True))
        return rows, columns

    def triples(self) -> DataFrame:
        """Return user_index, item_index (bigint) and score (double): the input of ALS."""
        return self.cells.select("user_index", "item_index", "score")

    def coordinate_matrix(self) -> "CoordinateMatrix":
        """Return the same cells as a distributed matrix of pyspark.mllib; rows are users."""
        from pyspark.mllib.linalg.distributed import CoordinateMatrix

        rows, columns = self.shape()
        return CoordinateMatrix(self.triples().rdd.map(tuple), numRows=rows, numCols=columns)

    def csr(self) -> "csr_matrix":
        """Return the same cells as a scipy.sparse CSR matrix of doubles, columns sorted within each row.

        Collects arrays of numbers to the driver, never rows. Raises PipelineError where they exceed `limit_gb`.
        """
        from scipy import sparse

        count = self.cells.count()
        if count * BYTES_OF_A_CELL > self.limit_gb * 1e9:
            raise PipelineError(
                f"the matrix has {count:,} cells and needs {count * BYTES_OF_A_CELL / 1e9:.1f} GB on the driver, but "
                f"export.max_matrix_gb is {self.limit_gb:g}; raise it if the memory is there, or read the triples."
            )
        numbers = [F.col(name).cast("int") for name in ("user_index", "item_index")]
        table = self.cells.select(*numbers, "score").toArrow()
        rows, columns, scores = (column.to_numpy() for column in table.columns)
        matrix = sparse.csr_matrix((scores, (rows, columns)), shape=self.shape(), dtype=np.float64)
        matrix.sort_indices()
        return matrix


@contextmanager
def open_matrix(*settings: str) -> Iterator[UserItemMatrix]:
    """Open the matrix of the warehouse that the settings name, for one `with` block.

    `settings`: overrides such as `section.key=value`. An existing session is used with its settings and keeps running;
    a session started here stops at the end of the block. The environment variables and the time zone of the process do
    not change. Raises PipelineError where there is no matrix yet, or where the session cannot read Delta.
    """
    running = find_session()
    with preserve_process():
        spark = running or spark_session("matrix")
    try:
        with preserve_process():
            set_utc()
            matrix = read_matrix(context(load(list(settings)), spark))
        yield matrix
    finally:
        if running is None:
            spark.stop()


opened = open_matrix  # the earlier name; users' scripts still import it


def read_matrix(ctx: Context) -> UserItemMatrix:
    """Return the matrix and its index tables in the versions that the ledger names.

    Raises PipelineError where there is no matrix yet.
    """
    ctx = ctx.pin()
    if ctx.ledger.version(tables.USER_ITEM_MATRIX) == NOTHING:
        raise PipelineError(f"{ctx.settings.paths.warehouse}: there is no matrix yet; {typed('run')} first.")
    indexes = tables.USER_INDEX, tables.ITEM_INDEX
    cells, users, items = map(ctx.read, (tables.USER_ITEM_MATRIX, *indexes))
    given = read_assigned(ctx.storage, tables.USER_INDEX), read_assigned(ctx.storage, tables.ITEM_INDEX)
    return UserItemMatrix(cells, users, items, ctx.settings.export.max_matrix_gb, given)
