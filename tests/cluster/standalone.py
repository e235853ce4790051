"""A standalone master and its workers, each a separate process, on the loopback address.

The workers have no part of this project: no configuration, no module path, and a Python with the packages only.
They receive the code together with the application (`--py-files`).
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
    """A cluster that lives as long as the context. `url` is the master's address, `python` is the executors' Python."""

    def __init__(self, folder: Path, workers: int, memory: str):
        self.folder, self.count, self.memory = folder, workers, memory
        self.workers: list[subprocess.Popen] = []
        self.python = _create_bare_python(folder / "python")
        (folder / "conf").mkdir()

    def __enter__(self) -> "Standalone":
        self.master = self._start("master", MASTER, "--port", "0")
        self.url = self._wait_for_log("master", r"Starting Spark master at (spark://\S+)")
        for number in range(self.count):
            arguments = ("--cores", "1", "--memory", self.memory, "--port", "0", "--work-dir", self.folder / "work")
            self.workers.append(self._start(f"worker-{number}", WORKER, *arguments, self.url))
        for number in range(self.count):
            self._wait_for_log(f"worker-{number}", r"(Successfully registered with master)")
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.master]:
            kill(process)

    def _start(self, name: str, class_name: str, *arguments: object) -> subprocess.Popen:
        overrides = {"SPARK_CONF_DIR": str(self.folder / "conf"), "SPARK_HOME": str(HOME), "SPARK_LOCAL_IP": HERE}
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIPELINE", "SPARK"))
        }
        port = ("--webui-port", "0")
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [HOME / "bin" / "spark-class", class_name, "--host", HERE, *port, *map(str, arguments)],
                env=inherited | overrides,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_for_log(self, name: str, pattern: str) -> str:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if found := re.search(pattern, (self.folder / f"{name}.log").read_text(errors="replace")):
                return found[1]
            time.sleep(0.2)
        raise TimeoutError(f"{name} did not start: {(self.folder / f'{name}.log').read_text()[-500:]}")


def kill(process: subprocess.Popen) -> None:
    """Send SIGKILL to the process and all its descendants; the descendants of a worker include its executors."""
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


def _create_bare_python(folder: Path) -> Path:
    """Create a Python with the packages of this environment but without the project on its path."""
    venv.create(folder)
    python = folder / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / version / "site-packages" / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python
