"""An archive of the classes that a run loads, so that Java does not read and verify them again at each start.

The set-up creates the archive with a small run (tools/make_class_archive.py). Java compares it with its own build and
with the jars, and ignores an archive that does not fit. The module needs only Python's standard library.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from spark_jobs.runtime import preflight

FIRST_WITH_CACHE = 25  # from this version, Java's archive also contains profiles of methods, and has other options
# Options with which a user sets the class path or the archive.
OWN = ("-cp", "-classpath", "--class-path", "-Xshare", "-XX:SharedArchiveFile", "-XX:ArchiveClasses", "-XX:AOT")
FOLDERS = ("SPARK_CONF_DIR", "HADOOP_CONF_DIR", "YARN_CONF_DIR")  # Spark adds these to its class path
OWN_CLASS_PATH = ("--driver-class-path", "spark.driver.extraClassPath")


def find_archive(spark: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the path of the archive for this Java, which may not exist; None where Java does not report its build."""
    release = preflight.java_release(environment)
    build = hashlib.sha256(release.encode()).hexdigest()[:12]
    return spark / f"classes-{build}.archive" if release else None


def options_to_make(archive: Path, spark: Path, environment: Mapping[str, str]) -> list[str]:
    """Return Java's options that write the archive when the JVM ends. The class path may contain only jars."""
    kind = "AOTCacheOutput" if _has_cache(environment) else "ArchiveClassesAtExit"
    return ["-cp", f"{spark}/jars/*", f"-XX:{kind}={archive}"]


def options_to_use(environment: Mapping[str, str], arguments: Sequence[str], defaults: str) -> list[str]:
    """Return Java's options that use the archive.

    The list is empty where there is no archive, or where the user set a class path or an archive. `arguments` are
    those of spark-submit, `defaults` is the text of spark-defaults.conf. The class path is Spark's, with the folders
    after the jars: Java accepts the archive only where its class path begins with the one used to create the archive.
    """
    spark = Path(environment.get("SPARK_HOME") or "none")
    archive = find_archive(spark, environment)
    user_options = environment.get("SPARK_SUBMIT_OPTS", "").split()
    if archive is None or not archive.exists() or any(option.strip("\"'").startswith(OWN) for option in user_options):
        return []
    if any(name in text for name in OWN_CLASS_PATH for text in [*arguments, defaults]):
        return []
    folders = [environment[name] for name in FOLDERS if environment.get(name)]
    kind, log = ("AOTCache", "aot") if _has_cache(environment) else ("SharedArchiveFile", "cds")
    return ["-cp", ":".join([f"{spark}/jars/*", *folders]), f"-XX:{kind}={archive}", f"-Xlog:{log}*=off"]


def quote(options: Sequence[str]) -> str:
    """Return the options in the syntax of SPARK_SUBMIT_OPTS."""
    return " ".join('"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"' for option in options)


def _has_cache(environment: Mapping[str, str]) -> bool:
    return (preflight.java_version(preflight.java_release(environment)) or 0) >= FIRST_WITH_CACHE
