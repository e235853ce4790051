"""Raw files and warehouse at s3a:// through settings alone, on an S3 server, compared with the same in folders."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from pyarrow import fs

from spark_jobs.sample import Span, generate
from tests.process import NAMES, SUBMIT
from tests.project import ROOT

SERVER = "moto[s3,server]==5.2.5"  # runs in its own environment
BIN = Path(sys.executable).parent
START_SECONDS = 120


@pytest.fixture
def store(monkeypatch) -> Iterator[str]:
    """Start a server with an empty bucket `shop` and return its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [BIN / "uv", "tool", "run", "--quiet", "--from", SERVER, "moto_server", "-H", "127.0.0.1", "-p", port]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    for name, value in (keys | {"AWS_ENDPOINT_URL": url}).items():
        monkeypatch.setenv(name, value)
    try:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with suppress(OSError):
                urllib.request.urlopen(f"{url}/moto-api/")
                break
            time.sleep(0.5)
        fs.S3FileSystem(endpoint_override=url, region="us-east-1", allow_bucket_creation=True).create_dir("shop")
        yield url
    finally:
        os.killpg(process.pid, 15)


def submit(*command: object) -> str:
    """Run spark-submit, which must succeed, and return its output."""
    result = subprocess.run([SUBMIT, *map(str, command)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def read_status(*settings: str) -> str:
    """Return the output of `make status`, which reads the ledger without Spark."""
    command = [sys.executable, "-m", "spark_jobs.cli", "status", *settings]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    assert "starting Spark" not in result.stdout
    return result.stdout


@pytest.mark.long
def test_the_tables_on_s3_equal_the_tables_in_a_local_folder(store):
    folder = Path(tempfile.mkdtemp(prefix="pipeline-s3-"))
    folder.chmod(0o755)
    jars = subprocess.run(
        [sys.executable, "-m", "spark_jobs.runtime.jars", "--s3", folder / "jars"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    hadoop = "spark.hadoop.fs.s3a"
    options = ["--jars", jars.stdout.strip().splitlines()[-1], "--conf", f"{hadoop}.endpoint={store}"]
    options += ["--conf", f"{hadoop}.path.style.access=true"]
    path = generate(Span(2_000, 24, datetime(2019, 10, 1)), folder / "raw")[0]
    with fs.S3FileSystem(endpoint_override=store, region="us-east-1").open_output_stream(
        f"shop/raw/{path.name}"
    ) as out:
        out.write(path.read_bytes())
    try:
        found, statuses = {}, {}
        for name, base in (("local", str(folder)), ("s3", "s3a://shop")):
            path_settings = [f"paths.{place}={folder / name / place}" for place in NAMES if place != "warehouse"]
            path_settings += [f"paths.raw={base}/raw", f"paths.warehouse={base}/warehouse"]
            settings = [part for each in path_settings for part in ("--set", each)]
            submit(*options, "spark_jobs/pipeline.py", *settings)
            again = submit(*options, "spark_jobs/pipeline.py", *settings)
            assert again.count("nothing to do") == 6, again  # the load reports its unchanged hours instead
            answer = submit(*options, "tests/torture/digests.py", f"{base}/warehouse")
            found[name] = json.loads(answer.splitlines()[-1])
            statuses[name] = read_status(*settings)
        tables_with_addresses = ("landed_files",)  # its rows contain the paths of the files
        local, s3 = (
            {k: v for k, v in found[name].items() if k not in tables_with_addresses} for name in ("local", "s3")
        )
        assert local["user_events"][0] == 2_000
        assert local == s3
        assert statuses["local"] == statuses["s3"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
