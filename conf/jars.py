"""Puts the Delta jars beside Spark's own, once, by Spark's resolver; a run then needs no network and no option.

Five jars suffice (Spark brings ANTLR itself); resolving what they declare would add second copies of Hadoop, Parquet
and Log4j. Each is checked against its SHA-256. With `--s3 FOLDER` the jars for s3a:// are put into that folder, and
their addresses printed as `spark-submit --jars` takes them.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

PLACE = Path(pyspark.__file__).parent / "jars"
VERSION = "4.3.1"
JARS = {
    "delta-spark_4.1_2.13": "ebf35a4383f0a653c3ee3c7882c0edcac2f846be31ac61af4b96ccfaaf36c171",
    "delta-storage": "577c12c7e371be4c041714fb48e88ad86e3c3512beea2bdaffbe7a4debf79718",
    "delta-kernel-api": "b081b818d6f5686c7d6406588af72c9f8baf6765a41ada8197364aef90a260e8",
    "delta-kernel-defaults": "27471cca7dd7a36289af2c8d52d2babb37e9e5a13cdaaea76730120f4c72e62f",
    "delta-kernel-unitycatalog": "a288342b7e53da34a608a1a227c8109aa4681fcb582da499ed19347f2193362b",
}


# Hadoop's S3 client with the parts of Amazon's library that it uses, in place of the whole bundle that it declares.
S3 = (
    "org.apache.hadoop:hadoop-aws:3.4.2?transitive=false",
    "software.amazon.awssdk:s3-transfer-manager:2.29.52?transitive=true",
    "software.amazon.awssdk:sts:2.29.52?transitive=true",
)
SPARKS_OWN = ("io.netty_", "org.slf4j_", "commons-codec_", "commons-logging_")  # Spark brings these


def main() -> int:
    """Puts jars where they are asked for; returns 0 when every one is there and is the one expected."""
    if sys.argv[1:2] == ["--s3"] and len(sys.argv) == 3:
        sys.stdout.write(",".join(map(str, s3(Path(sys.argv[2]).resolve()))) + "\n")
        return 0
    return delta()


def s3(folder: Path) -> list[Path]:
    """The jars for s3a:// in `folder`, resolved once."""
    if not list(folder.glob("*.jar")):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as cache:
            _resolved(cache, S3)
            for jar in (Path(cache) / "jars").glob("*.jar"):
                if not jar.name.startswith(SPARKS_OWN):
                    shutil.copyfile(jar, folder / jar.name)
    return sorted(folder.glob("*.jar"))


def delta() -> int:
    """Resolves what is missing; returns 0 when every jar is there and is the one expected."""
    wanted = missing()
    if not wanted:
        return 0
    with tempfile.TemporaryDirectory() as cache:
        _resolved(cache, [f"io.delta:{name}:{VERSION}?transitive=false" for name in wanted])
        for name in wanted:
            resolved = Path(cache) / "jars" / f"io.delta_{_file(name)}"
            if not _is_good(resolved, JARS[name]):
                sys.stderr.write(f"{_file(name)}: not the file that was expected (SHA-256 differs).\n")
                return 1
            shutil.copyfile(resolved, PLACE / _file(name))
    return 0


def _resolved(cache: str, addresses: Iterable[str]) -> None:
    """Has Spark's resolver put the jars of these addresses into `cache`/jars."""
    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = session.config("spark.jars.ivy", cache).config("spark.sql.extensions", "").getOrCreate()
    for address in addresses:
        spark.sql(f"ADD JAR ivy://{address}")
    spark.stop()


def missing() -> list[str]:
    """The jars that are not beside Spark's own, or not as expected."""
    return [name for name in JARS if not _is_good(PLACE / _file(name), JARS[name])]


def _file(name: str) -> str:
    return f"{name}-{VERSION}.jar"


def _is_good(path: Path, digest: str) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


if __name__ == "__main__":
    sys.exit(main())
