"""One case of each kind of `make torture`."""

import subprocess
import sys

import pytest

from spark_jobs.settings import ROOT


@pytest.mark.long
def test_one_case_of_each_kind_is_made_good_by_the_next_run():
    command = [sys.executable, "-m", "tests.torture", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "6 cases, 6 passed, 0 failed" in done.stdout
