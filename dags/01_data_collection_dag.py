"""
### Data collection: every hour, load the shop's new events into Delta and PostgreSQL

**What it does.** `extract_events` lands new or changed CSV files, and passes on its own hour and every dirty hour.
`validate_data_quality` validates these hours: valid rows go to `user_events`, all others to `rejected_events` with
their reasons. `load_to_database` loads each hour into PostgreSQL, completely or not at all.

**Who needs it.** Analysts read the events in PostgreSQL within the hour. `data_preprocessing_pipeline` waits for this
DAG's hours.

**What is normal.** The run is green after a minute or two. Each log has one line of JSON; XCom has the same figures.
`load_to_database` is pink (skipped) where an hour has no file yet: everything else of the run is loaded, and a later
run loads the hour when its file arrives. `extract_events` looks for the file again after 5 and 10 minutes.

**When it is red.** One sentence in the last lines of the log explains what is wrong and what to do.

- *Stopped*, in `load_to_database`: the verdict on each hour that the sentence names has failed, mostly because
  more than 10 % of its rows were rejected; all other hours are loaded. Look at the examples in the log of
  `validate_data_quality`. Then fix the source, or run
  `spark-submit spark_jobs/jobs/validate_data_quality.py --start HOUR --accept-rejects "why"`. Afterwards clear the
  whole run, because `load_to_database` reads the verdict of the task before it.
- *PostgreSQL*: fix the server, and clear `load_to_database`.

**Run again.** For an hour, clear its run. For a day or a month, trigger the DAG with the parameters `start` and `end`
(`2019-10-01`, `2019-11-01`). For one run per hour: `airflow backfill create --dag-id data_collection_pipeline
--from-date 2019-10-01T00:00 --to-date 2019-10-31T23:00`. Correct rows do not change when a run is repeated.
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
