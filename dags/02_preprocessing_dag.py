"""
### Preprocessing: every midnight, the day's events into recommender-ready tables

**What it does.** `wait_for_data_collection` asks the ledger whether each of the day's 24 hours is loaded or empty;
two hours past midnight it goes on with what there is, and `day_status` says incomplete. `remove_duplicates` and
`handle_missing_values` build the day and every earlier one whose events changed since. `create_user_item_matrix` and
`feature_engineering` renew matrix and features as of the latest day, side by side.

**Who cares.** Whoever trains on `user_item_matrix`, `user_features`, `item_features` in the morning.

**What is normal.** The wait is yellow (up for reschedule) until the last hour is loaded and holds no slot meanwhile;
then a few minutes, one line of JSON in each log and the same figures under XCom.

**When it is red.** The last lines of the log say in one sentence what is wrong; what was there before stays whole.
Mend it and clear the red task.

**Run again.** An hour: in `data_collection_pipeline`; its day follows at the next run here. A day: clear its run. A
month: trigger with the parameters `start` and `end`, or, a run for each day, `airflow backfill create --dag-id
data_preprocessing_pipeline --from-date 2019-10-01 --to-date 2019-10-31`. Late hours need nothing: the next run rebuilds
exactly their days.
"""

from airflow.sdk import DAG, CronDataIntervalTimetable
from pipeline_job import WINDOWED, PipelineJob, wait_for_hours

with DAG(
    "data_preprocessing_pipeline",
    description="Deduplicates and repairs the day, renews matrix and features",
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
