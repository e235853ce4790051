"""`make package`: pack the code into one archive for `spark-submit --py-files`, for executors on other machines."""

import sys
import zipfile
from pathlib import Path

from spark_jobs.project import PROJECT

NAME, PACKAGES = "pipeline.zip", ("spark_jobs", "expectations")
CONTENT = (".py", ".jinja")


def package(folder: Path) -> Path:
    """Write the archive into `folder`; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in PACKAGES:
            for source in sorted((PROJECT.code / name).rglob("*")):
                if source.suffix in CONTENT:
                    archive.write(source, source.relative_to(PROJECT.code))
    return path


def main() -> int:
    """Write the archive below data, and print its path."""
    sys.stdout.write(f"{package(PROJECT.home / 'data')}\n")
    return 0
