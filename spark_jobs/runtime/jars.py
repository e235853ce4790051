"""The jars of Delta and OpenLineage, next to Spark's own, so that a run needs no network.

Spark's resolver downloads them once. Hadoop's client replaces the older version that Spark includes, which does not run
on Java 25. Five jars of Delta are enough, because Spark includes ANTLR; resolving the dependencies that they declare
would add second copies of Hadoop, Parquet and Log4j. OpenLineage's listener does nothing until a run names it
(docs/how-to/lineage.md); it must be in the same folder as Delta's jars, because it looks for their classes. Each jar is
checked against its SHA-256.

As a program with `--s3 FOLDER`, it puts the jars for s3a:// into that folder, and prints their addresses in the form
that `spark-submit --jars` takes.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from spark_jobs.errors import PipelineError
from spark_jobs.runtime import environment

PLACE = environment.find_own_spark() / "jars"
JARS = {
    "io.delta:delta-spark_4.1_2.13:4.3.1": "ebf35a4383f0a653c3ee3c7882c0edcac2f846be31ac61af4b96ccfaaf36c171",
    "io.delta:delta-storage:4.3.1": "577c12c7e371be4c041714fb48e88ad86e3c3512beea2bdaffbe7a4debf79718",
    "io.delta:delta-kernel-api:4.3.1": "b081b818d6f5686c7d6406588af72c9f8baf6765a41ada8197364aef90a260e8",
    "io.delta:delta-kernel-defaults:4.3.1": "27471cca7dd7a36289af2c8d52d2babb37e9e5a13cdaaea76730120f4c72e62f",
    "io.delta:delta-kernel-unitycatalog:4.3.1": "a288342b7e53da34a608a1a227c8109aa4681fcb582da499ed19347f2193362b",
    "io.openlineage:openlineage-spark_2.13:1.53.0": "5d84b0ae7e72909b5aae7ed87df878bf06b28d9ac3005765c3529d0a66dbae6f",
    "org.apache.hadoop:hadoop-client-api:3.4.3": "6443332781f26a7199009d9517cd1eb013fbf54ca1c9759a2a9e487542b1d52a",
    "org.apache.hadoop:hadoop-client-runtime:3.4.3": "bd20267b0555766ae84697dd888f074ca326d8e2ec3c0008928a6ac2966c67de",
}


# Hadoop's S3 client with the parts of Amazon's library that it uses, instead of the whole bundle that it declares.
S3 = (
    "org.apache.hadoop:hadoop-aws:3.4.3?transitive=false",
    "software.amazon.awssdk:s3-transfer-manager:2.35.4?transitive=true",
    "software.amazon.awssdk:sts:2.35.4?transitive=true",
    "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.3.1?transitive=false",
)
SPARKS_OWN = ("io.netty_", "org.slf4j_", "commons-codec_", "commons-logging_")  # Spark includes these


def main() -> int:
    """Install the jars for s3a:// into a folder, and print their addresses."""
    parser = argparse.ArgumentParser(prog="python -m spark_jobs.runtime.jars", description="Fetch the jars for s3a://.")
    parser.add_argument("--s3", required=True, metavar="FOLDER", type=Path, help="the folder to put them into")
    sys.stdout.write(",".join(map(str, install_s3_jars(parser.parse_args().s3.resolve()))) + "\n")
    return 0


def install_s3_jars(folder: Path) -> list[Path]:
    """Return the jars for s3a:// in `folder`; resolve them where the folder has none."""
    if not list(folder.glob("*.jar")):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as cache:
            _resolve(cache, S3)
            for jar in (Path(cache) / "jars").glob("*.jar"):
                if not jar.name.startswith(SPARKS_OWN):
                    shutil.copyfile(jar, folder / jar.name)
    return sorted(folder.glob("*.jar"))


def install_jars() -> None:
    """Add missing jars and remove outdated ones. Raises PipelineError where a jar does not match its SHA-256."""
    missing = find_missing_jars()
    if missing:
        with tempfile.TemporaryDirectory() as cache:
            _resolve(cache, [f"{address}?transitive=false" for address in missing])
            for address in missing:
                group, file = address.partition(":")[0], _name_file(address)
                resolved = Path(cache) / "jars" / f"{group}_{file}"
                if not _is_good(resolved, JARS[address]):
                    raise PipelineError(f"{file}: not the file that was expected (SHA-256 differs).")
                new = PLACE / f".{file}.{os.getpid()}"
                shutil.copyfile(resolved, new)
                new.replace(PLACE / file)  # in one step: another command may start Spark now
    for older in find_outdated_jars():
        older.unlink(missing_ok=True)


def _resolve(cache: str, addresses: Iterable[str]) -> None:
    """Let Spark's resolver put the jars of these addresses into `cache`/jars."""
    from pyspark.sql import SparkSession

    environment.prepare()
    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = session.config("spark.jars.ivy", cache).config("spark.sql.extensions", "").getOrCreate()
    for address in addresses:
        spark.sql(f"ADD JAR ivy://{address}")
    spark.stop()


def are_present() -> bool:
    """Return whether there is a jar of each expected name. Quick: their content was checked when they were fetched."""
    return all((PLACE / _name_file(address)).exists() for address in JARS)


def find_missing_jars() -> list[str]:
    """Return the addresses of the jars that are missing next to Spark's own, or that have another SHA-256."""
    return [address for address, digest in JARS.items() if not _is_good(PLACE / _name_file(address), digest)]


def find_outdated_jars() -> list[Path]:
    """Return the jars in Spark's folder that have another version than the expected one."""
    expected = {_name_file(address) for address in JARS}
    names = "|".join(re.escape(address.split(":")[1]) for address in JARS)
    return [jar for jar in PLACE.glob("*.jar") if re.match(rf"({names})-\d", jar.name) and jar.name not in expected]


def _name_file(address: str) -> str:
    _, name, version = address.split(":")
    return f"{name}-{version}.jar"


def _is_good(path: Path, digest: str) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


if __name__ == "__main__":
    sys.exit(main())
