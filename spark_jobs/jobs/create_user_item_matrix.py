"""Create the user-item matrix: scores as sparse triples, with dense numbers for users and items.

Builds one state, as of the latest processed day. `--start` and `--end` are accepted because the scheduler passes them;
they have no effect.
Reads daily_interactions; writes user_index, item_index (append-only) and user_item_matrix.
"""

import sys

from spark_jobs import command_line
from spark_jobs.context import Context, Summary
from spark_jobs.snapshots.scheme import build_snapshot
from spark_jobs.snapshots.user_item_matrix import MATRIX
from spark_jobs.windows import Window

JOB = MATRIX.job


def run(ctx: Context, days: Window) -> Summary:
    """Bring the matrix to the state of all built days. Raises QualityError where its verdict fails."""
    return build_snapshot(ctx, MATRIX)


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
