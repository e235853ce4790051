"""An hour's job is compiled once; everything that may be longer gets both of Java's compilers."""

import pytest

from spark_jobs import flow
from spark_jobs.runtime.compilation import FIRST_ONLY, HOURLY, java_options

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
def test_one_hour_gets_the_first_compiler_alone(arguments):
    assert java_options([*SUBMIT, *arguments]) == [FIRST_ONLY]


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
def test_everything_else_gets_both(arguments):
    assert java_options([*SUBMIT, *arguments]) == []


@pytest.mark.parametrize("wrong", [["--start", "yesterday"], ["--start"], ["--end", "2019-10-01T05"]])
def test_wrong_arguments_are_left_to_the_job(wrong):
    assert java_options([EXTRACT, *wrong]) == []


def test_the_jobs_of_an_hour_are_those_that_do_not_build_days():
    assert sorted(HOURLY) == sorted(f"{job.name}.py" for job in flow.HOURLY)
