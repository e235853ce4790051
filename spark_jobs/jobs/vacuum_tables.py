"""Vacuum: remove files that no table and no rebuild needs, old logs and old verdicts; run VACUUM in PostgreSQL.

Reads every table's log and changes no row; safe while other jobs run.
"""

import sys
from dataclasses import asdict

from spark_jobs.command_line import create_parser, load_settings, publish_summary, run_guarded, track_failures
from spark_jobs.context import context
from spark_jobs.maintenance import removal, sizes
from spark_jobs.observability.console import Console
from spark_jobs.session import spark_session


def main() -> int:
    """Print the size of each table before and after, then one line of JSON with the same figures."""
    settings = load_settings(create_parser("spark-submit spark_jobs/jobs/vacuum_tables.py", __doc__).parse_args().set)
    with track_failures(settings.paths.metrics, "vacuum_tables"):
        ctx = context(settings, spark_session("vacuum_tables"))
        before = sizes.measure_tables(ctx)
        done = removal.remove_unneeded(ctx)
        after = sizes.measure_tables(ctx)
    Console().out.print(sizes.as_table(before, after))
    usage = {name: {"before": asdict(before[name]), "after": asdict(after[name])} for name in after}
    sys.stdout.write(publish_summary({"job": "vacuum_tables"} | done | {"tables": usage}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_guarded("vacuum_tables", main))
