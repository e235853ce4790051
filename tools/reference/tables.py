"""The pages about tables and jobs, from their declarations."""

from reference.markdown import format_table
from spark_jobs.flow import JOBS, Job
from spark_jobs.tables import ALL, Table
from spark_jobs.windows import DAY

TABLES_HEAD = """# The tables

Generated from `spark_jobs/tables/` by `make docs`; Delta has the same texts as comments.
"""
JOBS_HEAD = """# The jobs

Generated from `spark_jobs/flow.py` by `make docs`. Each is submitted by its name, such as
`spark-submit spark_jobs/jobs/extract_events.py --start … --end …`; its range is of whole hours or days. One attempt at
a time writes under each lease.

"""


def describe_tables() -> str:
    """Describe all tables: what each holds, its key and partition, every column with its comment."""
    return TABLES_HEAD + "".join(map(_describe_table, ALL))


def _describe_table(table: Table) -> str:
    key = f" One row for each {', '.join(table.key)}." if table.key else ""
    partition = f" Partitioned by {table.partition}." if table.partition else ""
    rows = format_table(("column", "type", "meaning"), ((f.name, f.type, f.comment) for f in table.fields))
    return f"\n## {table.name}\n\n{table.comment}{key}{partition}\n\n{rows}"


def describe_jobs() -> str:
    """Describe all jobs, in the order in which they run: what each reads and writes, and its lease."""
    headings = ("job", "range of", "lease", "reads", "writes", "records in")
    return JOBS_HEAD + format_table(headings, map(_describe_job, JOBS))


def _describe_job(job: Job) -> tuple[str, ...]:
    return (
        job.name,
        "days" if job.window == DAY else "hours",
        str(job.writer),
        *(", ".join(table.name for table in tables) for tables in (job.reads, job.writes, job.ledger)),
    )
