"""`python -m spark_jobs.tables`: the tables with their columns as Markdown, which is docs/tables.md."""

import sys

from spark_jobs.tables import ALL, Table


def describe_tables() -> str:
    """All tables in Markdown: what each holds, its key and partition, every column with its comment."""
    head = "# The tables\n\nMade from `spark_jobs/tables/` by `make docs`; the same words are the comments in Delta.\n"
    return head + "".join(map(_described, ALL))


def _described(table: Table) -> str:
    key = f" One row for each {', '.join(table.key)}." if table.key else ""
    part = f" Partitioned by {table.partition}." if table.partition else ""
    rows = "".join(f"| {f.name} | {f.type} | {f.comment.replace('|', chr(92) + '|')} |\n" for f in table.fields)
    return f"\n## {table.name}\n\n{table.comment}{key}{part}\n\n| column | type | meaning |\n|---|---|---|\n{rows}"


if __name__ == "__main__":
    sys.stdout.write(describe_tables())
