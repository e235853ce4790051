"""A job over one hour, or a run over few events, uses only Java's first compiler; everything else uses both."""

import pytest

from spark_jobs import flow
from spark_jobs.runtime.compilation import FEW_BYTES, FIRST_ONLY, HOURLY, choose_for_content, choose_java_options
from spark_jobs.runtime.environment import add_java_options
from spark_jobs.sources.files import estimate_content

SUBMIT = ["org.apache.spark.deploy.SparkSubmit", "--conf", "spark.app.name=x"]
EXTRACT = "spark_jobs/jobs/extract_events.py"


@pytest.mark.parametrize(
    "arguments",
    [
        [EXTRACT],  # the last full hour
        [EXTRACT, "--start", "2019-10-01T05"],
        [EXTRACT, "--set", "paths.raw='x'", "--start=2019-10-01T05", "--end=2019-10-01T06"],
        ["/any where/spark_jobs/jobs/load_to_database.py", "--start", "2019-10-01T05:00:00+00:00"],
    ],
)
def test_a_job_over_one_hour_uses_only_the_first_compiler(arguments):
    assert choose_java_options([*SUBMIT, *arguments]) == FIRST_ONLY


@pytest.mark.parametrize(
    "arguments",
    [
        [EXTRACT, "--start", "2019-10-01", "--end", "2019-10-02"],
        [EXTRACT, "--start", "2019-10-01T05", "--end", "2019-10-01T07"],
        ["spark_jobs/jobs/remove_duplicates.py", "--start", "2019-10-01"],
        ["pyspark-shell"],
        ["--class", "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver"],
    ],
)
def test_everything_else_uses_both_compilers(arguments):
    assert choose_java_options([*SUBMIT, *arguments]) == []


@pytest.mark.parametrize("wrong", [["--start", "yesterday"], ["--start"], ["--end", "2019-10-01T05"]])
def test_wrong_arguments_are_left_for_the_job_to_refuse(wrong):
    assert choose_java_options([EXTRACT, *wrong]) == []


def test_a_run_over_few_bytes_uses_only_the_first_compiler_unless_the_user_chose_otherwise():
    assert choose_for_content(FEW_BYTES - 1) == FIRST_ONLY and choose_for_content(FEW_BYTES) == []
    assert estimate_content("day.csv", 10) == 10 < estimate_content("day.csv.gz", 10)
    environment = {"SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=4"}
    add_java_options(FIRST_ONLY, environment)
    assert environment["SPARK_SUBMIT_OPTS"] == " ".join([*FIRST_ONLY, "-XX:TieredStopAtLevel=4"])  # the last one counts


def test_the_hourly_jobs_are_those_that_the_flow_declares_as_hourly():
    assert sorted(HOURLY) == sorted(f"{job.name}.py" for job in flow.HOURLY)
