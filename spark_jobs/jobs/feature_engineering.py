"""Feature engineering: compute the features of each user and each item, as of the latest processed day.

Builds one state. `--start` and `--end` are accepted because the scheduler passes them; they have no effect.
Reads daily_interactions and daily_items; writes user_features, item_sums, and item_features, which are computed from
item_sums.
"""

import sys

from spark_jobs import command_line
from spark_jobs.context import Context, Summary
from spark_jobs.snapshots.features import FEATURES
from spark_jobs.snapshots.scheme import build_snapshot
from spark_jobs.windows import Window

JOB = FEATURES.job


def run(ctx: Context, days: Window) -> Summary:
    """Bring the features to the state of all built days. Raises QualityError where a verdict fails."""
    return build_snapshot(ctx, FEATURES)


if __name__ == "__main__":
    sys.exit(command_line.run_job(JOB, __doc__))
