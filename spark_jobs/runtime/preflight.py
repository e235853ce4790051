"""Checks of what a process cannot change after its start: the user, Python, Java and Spark.

They run first. Each failure is reported in one sentence.
"""

from __future__ import annotations  # so that an older Python reaches the check that refuses it

import os
import pwd
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from spark_jobs.errors import SettingsError
from spark_jobs.observability import outcome

PYTHONS = ((3, 11), (3, 12), (3, 13))
LEAST_JAVA = 17
BY_SPARK_SUBMIT = "PYSPARK_GATEWAY_PORT"  # set where spark-submit has started this Python


def check(environment: Mapping[str, str] = os.environ) -> None:
    """Raise SettingsError where Spark cannot work in this process. The text names the variable or the user."""
    _check_user(os.getuid())
    _check_python(sys.version_info[:2])
    _check_java(environment)
    if BY_SPARK_SUBMIT in environment:
        _check_spark(environment)


def check_or_exit() -> None:
    """Run `check` in a process that can do nothing else yet: where it fails, print its sentence on stderr and exit."""
    try:
        check()
    except SettingsError as error:
        sys.stderr.write(f"{Path(sys.argv[0]).stem}: {error}\n")
        outcome.write({"sentence": str(error)}, error.outcome, error.exit_code)
        raise SystemExit(error.exit_code) from None


def _check_user(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise SettingsError(
            f"the user with the id {uid} has no name on this machine, and Spark's access to files needs one; add a "
            f"line for {uid} to /etc/passwd, or run this as another user."
        ) from None


def _check_python(version: tuple[int, ...]) -> None:
    if version not in PYTHONS:
        known = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        raise SettingsError(
            f"this is Python {'.'.join(map(str, version))} ({sys.executable}), but the pipeline runs on {known}; use "
            "the environment that make setup creates."
        )


def _check_java(environment: Mapping[str, str]) -> None:
    """Check the version in Java's own `release` file, because starting Java takes longer."""
    home = environment.get("JAVA_HOME")
    source = f"JAVA_HOME={home}" if home else "java on PATH"
    if _find_java(environment) is None:
        what = f"{source} has no program bin/java" if home else "there is no program java on PATH"
        raise SettingsError(f"{what}; install Java 17 or later, and set JAVA_HOME to its folder.")
    version = java_version(java_release(environment))
    if version is not None and version < LEAST_JAVA:
        raise SettingsError(
            f"{source} is Java {version}, but Spark needs Java {LEAST_JAVA} or later; set JAVA_HOME to a newer one."
        )


def _find_java(environment: Mapping[str, str]) -> str | None:
    """Return the path of the Java program that Spark's scripts start; None where there is none."""
    home = environment.get("JAVA_HOME")
    return shutil.which(f"{home}/bin/java" if home else "java", path=environment.get("PATH"))


def java_release(environment: Mapping[str, str]) -> str:
    """Return the text of the file `release` of the Java that Spark's scripts start; empty where there is no such file.

    The text identifies the build of Java.
    """
    program = _find_java(environment)
    if program is None:
        return ""
    release = Path(program).resolve().parent.parent / "release"
    if not release.exists():  # Java 8: the program is in jre/bin below the folder with the file
        release = release.parent.parent / "release"
    return release.read_text(encoding="utf-8", errors="replace") if release.exists() else ""


def java_version(release: str) -> int | None:
    """Return the major version of Java from the text of its file `release`; None where the text has no version."""
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    return int(found[1]) if found else None


def _check_spark(environment: Mapping[str, str]) -> None:
    """Raise SettingsError where this Python was started by a Spark of another version than the installed one."""
    from importlib.metadata import PackageNotFoundError, version  # late, because the import is slow

    home = environment.get("SPARK_HOME", "")
    try:
        wanted = version("pyspark")
    except PackageNotFoundError:  # on a cluster's own Python
        return
    jars = [jar.name for jar in Path(home, "jars").glob("spark-core_*.jar")] if home else []
    if jars and not any(name.endswith(f"-{wanted}.jar") for name in jars):
        raise SettingsError(
            f"SPARK_HOME={home} is another Spark ({jars[0].removesuffix('.jar')}), and the pipeline needs {wanted}; "
            "use the spark-submit of .venv/bin."
        )
