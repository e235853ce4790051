"""A wrong argument of the programs below tests/ gives one sentence and exit code 2; nothing is started."""

import subprocess
import sys

import pytest

from tests.project import ROOT
from tests.torture import cases


@pytest.mark.parametrize(
    ("program", "options", "says"),
    [
        ("torture", ("--only", "no such case"), "torture: ONLY=no such case: no case has this in its name; "),
        ("torture", ("--short", "--only", "build.recorded"), "torture: ONLY=build.recorded: no case "),
        ("torture", ("--seeds", "0"), "torture: SEEDS=0: must lie between 1 and "),
        ("bench", ("--rounds", "0"), "bench: ROUNDS=0: must lie between 1 and 100."),
        ("bench", ("--rows", "-5", "--what", "day"), "bench: ROWS=-5: must lie between 1,000 and "),
        ("bench", ("--rows", "5000", "--what", "growth"), "bench: ROWS=5000: must lie between 1,000,000 and "),
        ("cluster", ("--rows", "0"), "cluster-check: ROWS=0: must lie between 1,000 and "),
    ],
)
def test_a_wrong_argument_is_reported_in_one_sentence(program, options, says):
    module = "benchmarks" if program == "bench" else f"tests.{program}"
    command = [sys.executable, "-m", module, *options]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    (line,) = result.stderr.splitlines()
    assert (result.returncode, result.stdout) == (2, "") and line.startswith(says), result.stderr
    if "no such case" in says:
        assert all(name in line for name in (*cases.FAILPOINTS, *cases.WHERE))
