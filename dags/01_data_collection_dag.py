"""
### Data collection: every hour, the shop's new events into Delta and PostgreSQL

**What it does.** `extract_events` lands new or changed CSV files and hands on its own hour and every dirty one.
`validate_data_quality` judges them: good rows to `user_events`, others to `rejected_events` with their reasons.
`load_to_database` brings each hour to PostgreSQL, all or nothing.

**Who cares.** Analysts on PostgreSQL within the hour; `data_preprocessing_pipeline` waits for this DAG's hours.

**What is normal.** Green, a minute or two, one line of JSON in each log and the same figures under XCom. Pink
(skipped) means that the hour has no file yet: a later run takes it when it comes. Nothing is lost by that.

**When it is red.** The last lines of the log say in one sentence what is wrong and what to do. *Stopped*: more than
10 % of an hour's rows were rejected; look at the examples, mend the source and clear the task, or run
`spark-submit spark_jobs/jobs/validate_data_quality.py --start HOUR --accept-rejects "why"`. *PostgreSQL*: mend the
server and clear `load_to_database`.

**Run again.** An hour: clear its run. A day, a month: trigger with the parameters `start` and `end`
(`2019-10-01`, `2019-11-01`), or, a run for each hour, `airflow backfill create --dag-id data_collection_pipeline
--from-date 2019-10-01T00:00 --to-date 2019-10-31T23:00`. Running anything again changes nothing that was right.
"""

from airflow.sdk import DAG, CronDataIntervalTimetable
from pipeline_job import WINDOWED, PipelineJob

with DAG(
    "data_collection_pipeline",
    description="Lands, validates and loads the hour's shop events",
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    tags=["data-collection", "ecommerce"],
    doc_md=__doc__,
    **WINDOWED,
):
    extract, validate, load = (
        PipelineJob(job=job, window="hours", pool="collection")
        for job in ("extract_events", "validate_data_quality", "load_to_database")
    )
    extract >> validate >> load
