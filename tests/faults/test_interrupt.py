"""Ctrl-C and SIGTERM: the program prints one sentence on stderr and hides the messages of py4j and the JVM."""

import logging
import os
import signal
import subprocess
import sys
import time

import pytest

from spark_jobs.session import _is_not_of_py4j
from tests.project import ROOT

SENTENCE = "tried: interrupted; finished hours and days are committed, run the same command again to continue.\n"
TRIES = """
import os, signal, sys
from py4j.protocol import Py4JError
from spark_jobs.command_line import run_guarded
{action}
sys.exit(run_guarded("tried", action))
"""
CLEANING_UP_FAILS = """
def action():
    try:
        os.kill(os.getpid(), signal.{signal})
        signal.pause()
    finally:
        raise Py4JError("An error occurred while calling o1.unpersist")
"""
SECOND_SIGNAL = """
import atexit
atexit.register(lambda: os.kill(os.getpid(), signal.{signal}) or signal.pause())
def action():
    raise KeyboardInterrupt
"""


def make_log_record(path: str, text: str) -> logging.LogRecord:
    return logging.LogRecord("root", logging.ERROR, path, 1, text, (), None)


@pytest.mark.parametrize("action", [CLEANING_UP_FAILS, SECOND_SIGNAL], ids=["cleaning up fails", "a second signal"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_prints_one_sentence(action, name):
    code = TRIES.format(action=action.format(signal=name))
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", SENTENCE)


def test_an_interrupt_during_the_imports_prints_one_sentence():
    command = [sys.executable, "-X", "importtime", "-m", "spark_jobs.cli", "run", "--help"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.endswith(" spark_jobs\n"):  # the package is imported; the modules of the pipeline follow
                break
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        lines = [line for line in process.stderr if not line.startswith("import time:")]
    assert lines == ["interrupted; nothing was started, run the same command again.\n"]
    assert process.returncode in (130, -signal.SIGINT)


IN_A_CALL = """
import threading
from spark_jobs.session import spark_session
def action():
    spark = spark_session("tried", **{{"spark.master": "local[1]", "spark.ui.enabled": "false"}})
    threading.Timer(3, os.kill, (os.getpid(), signal.{signal})).start()
    spark._jvm.java.lang.Thread.sleep(60_000)
    return 0
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_while_the_jvm_works_prints_one_sentence(tmp_path, name):
    """PySpark's own handler would use the connection that still waits for an answer."""
    code = TRIES.format(action=IN_A_CALL.format(signal=name))
    variables = os.environ | {"PIPELINE_LOGS": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=300
    )
    assert (result.returncode, result.stdout, result.stderr) == (130, "", SENTENCE)


def test_log_records_of_py4j_are_not_shown():
    path = "/x/site-packages/py4j/java_gateway.py"
    assert not _is_not_of_py4j(make_log_record(path, "Exception while sending command."))
    assert not _is_not_of_py4j(make_log_record(path, "KeyboardInterrupt while sending command."))
    assert _is_not_of_py4j(make_log_record("/x/py4js_friend.py", "something else"))
