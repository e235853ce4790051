"""
### Run report: whenever matrix and features are new, one page about the run in pictures

**What it does.** `write_report` writes `latest.html` below `paths.reports` (`data/reports`): where each row went, gaps,
funnel, long tails, verdicts, sizes, what changed since the report before. One file that opens from disk.

**Who cares.** Whoever looks in the morning whether the night went well.

**What is normal.** Green, within a minute after `data_preprocessing_pipeline`.

**When it is red.** The last lines of the log say in one sentence what is wrong; the tables are not touched by it.

**Run again.** Clear the run, or trigger it; by hand `make report`.
"""

from airflow.sdk import DAG
from pipeline_job import POLICY, PipelineJob, asset

with DAG(
    "run_report",
    description="The last run in pictures",
    schedule=asset("create_user_item_matrix") & asset("feature_engineering"),
    max_active_runs=1,
    tags=["report", "ecommerce"],
    doc_md=__doc__,
    **POLICY,
):
    PipelineJob(job="write_report")
