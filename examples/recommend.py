"""An example of next week's work: train ALS on the events before a day, and compare it with popularity on those after.

    make split AT=2019-10-25
    .venv/bin/python examples/recommend.py data/processed/split-2019-10-25

Both libraries are evaluated in the same way: `implicit` takes the CSR file, Spark's ALS the triples. The script then
prints ten recommendations, with brand and category, from the current matrix of the warehouse.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from scipy import sparse

K = 20
FACTORS, REGULARIZATION, ALPHA, ITERATIONS = 32, 0.05, 4.0, 15
USERS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Split:
    """A folder that `make split` wrote.

    `test`: the cells (user x item) that are new after the split, of ids that the training side knows.
    """

    folder: Path
    train: sparse.csr_matrix
    test: sparse.csr_matrix

    @classmethod
    def read(cls, folder: Path) -> "Split":
        """Load both sides; skip users and items in the test that the training side does not know."""
        train = sparse.load_npz(folder / "user_item_matrix.npz")
        pairs = pd.read_parquet(folder / "test_interactions.parquet").dropna(subset=["user_index", "item_index"])
        rows, columns = pairs.user_index.astype(int), pairs.item_index.astype(int)
        after = sparse.csr_matrix((np.ones(len(pairs)), (rows, columns)), shape=train.shape)
        test = after - after.multiply(train > 0)
        test.eliminate_zeros()
        return cls(folder, train, test.tocsr())


@dataclass(frozen=True)
class Model:
    """Factors of users and items, from any library. A score is the product of a user's and an item's factors."""

    name: str
    users: np.ndarray
    items: np.ndarray

    def best(self, users: np.ndarray, seen: sparse.csr_matrix, k: int = K) -> np.ndarray:
        """Return for each user the numbers of the k best unseen items, the best first."""
        scores = self.users[users] @ self.items.T
        scores[seen[users].nonzero()] = -np.inf
        some = np.argpartition(-scores, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
        return np.take_along_axis(some, order, axis=1)


def popularity(train: sparse.csr_matrix) -> Model:
    """Return the baseline: every user gets the most popular items."""
    scores = np.asarray(train.sum(axis=0)).reshape(-1, 1)
    return Model("popularity", np.ones((train.shape[0], 1)), scores)


def with_implicit(train: sparse.csr_matrix) -> Model:
    """Train ALS of the library `implicit` on the CSR matrix."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # implicit starts its own threads
        als = AlternatingLeastSquares(
            FACTORS, regularization=REGULARIZATION, alpha=ALPHA, iterations=ITERATIONS, random_state=1
        )
        als.fit(train.astype(np.float32), show_progress=False)
    return Model("ALS, implicit", np.asarray(als.user_factors), np.asarray(als.item_factors))


def with_spark(triples: DataFrame, shape: tuple[int, int]) -> Model:
    """Train Spark's ALS on triples (user_index, item_index, score); ids without a cell get zeros."""
    als = ALS(
        rank=FACTORS,
        maxIter=ITERATIONS,
        regParam=REGULARIZATION,
        alpha=ALPHA,
        implicitPrefs=True,
        seed=1,
        userCol="user_index",
        itemCol="item_index",
        ratingCol="score",
    ).fit(triples.select(*(triples[name].cast("int") for name in ("user_index", "item_index")), "score"))
    sides = []
    for frame, size in ((als.userFactors, shape[0]), (als.itemFactors, shape[1])):
        factors = np.zeros((size, FACTORS), np.float32)
        found = frame.toPandas()
        factors[found.id] = np.stack(found.features)
        sides.append(factors)
    return Model("ALS, Spark", *sides)


def judged(model: Model, split: Split) -> tuple[float, float]:
    """Return hit rate and NDCG at K, from 0 (no test item recommended) to 1, over the users who have test items."""
    users = np.flatnonzero(np.diff(split.test.indptr))
    gains = 1 / np.log2(np.arange(2, K + 2))
    hits, ndcg = 0, 0.0
    for chunk in np.array_split(users, max(1, len(users) // USERS_AT_ONCE)):
        best = model.best(chunk, split.train)
        found = np.take_along_axis(split.test[chunk].toarray() > 0, best, axis=1)
        due = np.minimum(np.diff(split.test.indptr)[chunk], K)
        hits += found.any(axis=1).sum()
        ndcg += ((found @ gains) / np.cumsum(gains)[due - 1]).sum()
    return hits / max(len(users), 1), ndcg / max(len(users), 1)


def compared(spark: SparkSession, split: Split) -> pd.DataFrame:
    """Return hit rate and NDCG at K, one row for each model."""
    triples = spark.read.parquet(str(split.folder / "user_item_matrix.parquet"))
    models = [popularity(split.train), with_implicit(split.train), with_spark(triples, split.train.shape)]
    rows = [(model.name, *judged(model, split)) for model in models]
    return pd.DataFrame(rows, columns=["model", f"hit rate at {K}", f"NDCG at {K}"]).set_index("model")


def recommended(spark: SparkSession, *settings: str, count: int = 10) -> tuple[int, pd.DataFrame]:
    """Return the most active user and `count` new items for that user, by ALS on the current triples in Delta."""
    from spark_jobs import tables
    from spark_jobs.context import context
    from spark_jobs.matrix import read_matrix
    from spark_jobs.settings import load

    ctx = context(load(list(settings)), spark)
    matrix = read_matrix(ctx)
    csr = matrix.csr()
    user = int(np.argmax(np.diff(csr.indptr)))
    best = with_spark(matrix.triples(), csr.shape).best(np.array([user]), csr, count)[0]
    chosen = spark.createDataFrame(pd.DataFrame({"place": range(1, count + 1), "item_index": best}))
    features = ctx.storage.read(tables.ITEM_FEATURES)
    named = chosen.join(matrix.items, "item_index").join(features, "item_id").orderBy("place")
    shown = named.select("place", "item_id", "brand", "category_code", "avg_price").toPandas()
    user_id = matrix.users.where(f"user_index = {user}").first().user_id
    return user_id, shown.fillna({"brand": "-", "category_code": "-"}).set_index("place")


def main(folder: str, *settings: str) -> int:
    """Print the comparison and ten recommendations."""
    from spark_jobs.session import spark_session

    spark = spark_session("recommend")
    split = Split.read(Path(folder))
    users, items = split.train.shape
    print(f"train: {users:,} users, {items:,} items, {split.train.nnz:,} cells; test: {split.test.nnz:,} new cells")
    print(compared(spark, split).to_string(float_format="{:.4f}".format))
    user, shown = recommended(spark, *settings)
    print(f"\nfor user {user}:\n{shown.to_string()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
