"""`make download MONTH=2019-Oct`: the real data by Kaggle's own client, or where to get it and where to put it."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from spark_jobs.command_line import run_guarded
from spark_jobs.errors import PipelineError, SettingsError
from spark_jobs.settings import load

DATASET = "mkechinov/ecommerce-behavior-data-from-multi-category-store"


def main() -> int:
    """Downloads one month into paths.raw. Raises PipelineError with the way by hand where the client cannot."""
    parser = argparse.ArgumentParser(prog="make download", description=__doc__)
    parser.add_argument("--month", default="2019-Oct")
    month = parser.parse_args().month
    if not re.fullmatch(r"20\d\d-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)", month):
        raise SettingsError(f"MONTH={month}: write it as 2019-Oct.")
    folder = Path(load().paths.raw)
    credentials = bool(os.environ.get("KAGGLE_USERNAME")) or (Path.home() / ".kaggle" / "kaggle.json").exists()
    client = shutil.which("kaggle")
    if not (client and credentials):
        missing = "its client `kaggle` is not installed" if credentials else "no Kaggle credentials are set"
        raise PipelineError(
            f"{missing}: get {month}.csv from Kaggle's data set {DATASET}, put it into {folder}, then make run "
            f"(or make run INPUT=path/{month}.csv). Please cite Kaggle and REES46."
        )
    folder.mkdir(parents=True, exist_ok=True)
    command = [client, "datasets", "download", DATASET, "--file", f"{month}.csv", "--path", str(folder), "--unzip"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(run_guarded("download", main))
