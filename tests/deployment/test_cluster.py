"""A cluster: the commands that the page shows, the code that executors get, and a real one that loses a worker."""

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
from spark_jobs.settings import ROOT, load

PAGE = (ROOT / "docs" / "cluster.md").read_text().replace("\\\n", " ")
COMMANDS = re.findall(r"^spark-submit (--master.*)$", PAGE, re.MULTILINE)
MASTERS = ["spark://master:7077", "yarn", "k8s://https://api:6443"]


def test_the_page_has_a_command_for_each_kind_of_cluster():
    assert [re.search(r"--master (\S+)", command)[1] for command in COMMANDS] == MASTERS


@pytest.mark.parametrize("command", COMMANDS, ids=MASTERS)
def test_spark_submit_and_the_job_understand_the_command(command):
    """What Spark's own launcher makes of it; it refuses an option that it does not know."""
    words = shlex.split(command)
    place = next(i for i, word in enumerate(words) if word.startswith("spark_jobs/jobs/"))
    launcher = [Path(pyspark.__file__).parent / "bin" / "spark-class", "org.apache.spark.deploy.SparkSubmit"]
    environment = {
        "SPARK_PRINT_LAUNCH_COMMAND": "1",
        "PATH": "/usr/bin:/bin",
        "SPARK_HOME": str(launcher[0].parents[1]),
    }
    built = subprocess.run(
        [*launcher, *words[:place], "--version"], env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert "Unrecognized option" not in built.stderr
    assert (ROOT / words[place]).is_file()
    given = load([word for option, word in zip(words[place:], words[place + 1 :], strict=False) if option == "--set"])
    assert "://" in given.paths.raw and "://" in given.paths.warehouse


def test_the_package_holds_all_that_an_executor_imports(tmp_path):
    path = package(tmp_path)
    assert {"spark_jobs/ingest/landing.py", "spark_jobs/sources/records.py", "expectations/__init__.py"} <= set(
        zipfile.ZipFile(path).namelist()
    )
    program = f"import sys; sys.path.insert(0, {str(path)!r}); import spark_jobs.ingest.landing as m; print(m.__file__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip().startswith(str(path)), done.stderr


def test_on_s3_a_second_machine_is_refused_for_a_while(spark, monkeypatch):
    """S3 itself is not asked: what counts is who wrote last."""
    storage = Storage(spark, "s3a://bucket/warehouse")
    row = {"host": "other", "taken_at": lease.now() - timedelta(hours=1), "layout": tables.LAYOUT}
    with pytest.raises(
        BusyError, match=r"s3a://bucket/warehouse: other wrote here at .* wait 6 hours, or set a log store"
    ):
        lease._one_machine(storage, [row], "here")
    lease._one_machine(storage, [row], "other")
    lease._one_machine(storage, [row | {"taken_at": lease.now() - timedelta(hours=7)}], "here")
    spark.conf.set("spark.delta.logStore.s3a.impl", "io.delta.storage.S3DynamoDBLogStore")
    try:
        lease._one_machine(storage, [row], "here")
    finally:
        spark.conf.unset("spark.delta.logStore.s3a.impl")


@pytest.mark.long
def test_a_cluster_that_loses_a_worker_makes_the_tables_of_local_mode():
    command = [sys.executable, "-m", "tests.cluster", "--rows", "100000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"a worker and its executor are killed", done.stdout)
    assert re.search(r"the executor \(process \d+\) is killed between a COPY's commit and its report", done.stdout)
    assert re.search(r"rows were staged and [\d,]+ loaded: [\d,]+ were there twice, and were not used", done.stdout)
    assert re.search(r"(\d+) of \1 tables hold the same rows", done.stdout)
