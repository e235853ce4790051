"""
### Data maintenance: every Sunday, keep hourly runs as fast after years as on the first day

**What it does.** `wait_for_runs` waits until the runs of collection and preprocessing have ended. This matters most
where Airflow starts on a later day than Sunday, and missed runs are due. `optimize_collection` and
`optimize_preprocessing` compact the small files of closed days, each in the pool of the jobs that write its tables.
Before that, they undo the changes of a killed attempt, such as a landing, if there are any. `vacuum_tables` removes
files that no table needs and no rebuild can ask for, the old logs of these four DAGs (of no other DAG), and old
lineage, verdicts and Data Docs. It also runs VACUUM ANALYZE in PostgreSQL, so that the planner has current statistics.

**Who needs it.** Anyone who pays for the disk, or waits for a query. For readers nothing changes: every row stays the
same.

**What is normal.** The run is green after a minute or two. The log of `vacuum_tables` ends with the size of each table
before and after, and XCom has the same figures. Days whose hourly writes left few files are not changed.

**When it is red.** One sentence in the last lines of the log explains what is wrong and what to do. Nothing is lost,
and a week without maintenance does no harm.

**Run again.** Clear the run, or trigger the DAG. Without Airflow, `make upkeep` does all of it.
"""

from airflow.sdk import DAG, CronTriggerTimetable
from pipeline_job import DEFAULTS, PipelineJob, WaitForRuns

with DAG(
    "data_maintenance_pipeline",
    description="Compacts small files, removes files and logs that are no longer needed",
    schedule=CronTriggerTimetable("30 3 * * 0", timezone="UTC"),
    max_active_runs=1,
    tags=["maintenance", "ecommerce"],
    doc_md=__doc__,
    catchup=False,
    default_args=DEFAULTS | {"priority_weight": 1},  # after all other waiting runs
):
    joined = [
        PipelineJob(
            job="optimize_tables", task_id=f"optimize_{part}", arguments=["--part", part], pool=part, pool_slots=slots
        )
        for part, slots in (("collection", 1), ("preprocessing", 2))
    ]
    writers = ["data_collection_pipeline", "data_preprocessing_pipeline"]
    WaitForRuns(task_id="wait_for_runs", dag_ids=writers) >> joined >> PipelineJob(job="vacuum_tables")
