"""Records of erased users: left out on the executors while a file is read, and counted by the split they were in."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, AccumulatorParam

from spark_jobs.sources.records import FileSplit
from spark_jobs.sources.suppression import Suppression

# (file_id, first byte of the split): records left out, and how many of them are the unfinished last line.
SplitCounts = dict[tuple[int, int], tuple[int, int]]


class CountBySplit(AccumulatorParam[SplitCounts]):
    """Counts by split. A split that is read twice, because its task was repeated, counts once."""

    def zero(self, value: SplitCounts) -> SplitCounts:
        """No split yet."""
        return {}

    def addInPlace(self, value1: SplitCounts, value2: SplitCounts) -> SplitCounts:
        """Both, the second one where they have the same split."""
        return value1 | value2


def leave_out(
    suppression: Suppression, batches: Iterable[pa.RecordBatch], split: FileSplit, erased: Accumulator[SplitCounts]
) -> Iterator[pa.RecordBatch]:
    """The batches of a split without the records of erased users, which are counted in `erased`."""
    count = unfinished = 0
    for batch in batches:
        found = suppression.find(batch)
        count += pc.sum(found).as_py() or 0
        unfinished += pc.sum(pc.and_(found, batch.column("unfinished"))).as_py() or 0
        yield batch.filter(pc.invert(found))
    erased.add({(split.file_id, split.start): (count, unfinished)})


def count_by_file(counts: SplitCounts) -> dict[int, tuple[int, bool]]:
    """The records left out of each file, and whether its unfinished last line is one of them."""
    found: dict[int, tuple[int, bool]] = defaultdict(lambda: (0, False))
    for (file_id, _), (count, unfinished) in counts.items():
        total, has_unfinished = found[file_id]
        found[file_id] = total + count, has_unfinished or unfinished > 0
    return found
