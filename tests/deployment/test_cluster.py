"""Clusters: the commands of the how-to page, the package for the executors, and a real cluster that loses a worker."""

import re
import shlex
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pyspark
import pytest

from spark_jobs import tables
from spark_jobs.commands.package import package
from spark_jobs.coordination import lease
from spark_jobs.delta.storage import Storage
from spark_jobs.errors import BusyError
from spark_jobs.settings import load
from tests.project import ROOT

PAGE = (ROOT / "docs" / "how-to" / "cluster.md").read_text().replace("\\\n", " ")
COMMANDS = re.findall(r"^spark-submit (--master.*)$", PAGE, re.MULTILINE)
MASTERS = ["spark://master:7077", "yarn", "k8s://https://api:6443"]


def test_the_page_shows_a_command_for_each_kind_of_cluster():
    assert [re.search(r"--master (\S+)", command)[1] for command in COMMANDS] == MASTERS


@pytest.mark.parametrize("command", COMMANDS, ids=MASTERS)
def test_spark_submit_and_the_job_accept_the_command_of_the_page(command):
    """Spark's own launcher parses the command; it refuses an option that it does not know."""
    words = shlex.split(command)
    position = next(i for i, word in enumerate(words) if word.startswith("spark_jobs/jobs/"))
    launcher = [Path(pyspark.__file__).parent / "bin" / "spark-class", "org.apache.spark.deploy.SparkSubmit"]
    environment = {
        "SPARK_PRINT_LAUNCH_COMMAND": "1",
        "PATH": "/usr/bin:/bin",
        "SPARK_HOME": str(launcher[0].parents[1]),
    }
    result = subprocess.run(
        [*launcher, *words[:position], "--version"], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Unrecognized option" not in result.stderr
    assert (ROOT / words[position]).is_file()
    settings = load(
        [word for option, word in zip(words[position:], words[position + 1 :], strict=False) if option == "--set"]
    )
    assert "://" in settings.paths.raw and "://" in settings.paths.warehouse


def test_the_package_contains_every_module_that_an_executor_imports(tmp_path):
    path = package(tmp_path)
    assert {"spark_jobs/ingest/landing.py", "spark_jobs/sources/csv_records.py", "expectations/__init__.py"} <= set(
        zipfile.ZipFile(path).namelist()
    )
    program = f"import sys; sys.path.insert(0, {str(path)!r}); import spark_jobs.ingest.landing as m; print(m.__file__)"
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stdout.strip().startswith(str(path)), result.stderr


def test_a_second_machine_is_refused_on_s3_for_some_hours(spark, monkeypatch):
    """The check needs no S3: only the machine that wrote last matters."""
    storage = Storage(spark, "s3a://bucket/warehouse")
    row = {"host": "other", "taken_at": lease.now() - timedelta(hours=1), "layout": tables.LAYOUT}
    with pytest.raises(
        BusyError, match=r"s3a://bucket/warehouse: other wrote here at .* wait 6 hours, or set a log store"
    ):
        lease._require_one_machine(storage, [row], "here")
    lease._require_one_machine(storage, [row], "other")
    lease._require_one_machine(storage, [row | {"taken_at": lease.now() - timedelta(hours=7)}], "here")
    spark.conf.set("spark.delta.logStore.s3a.impl", "io.delta.storage.S3DynamoDBLogStore")
    try:
        lease._require_one_machine(storage, [row], "here")
    finally:
        spark.conf.unset("spark.delta.logStore.s3a.impl")


@pytest.mark.long
def test_a_cluster_that_loses_a_worker_builds_the_tables_of_local_mode():
    command = [sys.executable, "-m", "tests.cluster", "--rows", "100000"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"a worker and its executor are killed", result.stdout)
    assert re.search(r"the executor \(process \d+\) is killed between a COPY's commit and its report", result.stdout)
    assert re.search(r"rows were staged and [\d,]+ loaded: [\d,]+ were there twice, and were not used", result.stdout)
    assert re.search(r"(\d+) of \1 tables hold the same rows", result.stdout)
