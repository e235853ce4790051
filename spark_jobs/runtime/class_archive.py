"""Start Java with an archive of the classes that a run loads, so that no start reads and verifies them again.

Set-up makes the archive by a small run (tools/make_class_archive.py). Java compares it with its own build and with the
jars, and ignores one that does not fit. Needs nothing beyond Python's standard library.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from spark_jobs.runtime import preflight

FIRST_WITH_CACHE = 25  # from here on Java's archive keeps methods' profiles too, and its options have other names
# Options of the user that decide the class path or the archive.
OWN = ("-cp", "-classpath", "--class-path", "-Xshare", "-XX:SharedArchiveFile", "-XX:ArchiveClasses", "-XX:AOT")
FOLDERS = ("SPARK_CONF_DIR", "HADOOP_CONF_DIR", "YARN_CONF_DIR")  # which Spark has in its class path
OWN_CLASS_PATH = ("--driver-class-path", "spark.driver.extraClassPath")


def find_archive(spark: Path, environment: Mapping[str, str]) -> Path | None:
    """Where the archive for this Java is, or is to be; None where Java does not say which build it is."""
    release = preflight.java_release(environment)
    build = hashlib.sha256(release.encode()).hexdigest()[:12]
    return spark / f"classes-{build}.archive" if release else None


def options_to_make(archive: Path, spark: Path, environment: Mapping[str, str]) -> list[str]:
    """Java's options that make the archive when the JVM ends. Its class path may hold jars only."""
    kind = "AOTCacheOutput" if _has_cache(environment) else "ArchiveClassesAtExit"
    return ["-cp", f"{spark}/jars/*", f"-XX:{kind}={archive}"]


def options_to_use(environment: Mapping[str, str], arguments: Sequence[str], defaults: str) -> list[str]:
    """Java's options that use the archive; none where there is none, or where the user chose another class path.

    `arguments` are those of spark-submit, `defaults` the text of the configuration. The class path is Spark's with the
    folders behind the jars: Java takes the archive where the path begins with the one that it was made with.
    """
    spark = Path(environment.get("SPARK_HOME") or "none")
    archive = find_archive(spark, environment)
    own = environment.get("SPARK_SUBMIT_OPTS", "").split()
    if archive is None or not archive.exists() or any(option.strip("\"'").startswith(OWN) for option in own):
        return []
    if any(name in text for name in OWN_CLASS_PATH for text in [*arguments, defaults]):
        return []
    folders = [environment[name] for name in FOLDERS if environment.get(name)]
    kind, log = ("AOTCache", "aot") if _has_cache(environment) else ("SharedArchiveFile", "cds")
    return ["-cp", ":".join([f"{spark}/jars/*", *folders]), f"-XX:{kind}={archive}", f"-Xlog:{log}*=off"]


def quote(options: Sequence[str]) -> str:
    """Options as SPARK_SUBMIT_OPTS takes them."""
    return " ".join('"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"' for option in options)


def _has_cache(environment: Mapping[str, str]) -> bool:
    return (preflight.java_version(preflight.java_release(environment)) or 0) >= FIRST_WITH_CACHE
