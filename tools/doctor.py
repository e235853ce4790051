"""`make doctor`: what the pipeline needs and what this machine has of it; for each lack, what to do.

Standard library only, and any Python 3: it also runs where nothing is set up yet.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READY = ROOT / ".venv" / ".ready"
LEAST_FREE_GB = 5  # a sample and its tables
PYTHONS = ("3.11", "3.12", "3.13")
WITH_VENV = "import venv, ensurepip, sys; print('%d.%d.%d' % sys.version_info[:3])"
TESTED_JAVA = (17, 25)


class LackError(Exception):
    """What is missing, and what to do."""


def main():
    """Prints a line for each check; 0 where nothing lacks."""
    lacks = 0
    for check in (python, java, environment, packages, jars, memory, disk, raw, database, port):
        try:
            print(f"  ok    {check.__name__:<12} {check()}")
        except LackError as lack:
            lacks += 1
            print(f"  LACK  {check.__name__:<12} {lack}")
    print("  all is there." if not lacks else f"  {lacks} to mend.")
    return 1 if lacks else 0


def python():
    """The environment's Python, or the one that would make it."""
    named = os.environ.get("PYTHON")
    candidates = [named] if named else [*(f"python{version}" for version in PYTHONS), "python3"]
    if READY.exists():
        candidates = [str(ROOT / ".venv" / "bin" / "python")]
    found = [(chosen, _output(chosen, "-E", "-c", WITH_VENV).strip()) for chosen in candidates]
    for chosen, version in found:
        if version.rpartition(".")[0] in PYTHONS:
            return f"{version} ({chosen})"
    (first, said), *others = found
    seen = "" if others else f", '{first}' is {said.splitlines()[-1] if said else 'not there'}"
    raise LackError(
        f"Python 3.11, 3.12 or 3.13 is needed{seen}; install it (Debian, Ubuntu: apt install python3 python3-venv), or "
        "name yours: make setup PYTHON=/path/to/python3.12"
    )


def java():
    """Java 17 or later, where JAVA_HOME or the path says."""
    home = os.environ.get("JAVA_HOME")
    chosen = f"{home}/bin/java" if home else "java"
    found = re.search(r'version "((\d+)[^"]*)"', _output(chosen, "-version"))
    if not found or int(found.group(2)) < 17:
        raise LackError(
            f"Java 17 or later is needed, '{chosen}' is {found.group(1) if found else 'not there'}; install it "
            "(Debian, Ubuntu: apt install openjdk-17-jre-headless) or set JAVA_HOME"
        )
    untested = "" if int(found.group(2)) in TESTED_JAVA else "; accepted, not tested: tested are 17 and 25"
    return f"{found.group(1)} ({chosen}){untested}"


def environment():
    """Whether `make setup` has come to its end."""
    if not READY.exists():
        raise LackError("nothing is set up yet: make setup")
    return str(READY.parent)


def packages():
    """Every package as requirements.lock pins it; of Spark both distributions, whose files lie in one folder."""
    _set_up()
    try:
        from packaging.markers import Marker
    except ImportError:
        raise LackError("this is not the Python of .venv: make doctor") from None

    lines = re.findall(r"^([\w.-]+)==([^ \\;]+)(?: ; ([^\\\n]+))?", (ROOT / "requirements.lock").read_text(), re.M)
    pinned = {name: version for name, version, marker in lines if not marker or Marker(marker.strip()).evaluate()}
    found = {
        re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each.version
        for each in importlib.metadata.distributions()
    }
    wrong = [
        f"{name} is {found.get(name, 'not there')} instead of {version}"
        for name, version in pinned.items()
        if found.get(name) != version
    ]
    if wrong:
        raise LackError(
            f"{'; '.join(wrong[:3])}{' and more' if len(wrong) > 3 else ''}: make setup after rm .venv/.ready"
        )
    return f"{len(pinned)} as pinned; pyspark {found['pyspark']}, pyspark-client {found['pyspark-client']}"


def jars():
    """The jars of Delta and OpenLineage beside Spark's own, by their SHA-256."""
    _set_up()
    import jars as own

    missing = own.missing() + [jar.name for jar in own.replaced()]
    if missing:
        raise LackError(f"{', '.join(missing)} not there or damaged: make setup after rm .venv/.ready")
    return f"{len(own.JARS)} as expected"


def memory():
    """What this machine or container has, and the heap that a job gets of it."""
    sys.path.append(str(ROOT))
    from spark_jobs.runtime import machine

    found = machine.memory()
    size = f"{found / machine.GIB:.1f} GiB"
    if found < machine.LEAST_MEMORY_GIB * machine.GIB:
        raise LackError(f"{size}, less than {machine.LEAST_MEMORY_GIB}: a job may end for want of memory; give it more")
    jobs = machine.jobs_at_once(found, machine.cores())
    heaps = f"{machine.heap_mib(found, 1) / 1024:.1f} GiB"
    heaps += (
        f", or {machine.heap_mib(found, jobs) / 1024:.1f} GiB each of {jobs} at once" if jobs > 1 else ", one at a time"
    )
    return f"{size}, {machine.cores()} cores: a job's heap is {heaps}"


def disk():
    """Free room where the data lie."""
    place = ROOT / "data" if (ROOT / "data").exists() else ROOT
    free = shutil.disk_usage(place).free / 1e9
    if free < LEAST_FREE_GB:
        raise LackError(f"{free:.1f} GB free at {place}, less than {LEAST_FREE_GB}: free some, or make clean")
    return f"{free:.1f} GB free at {place}"


def raw():
    """Files to land; without any, a run makes a sample."""
    _set_up()
    from spark_jobs import settings
    from spark_jobs.errors import PipelineError
    from spark_jobs.sources.listing import list_files

    try:
        address = settings.load().paths.raw
        count = len(list_files(address).files) if "://" in address or Path(address).exists() else 0
    except PipelineError as error:
        raise LackError(str(error)) from error
    return f"{count} files in {address}" if count else f"no file in {address} yet: make run makes a sample"


def database():
    """PostgreSQL at DATABASE_URL; without it, the embedded one, which starts with the run that needs it."""
    if not os.environ.get("DATABASE_URL", "").strip():
        return "the embedded PostgreSQL (DATABASE_URL is not set)"
    _set_up()
    from spark_jobs.errors import PipelineError
    from spark_jobs.postgres.connection import connect, require_utf8
    from spark_jobs.postgres.errors import UnreachableError

    try:
        with closing(connect(os.environ["DATABASE_URL"])) as connection:
            require_utf8(connection)
    except UnreachableError as error:
        raise LackError(f"PostgreSQL at DATABASE_URL refuses ({error.reason}): start it, or fix the address") from None
    except PipelineError as error:
        raise LackError(str(error)) from None
    return "PostgreSQL at DATABASE_URL answers"


def port():
    """The address and the port of `make airflow`."""
    import ports

    try:
        address, wanted = ports.bind(), ports.asked_port() or ports.FIRST
        free = ports.is_free(address, wanted)
    except ports.PortError as error:
        raise LackError(str(error)) from error
    if not free:
        raise LackError(f"{wanted} is in use: make airflow AIRFLOW_PORT={wanted + 10}")
    return f"{wanted} is free for make airflow"


def _set_up():
    if not READY.exists():
        raise LackError("comes with make setup")


def _output(*command):
    """What a command prints, on either stream; empty where it cannot run."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
