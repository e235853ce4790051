"""Records of erased users: left out on the executors while a file is read, and counted by the part they were in."""

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, AccumulatorParam

from spark_jobs.sources.records import Header, Part
from spark_jobs.sources.suppression import Suppression

PartCounts = dict[tuple[int, int], int]  # (file_id, first byte of the part): records left out


class CountByPart(AccumulatorParam[PartCounts]):
    """Counts by part. A part that is read twice, because its task was repeated, counts once."""

    def zero(self, value: PartCounts) -> PartCounts:
        """No part yet."""
        return {}

    def addInPlace(self, value1: PartCounts, value2: PartCounts) -> PartCounts:
        """Both, the second one where they have the same part."""
        return value1 | value2


def leave_out(
    suppression: Suppression, batches: Iterable[pa.RecordBatch], header: Header, part: Part, erased: Accumulator
) -> Iterator[pa.RecordBatch]:
    """The batches of a part without the records of erased users, which are counted in `erased`."""
    count = 0
    for batch in batches:
        found = suppression.find(batch, header)
        count += pc.sum(found).as_py() or 0
        yield batch.filter(pc.invert(found))
    erased.add({(part.file_id, part.start): count})


def count_by_file(counts: PartCounts) -> Counter[int]:
    """The records left out of each file."""
    found: Counter[int] = Counter()
    for (file_id, _), count in counts.items():
        found[file_id] += count
    return found
