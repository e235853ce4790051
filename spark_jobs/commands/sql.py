"""`make sql`: open a spark-sql prompt with every table under its name. `--query` runs one query instead.

A query is SQL, or the name of a query in conf/queries; the answer of a named query has a header line.
"""

import os
import re
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

from spark_jobs import settings, tables
from spark_jobs.command_line import create_parser, run_guarded
from spark_jobs.errors import PipelineError
from spark_jobs.runtime import environment

QUERIES = settings.ROOT / "conf" / "queries"
ADDRESS = "spark.pipeline.warehouse"  # queries in conf/queries read the tables' address from it


def main() -> int:
    """Start spark-sql with a view for each table that exists. Raises PipelineError where there are no tables yet."""
    options = create_parser("make sql", __doc__)
    options.add_argument("--query")
    arguments = options.parse_args()
    warehouse = settings.load(arguments.set).paths.warehouse
    query = find_query(arguments.query) if re.fullmatch(r"\w+", arguments.query or "") else arguments.query
    if "://" not in warehouse and not Path(warehouse).is_dir():
        raise PipelineError(f"{warehouse}: no tables yet; make run first.")
    return _run_spark_sql(warehouse, query, header=query != arguments.query)


def _run_spark_sql(warehouse: str, query: str | None, header: bool) -> int:
    """Run spark-sql, with its prompt if there is no query; return its exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        views = [view for table in tables.ALL if (view := _define_view(warehouse, table))]
        names = Path(scratch) / "tables.sql"
        names.write_text("".join(views))
        options = {
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": scratch,
            "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:memory:{Path(scratch).name};create=true",
            "spark.hadoop.hive.cli.print.header": str(header).lower(),
            ADDRESS: warehouse,
        }
        if environment.is_local(settings.ROOT):
            options |= environment.LOCAL_FILES
        command = [str(Path(sys.executable).parent / "spark-sql"), "-S", "-i", str(names)]
        for key, value in options.items():
            command += ["--conf", f"{key}={value}"]
        os.environ["SPARK_SUBMIT_OPTS"] = f'-Dderby.system.home="{scratch}" {os.environ.get("SPARK_SUBMIT_OPTS", "")}'
        return _run_command(command, query, len(views) if header else 0)


def _run_command(command: list[str], query: str | None, header_lines: int) -> int:
    """Run the command; return its exit code.

    With a query, stderr is shown only where it fails, without the engine's timings. The first `header_lines` lines of
    the answer, the headers of the views, are skipped.
    """
    environment.prepare()
    if not query:
        return subprocess.run(command, check=False).returncode
    with tempfile.TemporaryFile("w+") as error_output:
        command_with_query = [*command, "-e", query]
        with subprocess.Popen(command_with_query, stdout=subprocess.PIPE, stderr=error_output, text=True) as process:
            for line in islice(process.stdout or (), header_lines, None):
                sys.stdout.write(line)
        if process.returncode:
            error_output.seek(0)
            sys.stderr.writelines(line for line in error_output if not line.startswith("Time taken: "))
        return process.returncode


def find_query(name: str) -> str:
    """Return the query of that name in conf/queries. Raises PipelineError, which lists the existing ones."""
    queries = {path.stem: path.read_text(encoding="utf-8") for path in sorted(QUERIES.glob("*.sql"))}
    if name not in queries:
        listed = "".join(f"\n  {known:26}{text.partition(chr(10))[0].lstrip('- ')}" for known, text in queries.items())
        raise PipelineError(f"QUERY={name}: neither SQL nor a query of {QUERIES.relative_to(settings.ROOT)}:{listed}")
    return queries[name]


def _define_view(warehouse: str, table: tables.Table) -> str:
    path = f"{warehouse.rstrip('/')}/{table.name}".replace("`", "``")
    exists = "://" in warehouse or Path(path, "_delta_log").is_dir()
    return f"CREATE OR REPLACE TEMPORARY VIEW {table.name} AS SELECT * FROM delta.`{path}`;\n" if exists else ""


if __name__ == "__main__":
    sys.exit(run_guarded("sql", main))
