"""
### Preprocessing: every midnight, turn the day's events into tables for recommenders

**What it does.** `wait_for_data_collection` asks the ledger whether each of the day's 24 hours is loaded or empty. Two
hours after midnight the run continues with the hours that exist, and `day_status` is incomplete. `remove_duplicates`
and `handle_missing_values` build the day, and every earlier day whose events have changed since. In parallel,
`create_user_item_matrix` and `feature_engineering` update the matrix and the features as of the latest day.

**Who needs it.** Anyone who trains on `user_item_matrix`, `user_features`, `item_features` in the morning.

**What is normal.** The wait is yellow (up for reschedule) until the last hour is loaded, and takes no slot meanwhile.
The other tasks take a few minutes. Each log has one line of JSON, and XCom has the same figures.

**When it is red.** One sentence in the last lines of the log explains what is wrong. The existing tables are intact.
Fix the problem, and clear the red task.

**Run again.** For an hour, use `data_collection_pipeline`; the next run here rebuilds its day. For a day, clear its
run. For a month, trigger the DAG with the parameters `start` and `end`. For one run per day: `airflow backfill create
--dag-id data_preprocessing_pipeline --from-date 2019-10-01 --to-date 2019-10-31`. Late hours need no action: the next
run rebuilds exactly their days.
"""

from airflow.sdk import DAG, CronDataIntervalTimetable
from pipeline_job import WINDOWED, PipelineJob, wait_for_hours

with DAG(
    "data_preprocessing_pipeline",
    description="Deduplicates and repairs the day, updates matrix and features",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    tags=["preprocessing", "ecommerce"],
    doc_md=__doc__,
    **WINDOWED,
):
    dedupe, repair = (
        PipelineJob(job=job, window="days", pool="preprocessing", pool_slots=2)
        for job in ("remove_duplicates", "handle_missing_values")
    )
    matrix, features = (
        PipelineJob(job=job, window="days", pool="preprocessing", max_active_tis_per_dag=1)
        for job in ("create_user_item_matrix", "feature_engineering")
    )
    wait_for_hours(pool="collection") >> dedupe >> repair >> [matrix, features]
