"""Optimize: compact the small files that hourly writes left in closed days, for one writer.

Reads and writes the tables of the writer (collection or preprocessing); rows do not change. No other run writes these
tables meanwhile.
"""

import sys

from spark_jobs.command_line import (
    create_parser,
    hold_leases,
    load_settings,
    publish_summary,
    run_guarded,
    track_failures,
)
from spark_jobs.flow import Writer, list_daily_tables
from spark_jobs.maintenance import compaction, sizes
from spark_jobs.session import spark_session


def main() -> int:
    """Print one line of JSON: the number of compacted days, and each table's number of files before and after."""
    options = create_parser("spark-submit spark_jobs/jobs/optimize_tables.py", __doc__)
    options.add_argument(
        "--part", choices=compaction.WRITERS, type=Writer, required=True, help="compact this writer's tables"
    )
    arguments = options.parse_args()
    tables_of_writer = list_daily_tables(arguments.part)
    settings, name = load_settings(arguments.set), f"optimize_{arguments.part}"
    with (
        track_failures(settings.paths.metrics, name),
        hold_leases(settings, spark_session(name), [arguments.part]) as ctx,
    ):
        before = sizes.measure_tables(ctx, tables_of_writer)
        done = compaction.compact_closed_days(ctx, arguments.part)
        after = sizes.measure_tables(ctx, tables_of_writer)
    files = {name: [before[name].files, after[name].files] for name in after}
    sys.stdout.write(
        publish_summary({"job": "optimize_tables", "part": arguments.part} | done | {"files": files}) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_guarded("optimize_tables", main))
