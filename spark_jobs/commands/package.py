"""`make package`: pack the code into one archive for `spark-submit --py-files`, for executors on other machines."""

import sys
import zipfile
from pathlib import Path

from spark_jobs.settings import ROOT

NAME, PACKAGES = "pipeline.zip", ("spark_jobs", "expectations")


def package(folder: Path) -> Path:
    """Write the archive into `folder`; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in PACKAGES:
            for source in sorted((ROOT / name).rglob("*.py")):
                archive.write(source, source.relative_to(ROOT))
    return path


def main() -> int:
    """Write the archive below data, and print its path."""
    sys.stdout.write(f"{package(ROOT / 'data')}\n")
    return 0
