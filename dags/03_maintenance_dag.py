"""
### Data maintenance: every Sunday, what keeps years of hourly runs as fast as the first

**What it does.** `wait_for_runs` lets the runs of collection and preprocessing end first, above all those that are due
when Airflow starts on a later day than Sunday. `optimize_collection` and `optimize_preprocessing` join the small files
of closed days, each in the pool of those who write its tables; the first takes back what a killed landing left, if
there is any. `vacuum_tables` removes files that no table needs and no rebuild may ask for, old logs of these four DAGs
(of no others), lineage, verdicts and Data Docs, and lets PostgreSQL's planner learn what there is.

**Who cares.** Nobody who reads: every row stays as it is. Whoever pays for the disk, and whoever waits for a query.

**What is normal.** Green, a minute or two; the log of `vacuum_tables` ends with what each table takes before and after,
and XCom has the same figures. Days that hourly writes left in few files are not touched.

**When it is red.** The last lines of the log say in one sentence what is wrong and what to do; nothing is lost, and a
week without it harms nothing.

**Run again.** Clear the run, or trigger it; by hand `make upkeep` does all of it.
"""

from airflow.sdk import DAG, CronTriggerTimetable
from pipeline_job import DEFAULTS, PipelineJob, WaitForRuns

with DAG(
    "data_maintenance_pipeline",
    description="Joins small files, removes what nobody needs any more",
    schedule=CronTriggerTimetable("30 3 * * 0", timezone="UTC"),
    max_active_runs=1,
    tags=["maintenance", "ecommerce"],
    doc_md=__doc__,
    catchup=False,
    default_args=DEFAULTS | {"priority_weight": 1},  # after every run that is waiting
):
    joined = [
        PipelineJob(
            job="optimize_tables", task_id=f"optimize_{part}", arguments=["--part", part], pool=part, pool_slots=slots
        )
        for part, slots in (("collection", 1), ("preprocessing", 2))
    ]
    writers = ["data_collection_pipeline", "data_preprocessing_pipeline"]
    WaitForRuns(task_id="wait_for_runs", dag_ids=writers) >> joined >> PipelineJob(job="vacuum_tables")
