"""Records of erased users: skipped on the executors while a file is read, and counted by file split."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, AccumulatorParam

from spark_jobs.sources.csv_records import FileSplit
from spark_jobs.sources.suppression import Suppression

# (file_id, first byte of the split): skipped records, and how many of them are the unfinished last line.
SplitCounts = dict[tuple[int, int], tuple[int, int]]


class CountBySplit(AccumulatorParam[SplitCounts]):
    """Accumulates counts by split. A split that is read twice, because its task was retried, counts once."""

    def zero(self, value: SplitCounts) -> SplitCounts:
        """Return counts of no splits."""
        return {}

    def addInPlace(self, value1: SplitCounts, value2: SplitCounts) -> SplitCounts:
        """Merge both counts; the second one wins where both have the same split."""
        return value1 | value2


def leave_out(
    suppression: Suppression, batches: Iterable[pa.RecordBatch], split: FileSplit, erased: Accumulator[SplitCounts]
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a split without the records of erased users, which are counted in `erased`."""
    count = unfinished = 0
    for batch in batches:
        found = suppression.find(batch)
        count += pc.sum(found).as_py() or 0
        unfinished += pc.sum(pc.and_(found, batch.column("unfinished"))).as_py() or 0
        yield batch.filter(pc.invert(found))
    erased.add({(split.file_id, split.start): (count, unfinished)})


def count_by_file(counts: SplitCounts) -> dict[int, tuple[int, bool]]:
    """Return the number of skipped records of each file, and whether its unfinished last line is one of them."""
    found: dict[int, tuple[int, bool]] = defaultdict(lambda: (0, False))
    for (file_id, _), (count, unfinished) in counts.items():
        total, has_unfinished = found[file_id]
        found[file_id] = total + count, has_unfinished or unfinished > 0
    return found
