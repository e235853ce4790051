"""`make sql`: a spark-sql prompt in which every table is there by name. `--query` gives one answer.

A query is SQL, or the name of one in conf/queries, whose answer has a header line.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

from spark_jobs import settings, tables
from spark_jobs.command_line import guarded
from spark_jobs.errors import PipelineError

BOOK = settings.ROOT / "conf" / "queries"
ADDRESS = "spark.pipeline.warehouse"  # where queries of the book find the address of the tables


def main() -> int:
    """Starts spark-sql with a view for each table that exists."""
    parser = argparse.ArgumentParser(prog="make sql", description=__doc__)
    parser.add_argument("--query")
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    warehouse = settings.load(arguments.set).paths.warehouse
    query = named(arguments.query) if re.fullmatch(r"\w+", arguments.query or "") else arguments.query
    if "://" not in warehouse and not Path(warehouse).is_dir():
        raise PipelineError(f"{warehouse}: no tables yet; make run first.")
    return _answered(warehouse, query, header=query != arguments.query)


def _answered(warehouse: str, query: str | None, header: bool) -> int:
    """Runs spark-sql, which asks at its prompt where there is no query; its exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        names = Path(scratch) / "tables.sql"
        names.write_text("".join(_view(warehouse, table) for table in tables.ALL))
        options = {
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": scratch,
            "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:memory:{Path(scratch).name};create=true",
            "spark.driver.extraJavaOptions": f"-XX:+UseParallelGC -Duser.timezone=UTC -Dderby.system.home={scratch}",
            "spark.hadoop.hive.cli.print.header": str(header).lower(),
            ADDRESS: warehouse,
        }
        command = [str(Path(sys.executable).parent / "spark-sql"), "-S", "-i", str(names)]
        for key, value in options.items():
            command += ["--conf", f"{key}={value}"]
        command += ["-e", query] if query else []
        home = {"SPARK_HOME": str(Path(pyspark.__file__).parent)}
        hidden = subprocess.PIPE if query else None  # the engine's timings; shown where it fails
        done = subprocess.run(command, env=os.environ | home, check=False, stderr=hidden, text=True)
        if done.returncode and done.stderr:
            sys.stderr.write(done.stderr)
        return done.returncode


def named(name: str) -> str:
    """The query of that name in conf/queries. Raises PipelineError, which lists what there is."""
    book = {path.stem: path.read_text(encoding="utf-8") for path in sorted(BOOK.glob("*.sql"))}
    if name not in book:
        listed = "".join(f"\n  {known:26}{text.partition(chr(10))[0].lstrip('- ')}" for known, text in book.items())
        raise PipelineError(f"QUERY={name}: neither SQL nor a query of {BOOK.relative_to(settings.ROOT)}:{listed}")
    return book[name]


def _view(warehouse: str, table: tables.Table) -> str:
    path = f"{warehouse.rstrip('/')}/{table.name}".replace("`", "``")
    exists = "://" in warehouse or Path(path, "_delta_log").is_dir()
    return f"CREATE OR REPLACE TEMPORARY VIEW {table.name} AS SELECT * FROM delta.`{path}`;\n" if exists else ""


if __name__ == "__main__":
    sys.exit(guarded("sql", main))
