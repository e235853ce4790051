"""
### Run report: after each update of matrix and features, one page with charts of the run

**What it does.** `write_report` writes `latest.html` below `paths.reports` (`data/reports`): a calendar of hours,
trends of the last runs, where each row went, funnel, long tails, verdicts, sizes, and changes since the previous
report. The page is one file that opens from disk.

**Who needs it.** Anyone who checks in the morning whether the night's runs succeeded.

**What is normal.** The run is green within a minute after `data_preprocessing_pipeline`.

**When it is red.** One sentence in the last lines of the log explains what is wrong. The report does not change any
table.

**Run again.** Clear the run, or trigger the DAG. Without Airflow: `make report`.
"""

from airflow.sdk import DAG
from pipeline_job import POLICY, PipelineJob, asset

with DAG(
    "run_report",
    description="Charts of the latest run",
    schedule=asset("create_user_item_matrix") & asset("feature_engineering"),
    max_active_runs=1,
    tags=["report", "ecommerce"],
    doc_md=__doc__,
    **POLICY,
):
    PipelineJob(job="write_report")
