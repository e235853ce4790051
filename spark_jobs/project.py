"""Where the project's own files are, and where its data is: in a checkout, or in an installed package.

| | a checkout | an installed package |
|---|---|---|
| `code`: spark_jobs and expectations | the checkout | the folder of installed packages |
| `files`: conf and dags | the checkout | a folder in the package |
| `home`: data, and the user's own conf/settings.toml | the checkout | the current folder |

The variable PIPELINE_HOME names another `home`. On a cluster the code may be in an archive; then it also names `files`.
This module needs only Python's standard library.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CODE = Path(__file__).resolve().parents[1]
SHIPPED = Path("spark_jobs", "shipped")  # where a package has `files`; pyproject.toml puts them there


@dataclass(frozen=True)
class Project:
    """The folders of the project, absolute."""

    code: Path
    files: Path
    home: Path

    @property
    def is_package(self) -> bool:
        """Whether this is an installed package, with its files inside."""
        return self.files == self.code / SHIPPED

    @property
    def is_checkout(self) -> bool:
        """Whether the files for development are here too: tests, tools, the Makefile."""
        return (self.files / "Makefile").exists()

    @property
    def conf(self) -> Path:
        """The project's own configuration: default settings, Spark's configuration, queries, pools."""
        return self.files / "conf"

    @property
    def settings_file(self) -> Path:
        """The user's own settings where there are some, else the project's."""
        own = self.home / "conf" / "settings.toml"
        return own if own.exists() else self.conf / "settings.toml"


def find_project(code: Path, environment: Mapping[str, str]) -> Project:
    """Return the folders that belong to the code in this folder."""
    is_checkout = (code / "conf").is_dir()
    home = Path(environment.get("PIPELINE_HOME") or (code if is_checkout else Path.cwd())).absolute()
    if (code / SHIPPED).is_dir():
        return Project(code, code / SHIPPED, home)
    return Project(code, code if is_checkout else home, home)


VARIABLES = {"port": "AIRFLOW_PORT", "bind": "AIRFLOW_BIND"}  # options whose variable of make has another name
PROJECT = find_project(CODE, os.environ)
JOBS = PROJECT.code / "spark_jobs" / "jobs"
SUBMIT = f"spark-submit {'spark_jobs/jobs' if PROJECT.is_checkout else JOBS}"  # as a user types it, without the job


def typed(name: str, **values: object) -> str:
    """Return a command as its user types it: `make rebuild DAY=…` in a checkout, else `pipeline rebuild --day …`."""
    if PROJECT.is_checkout:
        return " ".join(
            ["make", name, *(f"{VARIABLES.get(key, key.upper())}={value}" for key, value in values.items())]
        )
    return " ".join(["pipeline", name, *(f"--{key} {value}" for key, value in values.items())])
