"""`make doctor`: check this machine for everything that the pipeline needs, and print what to do about each problem.

Standard library only, and any Python 3: in a checkout it also runs before the set-up.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from spark_jobs.project import PROJECT, typed

READY = PROJECT.files / ".venv" / ".ready"
GENERATES = f"{typed('run')} generates"
DISTRIBUTION = "shop-events-pipeline"
AGAIN = "run rm .venv/.ready, then make setup" if PROJECT.is_checkout else "install the package again"
LEAST_FREE_GB = 5  # a sample and its tables
PYTHONS = ("3.11", "3.12", "3.13")
WITH_VENV = "import venv, ensurepip, sys; print('%d.%d.%d' % sys.version_info[:3])"
TESTED_JAVA = (17, 21, 25)


class ProblemError(Exception):
    """Something that the pipeline needs is missing; the text names it and what to do."""


def main() -> int:
    """Print a line for each check; return 0 where nothing is missing."""
    problems = 0
    for check in (python, java, environment, packages, jars, memory, disk, raw, database, port):
        try:
            print(f"  ok       {check.__name__:<12} {check()}")
        except ProblemError as problem:
            problems += 1
            print(f"  MISSING  {check.__name__:<12} {problem}")
    print(f"  {problems or 'no'} problem{'' if problems == 1 else 's'} found.")
    return 1 if problems else 0


def python() -> str:
    """Check the environment's Python, or the Python that would create the environment."""
    named = os.environ.get("PYTHON")
    candidates = [named] if named else [*(f"python{version}" for version in PYTHONS), "python3"]
    if READY.exists():
        candidates = [str(READY.parent / "bin" / "python")]
    if not PROJECT.is_checkout:
        candidates = [sys.executable]
    found = [(program, _run_command(program, "-E", "-c", WITH_VENV).strip()) for program in candidates]
    for program, version in found:
        if version.rpartition(".")[0] in PYTHONS:
            return f"{version} ({program})"
    (first, output), *others = found
    seen = "" if others else f", but '{first}' is {output.splitlines()[-1] if output else 'missing'}"
    raise ProblemError(
        f"Python 3.11, 3.12 or 3.13 is needed{seen}; install it (Debian, Ubuntu: apt install python3 python3-venv), or "
        "set its path: make setup PYTHON=/path/to/python3.12"
    )


def java() -> str:
    """Check for Java 17 or later in JAVA_HOME, or on PATH where JAVA_HOME is not set."""
    home = os.environ.get("JAVA_HOME")
    program = f"{home}/bin/java" if home else "java"
    found = re.search(r'version "((\d+)[^"]*)"', _run_command(program, "-version"))
    if not found or int(found.group(2)) < 17:
        raise ProblemError(
            f"Java 17 or later is needed, but '{program}' is {found.group(1) if found else 'missing'}; install it "
            "(Debian, Ubuntu: apt install openjdk-17-jre-headless) or set JAVA_HOME"
        )
    untested = "" if int(found.group(2)) in TESTED_JAVA else "; accepted, but only 17, 21 and 25 are tested"
    return f"{found.group(1)} ({program}){untested}"


def environment() -> str:
    """Check that `make setup` has completed; an installed package needs no set-up."""
    if PROJECT.is_checkout and not READY.exists():
        raise ProblemError("nothing is set up yet: run make setup")
    return str(READY.parent) if PROJECT.is_checkout else sys.prefix


def packages() -> str:
    """Check every pinned package; also both distributions of Spark, which share one folder."""
    _require_setup()
    pinned = _read_pinned()
    found = {
        re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each.version
        for each in importlib.metadata.distributions()
    }
    wrong = [
        f"{name} is {found.get(name, 'missing')} instead of {version}"
        for name, version in pinned.items()
        if found.get(name) != version
    ]
    if wrong:
        raise ProblemError(f"{'; '.join(wrong[:3])}{' and more' if len(wrong) > 3 else ''}: {AGAIN}")
    spark = [f"{name} {found[name]}" for name in ("pyspark", "pyspark-client") if name in found]
    return f"{len(pinned)} as pinned; {', '.join(spark)}"


def _read_pinned() -> "dict[str, str]":
    """Return the version of each package: from the lock of the checkout, else from what the package declares."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        raise ProblemError("this is not the Python of .venv: run make doctor") from None

    if PROJECT.is_checkout:
        lock = (PROJECT.files / "requirements.lock").read_text()
        lines = re.findall(r"^[\w.-]+==[^\\\n]+", lock, re.M)
    else:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    pinned = [each for each in map(Requirement, lines) if not each.marker or each.marker.evaluate({"extra": ""})]
    return {each.name: str(each.specifier).removeprefix("==") for each in pinned}


def jars() -> str:
    """Check the jars of Delta and OpenLineage in Spark's folder of jars, by their SHA-256."""
    _require_setup()
    from spark_jobs.errors import PipelineError
    from spark_jobs.runtime import installation
    from spark_jobs.runtime import jars as own

    try:
        installation.complete_package()
    except PipelineError as error:
        raise ProblemError(str(error)) from None
    missing = own.find_missing_jars() + [jar.name for jar in own.find_outdated_jars()]
    if missing:
        raise ProblemError(f"{', '.join(missing)} missing, damaged or outdated: {AGAIN}")
    return f"{len(own.JARS)} as expected"


def memory() -> str:
    """Check the memory of this machine or container, and compute the heap of a job."""
    from spark_jobs.runtime import machine

    found = machine.memory()
    size = f"{found / machine.GIB:.1f} GiB"
    if found < machine.LEAST_MEMORY_GIB * machine.GIB:
        raise ProblemError(f"{size}, less than {machine.LEAST_MEMORY_GIB}: a job may run out of memory; add memory")
    jobs = machine.compute_jobs_at_once(found, machine.cores())
    heaps = f"{machine.heap_mib(found, 1) / 1024:.1f} GiB"
    heaps += (
        f", or {machine.heap_mib(found, jobs) / 1024:.1f} GiB each of {jobs} at once" if jobs > 1 else ", one at a time"
    )
    return f"{size}, {machine.cores()} cores: a job's heap is {heaps}"


def disk() -> str:
    """Check the free space on the disk of the data."""
    place = PROJECT.home / "data" if (PROJECT.home / "data").exists() else PROJECT.home
    free = shutil.disk_usage(place).free / 1e9
    if free < LEAST_FREE_GB:
        raise ProblemError(
            f"{free:.1f} GB free at {place}, less than {LEAST_FREE_GB}: free some space, or run {typed('clean')}"
        )
    return f"{free:.1f} GB free at {place}"


def raw() -> str:
    """Count the files to land; without any, a run generates a sample."""
    _require_setup()
    from spark_jobs import settings
    from spark_jobs.errors import PipelineError
    from spark_jobs.sources.listing import list_files

    try:
        address = settings.load().paths.raw
        count = len(list_files(address).files) if "://" in address or Path(address).exists() else 0
    except PipelineError as error:
        raise ProblemError(str(error)) from error
    return f"{count} files in {address}" if count else f"no files in {address} yet: {GENERATES} a sample"


def database() -> str:
    """Check PostgreSQL at DATABASE_URL. Without DATABASE_URL, a run that needs the embedded PostgreSQL starts it."""
    if not os.environ.get("DATABASE_URL", "").strip():
        return "the embedded PostgreSQL (DATABASE_URL is not set)"
    _require_setup()
    from spark_jobs.errors import PipelineError
    from spark_jobs.postgres.connection import connect, require_utf8
    from spark_jobs.postgres.errors import UnreachableError

    try:
        with closing(connect(os.environ["DATABASE_URL"])) as connection:
            require_utf8(connection)
    except UnreachableError as error:
        raise ProblemError(
            f"PostgreSQL at DATABASE_URL refuses ({error.reason}): start it, or fix the address"
        ) from None
    except PipelineError as error:
        raise ProblemError(str(error)) from None
    return "PostgreSQL at DATABASE_URL answers"


def port() -> str:
    """Check the address and the port of `make airflow`."""
    from spark_jobs.runtime import ports

    try:
        address, wanted = ports.choose_address(), ports.read_port() or ports.FIRST
        free = ports.is_free(address, wanted)
    except ports.PortError as error:
        raise ProblemError(str(error)) from error
    if not free:
        raise ProblemError(f"{wanted} is in use: run {typed('airflow', port=wanted + 10)}")
    return f"{wanted} is free for {typed('airflow')}"


def _require_setup() -> None:
    if PROJECT.is_checkout and not READY.exists():
        raise ProblemError("not installed yet: run make setup")


def _run_command(*command: str) -> str:
    """Return the output of a command, from stdout and stderr; empty where the command cannot run."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
