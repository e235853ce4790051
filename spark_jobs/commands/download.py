"""`make download MONTH=2019-Oct`: get the real data with Kaggle's own client, or explain how to get it by hand."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from spark_jobs.command_line import load_settings
from spark_jobs.errors import PipelineError, SettingsError
from spark_jobs.project import typed

DATASET = "mkechinov/ecommerce-behavior-data-from-multi-category-store"


def main(overrides: Sequence[str], month: str) -> int:
    """Download one month into paths.raw; return the exit code of Kaggle's client.

    Raises PipelineError with manual instructions where the client or its credentials are missing.
    """
    if not re.fullmatch(r"20\d\d-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)", month):
        raise SettingsError(f"MONTH={month}: write it as 2019-Oct.")
    folder = Path(load_settings(overrides).paths.raw)
    credentials = bool(os.environ.get("KAGGLE_USERNAME")) or (Path.home() / ".kaggle" / "kaggle.json").exists()
    client = shutil.which("kaggle")
    if not (client and credentials):
        missing = "Kaggle's client `kaggle` is not installed" if credentials else "no Kaggle credentials are set"
        raise PipelineError(
            f"{missing}: get {month}.csv from Kaggle's data set {DATASET}, put it into {folder}, then run "
            f"{typed('run')} (or {typed('run', input=f'path/{month}.csv')}). Please cite Kaggle and REES46."
        )
    folder.mkdir(parents=True, exist_ok=True)
    command = [client, "datasets", "download", DATASET, "--file", f"{month}.csv", "--path", str(folder), "--unzip"]
    return subprocess.run(command, check=False).returncode
