"""Verdicts that several threads and processes write to one folder."""

import json
import subprocess
import sys

from tests.project import ROOT

SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
import pandas as pd
from expectations import Expectation, Suite
from spark_jobs.validation import great_expectations as quality
folder, name, days = sys.argv[1], sys.argv[2], int(sys.argv[3])
suite = Suite("events", [Expectation("missing", "nothing is missing", most=0)])
def judged(number):
    measures = pd.DataFrame([{"unit": f"{name}-{number:02}", "missing": number % 2}])
    verdict = quality.judge(suite, measures, folder, days)
    assert verdict.outcomes == {f"{name}-{number:02}": {"missing": ("passed", "failed")[number % 2]}}
    return verdict.outcomes
with ThreadPoolExecutor(4) as pool:
    print(sorted(unit for units in pool.map(judged, range(12)) for unit in units))
"""


def test_no_verdict_is_lost_between_threads_and_processes(tmp_path):
    def start(name: str, days: int) -> subprocess.Popen:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), name, str(days)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    running = {name: start(name, 30) for name in ("a", "b")}
    for name, process in running.items():
        output, errors = process.communicate(timeout=300)
        assert (process.returncode, output) == (0, f"{[f'{name}-{number:02}' for number in range(12)]}\n"), errors
    written = [json.loads(path.read_text())["units"] for path in tmp_path.glob("verdicts/*/*.json")]
    assert sorted(key for keys in written for key in keys) == [f"{name}-{n:02}" for name in "ab" for n in range(12)]
    assert len(list(tmp_path.glob("docs/validations/**/*.html"))) == 24


def test_a_process_that_removes_old_verdicts_does_not_disturb_another_process(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    running = [
        subprocess.Popen([*command, name, "0"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    for process in running:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0 and output.count("-") == 12, errors
