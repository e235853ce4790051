"""What no process can change about its own start: checked first, and refused in one sentence."""

from __future__ import annotations  # an older Python shall get as far as to be refused

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
    """Raise SettingsError, which names the variable or the user, where Spark could not work in this process."""
    _user(os.getuid())
    _python(sys.version_info[:2])
    _java(environment)
    if BY_SPARK_SUBMIT in environment:
        _spark(environment)


def check_or_exit() -> None:
    """The same for a process that can do nothing else yet: one sentence on stderr, and the exit code."""
    try:
        check()
    except SettingsError as error:
        sys.stderr.write(f"{Path(sys.argv[0]).stem}: {error}\n")
        outcome.write({"sentence": str(error)}, error.outcome, error.exit_code)
        raise SystemExit(error.exit_code) from None


def _user(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise SettingsError(
            f"the user with the id {uid} has no name on this machine, and Spark's access to files needs one; add a "
            f"line for {uid} to /etc/passwd, or run this as another user."
        ) from None


def _python(found: tuple[int, ...]) -> None:
    if found not in PYTHONS:
        known = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        raise SettingsError(
            f"this is Python {'.'.join(map(str, found))} ({sys.executable}), and the pipeline runs on {known}; use "
            "the environment that make setup makes."
        )


def _java(environment: Mapping[str, str]) -> None:
    """Look at Java's own `release` file: to start Java takes longer."""
    home = environment.get("JAVA_HOME")
    named = f"JAVA_HOME={home}" if home else "java on PATH"
    if _java_program(environment) is None:
        what = f"{named} has no program bin/java" if home else "no program java is on PATH"
        raise SettingsError(f"{what}; install Java 17 or later, and name its folder in JAVA_HOME.")
    found = java_version(java_release(environment))
    if found is not None and found < LEAST_JAVA:
        raise SettingsError(
            f"{named} is Java {found}, and Spark needs Java {LEAST_JAVA} or later; name a newer one in JAVA_HOME."
        )


def _java_program(environment: Mapping[str, str]) -> str | None:
    """The Java that Spark's scripts start; None where there is none."""
    home = environment.get("JAVA_HOME")
    return shutil.which(f"{home}/bin/java" if home else "java", path=environment.get("PATH"))


def java_release(environment: Mapping[str, str]) -> str:
    """The file `release` of the Java that Spark's scripts start: which build it is. Empty where there is none."""
    program = _java_program(environment)
    if program is None:
        return ""
    release = Path(program).resolve().parent.parent / "release"
    if not release.exists():  # Java 8: in jre/bin below the folder with the file
        release = release.parent.parent / "release"
    return release.read_text(encoding="utf-8", errors="replace") if release.exists() else ""


def java_version(release: str) -> int | None:
    """The main version of a Java, of which this is the file `release`; None where it does not say."""
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    return int(found[1]) if found else None


def _spark(environment: Mapping[str, str]) -> None:
    """The Spark that has started this Python must be of the version that is installed here."""
    from importlib.metadata import PackageNotFoundError, version  # late: it takes long to import

    home = environment.get("SPARK_HOME", "")
    try:
        wanted = version("pyspark")
    except PackageNotFoundError:  # on a cluster's own Python
        return
    jars = [jar.name for jar in Path(home, "jars").glob("spark-core_*.jar")] if home else []
    if jars and not any(name.endswith(f"-{wanted}.jar") for name in jars):
        raise SettingsError(
            f"SPARK_HOME={home} is another Spark ({jars[0].removesuffix('.jar')}), and the pipeline needs {wanted}; "
            "call the spark-submit of .venv/bin."
        )
