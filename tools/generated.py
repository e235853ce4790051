"""What is generated from the code and committed: the pages about tables and jobs, and the marks of the locks.

`make docs` writes the pages, `make lock` the marks. With `--check` nothing is written: each file that is out of date is
named, with the command that renews it.
"""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from spark_jobs.flow import JOBS, Job
from spark_jobs.tables import ALL, Table
from spark_jobs.windows import DAY

ROOT = Path(__file__).resolve().parents[1]
LOCKED = ("requirements.txt", "examples/requirements.txt", "tests/requirements.txt")  # the inputs of the locks


def main() -> int:
    """Write the files that the arguments name, `docs` or `locks`; or check all."""
    if sys.argv[1:] == ["--check"]:
        old = [
            f"{path}: out of date; run make {target}.\n"
            for target, files in GENERATED.items()
            for path, text in files.items()
            if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text()
        ]
        sys.stderr.writelines(old)
        return 1 if old else 0
    for path, text in GENERATED[sys.argv[1]].items():
        (ROOT / path).write_text(text(), encoding="utf-8")
    return 0


def describe_tables() -> str:
    """Describe all tables in Markdown: what each holds, its key and partition, every column with its comment."""
    head = "# The tables\n\nGenerated from `spark_jobs/tables/` by `make docs`; Delta has the same texts as comments.\n"
    return head + "".join(map(_describe_table, ALL))


def _describe_table(table: Table) -> str:
    key = f" One row for each {', '.join(table.key)}." if table.key else ""
    partition = f" Partitioned by {table.partition}." if table.partition else ""
    rows = "".join(f"| {f.name} | {f.type} | {f.comment.replace('|', chr(92) + '|')} |\n" for f in table.fields)
    return f"\n## {table.name}\n\n{table.comment}{key}{partition}\n\n| column | type | meaning |\n|---|---|---|\n{rows}"


def describe_jobs() -> str:
    """Describe all jobs in Markdown, in the order in which they run: what each reads and writes, and its lease."""
    head = (
        "# The jobs\n\nGenerated from `spark_jobs/flow.py` by `make docs`. Each is submitted as `spark-submit "
        "spark_jobs/jobs/NAME.py --start … --end …`; its range is of whole hours or days. One attempt at a time writes "
        "under each lease.\n\n| job | range of | lease | reads | writes | records in |\n|---|---|---|---|---|---|\n"
    )
    return head + "".join(map(_describe_job, JOBS))


def _describe_job(job: Job) -> str:
    cells = (
        job.name,
        "days" if job.window == DAY else "hours",
        str(job.writer),
        *(", ".join(table.name for table in tables) for tables in (job.reads, job.writes, job.ledger)),
    )
    return f"| {' | '.join(cells)} |\n"


def mark_locks() -> str:
    """The SHA-256 of each file that the locks were made from, as `sha256sum` writes it."""
    return "".join(f"{hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}  {name}\n" for name in LOCKED)


GENERATED: dict[str, dict[str, Callable[[], str]]] = {
    "docs": {"docs/reference/tables.md": describe_tables, "docs/reference/jobs.md": describe_jobs},
    "lock": {"requirements.sha256": mark_locks},
}

if __name__ == "__main__":
    sys.exit(main())
