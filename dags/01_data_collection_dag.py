"""
### Data collection: every hour, the shop's new events into Delta and PostgreSQL

**What it does.** `extract_events` lands new or changed CSV files and hands on its own hour and every dirty one.
`validate_data_quality` judges them: good rows to `user_events`, others to `rejected_events` with their reasons.
`load_to_database` brings each hour to PostgreSQL, all or nothing.

**Who cares.** Analysts on PostgreSQL within the hour; `data_preprocessing_pipeline` waits for this DAG's hours.

**What is normal.** Green, a minute or two, one line of JSON in each log and the same figures under XCom.
`load_to_database` is pink (skipped) where an hour has no file yet: everything else of the run is loaded, and a later
run takes the hour when it comes. `extract_events` asks for it again after 5 and 10 minutes.

**When it is red.** The last lines of the log say in one sentence what is wrong and what to do. *Stopped*, in
`load_to_database`: more than 10 % of the rows of the hours that it names were rejected; all others are loaded. Look at
the examples in the log of `validate_data_quality`, fix the source, or run
`spark-submit spark_jobs/jobs/validate_data_quality.py --start HOUR --accept-rejects "why"`; then clear the run, not the
task alone, for the task reads the verdict of the one before. *PostgreSQL*: fix the server and clear
`load_to_database`.

**Run again.** An hour: clear its run. A day, a month: trigger with the parameters `start` and `end`
(`2019-10-01`, `2019-11-01`), or, a run for each hour, `airflow backfill create --dag-id data_collection_pipeline
--from-date 2019-10-01T00:00 --to-date 2019-10-31T23:00`. Running anything again changes nothing that was right.
"""

from airflow.sdk import DAG, CronDataIntervalTimetable
from pipeline_job import MISSING, STOPPED, WINDOWED, PipelineJob

with DAG(
    "data_collection_pipeline",
    description="Lands, validates and loads the hour's shop events",
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    tags=["data-collection", "ecommerce"],
    doc_md=__doc__,
    **WINDOWED,
):
    extract = PipelineJob(job="extract_events", window="hours", pool="collection", goes_on_with=MISSING)
    validate = PipelineJob(job="validate_data_quality", window="hours", pool="collection", goes_on_with=STOPPED)
    load = PipelineJob(
        job="load_to_database", window="hours", pool="collection", verdict_of=[extract.task_id, validate.task_id]
    )
    extract >> validate >> load
