"""Some cases of `make torture`."""

import subprocess
import sys

import pytest

from spark_jobs.settings import ROOT
from tests.torture import cases


@pytest.mark.long
def test_one_case_of_each_kind_is_made_good_by_the_next_run():
    command = [sys.executable, "-m", "tests.torture", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {fault for fault, _ in cases.SHORT} == set(cases.WHERE)
    due = len(cases.SHORT) - done.stdout.count("left out, disk full: a small disk")
    assert f"{due} cases, {due} passed, 0 failed" in done.stdout
