"""What this machine, or this container, has: memory, cores, and what they are enough for.

One job is a JVM with its heap, what the JVM needs beside it, and Python workers. A heap of 4 GiB is enough for a month
of events (`make bench WHAT=day ROWS=42000000`).
"""

from __future__ import annotations  # an older Python shall get as far as to be refused

import os
import sys
from collections.abc import Mapping
from pathlib import Path

GIB = 1 << 30
CGROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
UNLIMITED = 1 << 60  # version 1 of control groups writes a number near 2^63 where there is no limit
BESIDE_HEAP_GIB = 0.75  # classes, buffers and threads of the JVM, the driver's Python
SHARE_OF_HEAP = 0.6  # of the rest: Python workers and the files that the system keeps in memory need room too
LEAST_HEAP_GIB, MOST_HEAP_GIB = 1, 4
LEAST_MEMORY_GIB = 2.5  # below it not even one job has its least heap
CORES_OF_A_JOB = 2


def memory() -> int:
    """Bytes of memory that a process may use here: those of the machine, or fewer where a container has a limit."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_limits()])


def _limits() -> list[int]:
    """The limits of the control groups that this process is in, and of those above them."""
    groups = [line.split(":", 2)[2] for line in _text(OWN_GROUPS).splitlines() if line.count(":") > 1]
    found = []
    for base, name in ((CGROUPS, "memory.max"), (CGROUPS / "memory", "memory.limit_in_bytes")):
        for group in {"/", *groups}:
            place = base / group.lstrip("/")
            found += [_text(folder / name) for folder in (place, *place.parents) if folder.is_relative_to(base)]
    return [int(text) for text in found if text.strip().isdigit() and int(text) < UNLIMITED]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def cores() -> int:
    """Cores that this process may use."""
    quota, _, period = _text(CGROUPS / "cpu.max").strip().partition(" ")
    if not quota:  # version 1 of control groups
        quota, period = (_text(CGROUPS / "cpu" / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, int(quota) // int(period))) if quota.isdigit() and period.isdigit() else allowed


def jobs_at_once(memory_bytes: int, core_count: int) -> int:
    """How many jobs may run side by side: each has two cores, and memory for its least heap."""
    return max(1, min(core_count // CORES_OF_A_JOB, int(memory_bytes / GIB // LEAST_MEMORY_GIB)))


def jobs_named(environment: Mapping[str, str]) -> int:
    """PIPELINE_JOBS_AT_ONCE; 0 where it is not a number above 0."""
    named = environment.get("PIPELINE_JOBS_AT_ONCE", "")
    return int(named) if named.isdigit() else 0


def jobs_chosen(environment: Mapping[str, str]) -> int:
    """PIPELINE_JOBS_AT_ONCE where it is a number above 0; else what memory and cores of this machine are enough for."""
    return jobs_named(environment) or jobs_at_once(memory(), cores())


def heap_mib(memory_bytes: int, jobs: int) -> int:
    """The heap of one of `jobs` jobs that run side by side, in MiB: what its share of the memory allows, 1 to 4 GiB."""
    share = memory_bytes / GIB / jobs
    allowed = (share - BESIDE_HEAP_GIB) * SHARE_OF_HEAP
    return int(max(LEAST_HEAP_GIB, min(MOST_HEAP_GIB, allowed)) * 1024)


if __name__ == "__main__":  # for docker/worker.sh
    sys.stdout.write(f"{jobs_chosen(os.environ)}\n")
