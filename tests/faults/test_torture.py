"""The short version of `make torture`: one case of each fault."""

import subprocess
import sys

import pytest

from tests.project import ROOT
from tests.torture import cases


@pytest.mark.long
def test_the_next_run_recovers_from_one_fault_of_each_kind():
    command = [sys.executable, "-m", "tests.torture", "--short"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {fault for fault, _ in cases.SHORT} == set(cases.WHERE)
    expected = len(cases.SHORT) - result.stdout.count("left out, disk full: a small disk")
    assert f"{expected} cases, {expected} passed, 0 failed" in result.stdout
