"""`make sql`: open a spark-sql prompt with every table under its name. `--query` answers one query instead.

A query is SQL, or the name of a query in conf/queries.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs import tables
from spark_jobs.command_line import load_settings
from spark_jobs.errors import PipelineError
from spark_jobs.observability.answers import print_answer
from spark_jobs.project import PROJECT, typed
from spark_jobs.runtime import environment, installation
from spark_jobs.session import spark_session

QUERIES = PROJECT.conf / "queries"
ADDRESS = "spark.pipeline.warehouse"  # queries in conf/queries read the tables' address from it


def main(overrides: Sequence[str], query: str | None, layout: str) -> int:
    """Print the answer of the query as `layout`; without a query, open a prompt.

    Every table that exists has a view. Raises PipelineError where there are no tables yet, or the query fails.
    """
    warehouse = load_settings(overrides).paths.warehouse
    query = find_query(query) if query and re.fullmatch(r"\w+", query) else query
    if "://" not in warehouse and not Path(warehouse).is_dir():
        raise PipelineError(f"{warehouse}: no tables yet; {typed('run')} first.")
    views = [view for table in tables.ALL if (view := _define_view(warehouse, table))]
    if not query:
        return _open_prompt(warehouse, views)
    _answer(query, warehouse, views, layout)
    return 0


def _answer(query: str, warehouse: str, views: Sequence[str], layout: str) -> None:
    """Run the query in a session of this process and print its rows."""
    spark = spark_session("sql", **{ADDRESS: warehouse})
    try:
        for view in views:
            spark.sql(view)
        found = spark.sql(query.strip().rstrip(";"))
        print_answer(found.columns, read_rows(found, as_text=layout != "json"), layout)
    except PySparkException as error:
        raise PipelineError(f"QUERY: {str(error).strip().splitlines()[0]}") from error


def read_rows(found: DataFrame, as_text: bool) -> Iterator[Sequence[Any]]:
    """Return the rows one after another; the driver has one partition in memory. `as_text`: as Spark writes values."""
    names = [f"c{number}" for number in range(len(found.columns))]  # two columns of an answer may have the same name
    rows = found.toDF(*names)
    if as_text:
        return map(tuple, rows.select(*(F.col(name).cast("string") for name in names)).toLocalIterator())
    return (tuple(row.asDict(recursive=True).values()) for row in rows.toLocalIterator())


def _open_prompt(warehouse: str, views: Sequence[str]) -> int:
    """Run spark-sql with its prompt; return its exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        names = Path(scratch) / "tables.sql"
        names.write_text("".join(f"{view};\n" for view in views))
        options = {
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": scratch,
            "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:memory:{Path(scratch).name};create=true",
            "spark.hadoop.hive.cli.print.header": "true",
            ADDRESS: warehouse,
        }
        if environment.is_local(PROJECT):
            options |= environment.LOCAL_FILES
        command = [str(Path(sys.executable).parent / "spark-sql"), "-S", "-i", str(names)]
        for key, value in options.items():
            command += ["--conf", f"{key}={value}"]
        os.environ["SPARK_SUBMIT_OPTS"] = f'-Dderby.system.home="{scratch}" {os.environ.get("SPARK_SUBMIT_OPTS", "")}'
        installation.complete_package()
        environment.prepare()
        return subprocess.run(command, check=False).returncode


def find_query(name: str) -> str:
    """Return the query of that name in conf/queries. Raises PipelineError, which lists the existing ones."""
    queries = {path.stem: path.read_text(encoding="utf-8") for path in sorted(QUERIES.glob("*.sql"))}
    if name not in queries:
        listed = "".join(f"\n  {known:26}{text.partition(chr(10))[0].lstrip('- ')}" for known, text in queries.items())
        raise PipelineError(f"QUERY={name}: neither SQL nor a query of {QUERIES.relative_to(PROJECT.files)}:{listed}")
    return queries[name]


def _define_view(warehouse: str, table: tables.Table) -> str:
    path = f"{warehouse.rstrip('/')}/{table.name}".replace("`", "``")
    exists = "://" in warehouse or Path(path, "_delta_log").is_dir()
    return f"CREATE OR REPLACE TEMPORARY VIEW {table.name} AS SELECT * FROM delta.`{path}`" if exists else ""
