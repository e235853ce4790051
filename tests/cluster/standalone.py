"""A standalone master and its workers, each a process of its own, on the loopback address.

The workers know nothing of this project: no configuration, no module path, and a Python that has the packages only.
The code reaches them with the application (`--py-files`).
"""

import os
import re
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import psutil
import pyspark

HOME = Path(pyspark.__file__).parent
START_SECONDS = 60
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
HERE = "127.0.0.1"


class Standalone:
    """Started when entered, ended when left. `url` is the master's address, `python` what the executors run."""

    def __init__(self, folder: Path, workers: int, memory: str):
        self.folder, self.count, self.memory = folder, workers, memory
        self.workers: list[subprocess.Popen] = []
        self.python = _bare_python(folder / "python")
        (folder / "conf").mkdir()

    def __enter__(self) -> "Standalone":
        self.master = self._start("master", MASTER, "--port", "0")
        self.url = self._said("master", r"Starting Spark master at (spark://\S+)")
        for number in range(self.count):
            arguments = ("--cores", "1", "--memory", self.memory, "--port", "0", "--work-dir", self.folder / "work")
            self.workers.append(self._start(f"worker-{number}", WORKER, *arguments, self.url))
        for number in range(self.count):
            self._said(f"worker-{number}", r"(Successfully registered with master)")
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.master]:
            kill(process)

    def _start(self, name: str, what: str, *arguments: object) -> subprocess.Popen:
        own = {"SPARK_CONF_DIR": str(self.folder / "conf"), "SPARK_HOME": str(HOME), "SPARK_LOCAL_IP": HERE}
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIPELINE", "SPARK"))
        }
        port = ("--webui-port", "0")
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [HOME / "bin" / "spark-class", what, "--host", HERE, *port, *map(str, arguments)],
                env=kept | own,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _said(self, name: str, pattern: str) -> str:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if found := re.search(pattern, (self.folder / f"{name}.log").read_text(errors="replace")):
                return found[1]
            time.sleep(0.2)
        raise TimeoutError(f"{name} did not start: {(self.folder / f'{name}.log').read_text()[-500:]}")


def kill(process: subprocess.Popen) -> None:
    """SIGKILL of the process and all below it: of a worker, its executors too."""
    try:
        root = psutil.Process(process.pid)
    except psutil.NoSuchProcess:
        return
    for each in [*root.children(recursive=True), root]:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _bare_python(folder: Path) -> Path:
    """A Python with this environment's packages, and without what puts the project on its path."""
    venv.create(folder)
    python = folder / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / version / "site-packages" / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python
