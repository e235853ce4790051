"""The measurements of the benches count each process once, also after it has ended."""

import subprocess
import sys

from benchmarks.resources import Processors

BUSY_SECONDS = 2  # of a processor
PARENT = f"""
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as Spark's daemon of Python workers does
ended, ends = os.pipe()
if not os.fork():
    while time.process_time() < {BUSY_SECONDS}:
        pass
    os._exit(0)
os.close(ends)
os.read(ended, 1)  # returns when the child has ended
print("ended", flush=True)
sys.stdin.read()
"""


def test_a_process_counts_after_its_end() -> None:
    arguments = [sys.executable, "-c", PARENT]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        with Processors(parent.pid) as processors:
            assert parent.stdout.readline() == "ended\n"
            counted = processors.count()
        parent.stdin.close()
    assert BUSY_SECONDS / 2 < counted < BUSY_SECONDS * 2
