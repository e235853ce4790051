"""`make report`: the last run's page made again from the tables as they are, and opened where there is a screen."""

import argparse
import os
import sys
import webbrowser

from spark_jobs import tables
from spark_jobs.command_line import guarded
from spark_jobs.console import Console
from spark_jobs.context import context
from spark_jobs.errors import PipelineError
from spark_jobs.report import page
from spark_jobs.session import spark_session
from spark_jobs.settings import load


def main() -> int:
    """Writes the page and prints its address."""
    parser = argparse.ArgumentParser(prog="make report", description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting")
    ctx = context(load(parser.parse_args().set), spark_session("report"))
    if not ctx.storage.exists(tables.HOUR_STATUS):
        raise PipelineError(f"{ctx.settings.paths.warehouse}: there is nothing to report yet; make run first.")
    path = page.write(ctx)
    Console().say(str(path))
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(path.as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(guarded("report", main))
