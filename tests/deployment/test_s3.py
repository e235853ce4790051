"""Raw files and warehouse at s3a:// by settings alone, against an S3 server over HTTP, beside the same in folders."""

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
from spark_jobs.settings import ROOT
from tests.process import NAMES, SUBMIT

SERVER = "moto[s3,server]==5.2.5"  # in an environment of its own
BIN = Path(sys.executable).parent
START_SECONDS = 120


@pytest.fixture
def store(monkeypatch) -> Iterator[str]:
    """The address of a server with an empty bucket `shop`."""
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


def submitted(*command: object) -> str:
    """What spark-submit prints; it must end well."""
    done = subprocess.run([SUBMIT, *map(str, command)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def status(*settings: str) -> str:
    """What `make status` prints; it reads the ledger without Spark."""
    asked = [sys.executable, "-m", "spark_jobs.commands.status", *settings]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "starting Spark" not in done.stdout
    return done.stdout


@pytest.mark.long
def test_the_tables_on_s3_are_those_in_a_folder(store):
    folder = Path(tempfile.mkdtemp(prefix="pipeline-s3-"))
    folder.chmod(0o755)
    jars = subprocess.run(
        [sys.executable, "tools/jars.py", "--s3", folder / "jars"], cwd=ROOT, capture_output=True, text=True, check=True
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
            own = [f"paths.{place}={folder / name / place}" for place in NAMES if place != "warehouse"]
            own += [f"paths.raw={base}/raw", f"paths.warehouse={base}/warehouse"]
            settings = [part for each in own for part in ("--set", each)]
            submitted(*options, "spark_jobs/pipeline.py", *settings)
            again = submitted(*options, "spark_jobs/pipeline.py", *settings)
            assert again.count("nothing to do") == 6, again  # the load counts what it found unchanged
            answer = submitted(*options, "tests/torture/digests.py", f"{base}/warehouse")
            found[name] = json.loads(answer.splitlines()[-1])
            statuses[name] = status(*settings)
        addresses = ("landed_files",)  # which hold where a file lies
        local, s3 = ({k: v for k, v in found[name].items() if k not in addresses} for name in ("local", "s3"))
        assert local["user_events"][0] == 2_000
        assert local == s3
        assert statuses["local"] == statuses["s3"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
