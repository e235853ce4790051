"""The memory and the cores of this machine or container, and how many jobs they are enough for.

A job needs memory for the heap of its JVM, for the JVM outside the heap, and for Python workers. A heap of 4 GiB is
enough for a month of events (`make bench WHAT=day ROWS=42000000`).
"""

from __future__ import annotations  # so that an older Python reaches the check that refuses it

import os
import sys
from collections.abc import Mapping
from pathlib import Path

GIB = 1 << 30
CGROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
UNLIMITED = 1 << 60  # without a limit, version 1 of control groups writes a number near 2^63
BESIDE_HEAP_GIB = 0.75  # for classes, buffers and threads of the JVM, and for the driver's Python
SHARE_OF_HEAP = 0.6  # of the remaining memory; Python workers and the file cache of the system use the rest
LEAST_HEAP_GIB, MOST_HEAP_GIB = 1, 4
LEAST_MEMORY_GIB = 2.5  # with less, a job may run out of memory
CORES_OF_A_JOB = 2


def memory() -> int:
    """Return the memory in bytes that a process may use: the machine's, or less where a container has a limit."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_read_limits()])


def _read_limits() -> list[int]:
    """Return the memory limits, in bytes, of this process's control groups and of the groups above them."""
    groups = [line.split(":", 2)[2] for line in _read_text(OWN_GROUPS).splitlines() if line.count(":") > 1]
    found = []
    for base, name in ((CGROUPS, "memory.max"), (CGROUPS / "memory", "memory.limit_in_bytes")):
        for group in {"/", *groups}:
            place = base / group.lstrip("/")
            found += [_read_text(folder / name) for folder in (place, *place.parents) if folder.is_relative_to(base)]
    return [int(text) for text in found if text.strip().isdigit() and int(text) < UNLIMITED]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def cores() -> int:
    """Return how many cores this process may use."""
    quota, _, period = _read_text(CGROUPS / "cpu.max").strip().partition(" ")
    if not quota:  # version 1 of control groups
        quota, period = (_read_text(CGROUPS / "cpu" / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, int(quota) // int(period))) if quota.isdigit() and period.isdigit() else allowed


def compute_jobs_at_once(memory_bytes: int, core_count: int) -> int:
    """Return how many jobs may run at the same time: each needs two cores, and memory for the smallest heap."""
    return max(1, min(core_count // CORES_OF_A_JOB, int(memory_bytes / GIB // LEAST_MEMORY_GIB)))


def read_jobs_at_once(environment: Mapping[str, str]) -> int:
    """Return PIPELINE_JOBS_AT_ONCE; 0 where it is not a number above 0."""
    text = environment.get("PIPELINE_JOBS_AT_ONCE", "")
    return int(text) if text.isdigit() else 0


def choose_jobs_at_once(environment: Mapping[str, str]) -> int:
    """Return PIPELINE_JOBS_AT_ONCE where it is a number above 0; else the number of jobs that this machine can run."""
    return read_jobs_at_once(environment) or compute_jobs_at_once(memory(), cores())


def heap_mib(memory_bytes: int, jobs: int) -> int:
    """Return the heap, in MiB, of each of `jobs` jobs that run at the same time.

    The heap depends on the job's share of the memory, and is between 1 and 4 GiB.
    """
    share = memory_bytes / GIB / jobs
    allowed = (share - BESIDE_HEAP_GIB) * SHARE_OF_HEAP
    return int(max(LEAST_HEAP_GIB, min(MOST_HEAP_GIB, allowed)) * 1024)


if __name__ == "__main__":  # for docker/worker.sh
    sys.stdout.write(f"{choose_jobs_at_once(os.environ)}\n")
