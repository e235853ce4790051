"""Some cases of `make torture`."""

import subprocess
import sys

import pytest

from spark_jobs.settings import ROOT
from tests.torture import cases


def _tortured(*options: str) -> str:
    command = [sys.executable, "-m", "tests.torture", "--short", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_load_that_is_killed_doubled_frozen_or_cut_off_is_made_good_by_the_next_run():
    due = len([point for _, point in cases.SHORT if point == cases.IN_THE_LOAD])
    assert due == 4
    assert f"{due} cases, {due} passed, 0 failed" in _tortured("--only", cases.IN_THE_LOAD)


@pytest.mark.long
def test_one_case_of_each_kind_is_made_good_by_the_next_run():
    said = _tortured()
    assert {fault for fault, _ in cases.SHORT} == set(cases.WHERE)
    due = len(cases.SHORT) - said.count("left out, disk full: a small disk")
    assert f"{due} cases, {due} passed, 0 failed" in said
