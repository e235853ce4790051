"""Commands for those who change the project. They need a checkout; an installed package says so."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from spark_jobs.cli.application import command, python, run_in_checkout

PANEL = "Develop (in a checkout)"
PYTEST = ("-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
QUICK = ("tests/unit", "tests/dags/test_dags.py")
CHECKS = (("-m", "ruff", "check", "."), ("-m", "ruff", "format", "--check", "."), ("-m", "mypy"))
SITE = ("-m", "sphinx", "-c", "docs", "--builder", "html", "--fail-on-warning", "--keep-going", "--quiet", ".")
GENERATED = ("tools/generated.py", "--check")
LOCKED_FOR = ("--quiet", "--universal", "--generate-hashes", "--no-header", "--python-version", "3.11")
PIP_AUDIT = "pip-audit==2.10.1"
AUDIT = ("--strict", "--disable-pip", "--require-hashes", "--progress-spinner", "off", "-r", "requirements-dev.lock")


def _run_all(purpose: str, *commands: tuple[str, ...]) -> int:
    """Run the commands until one fails; return its exit code."""
    return next((code for arguments in commands if (code := run_in_checkout(purpose, *arguments))), 0)


def _uv() -> str:
    return str(Path(sys.executable).parent / "uv")


@command(PANEL, "pipeline check-code")
def check_code() -> int:
    """Check style, types, and whether generated pages and locks are up to date; takes a minute."""
    return _run_all("check-code", *(python(*check) for check in CHECKS), python(*GENERATED))


@command(PANEL, "pipeline test --quick")
def test(
    quick: Annotated[bool, typer.Option("--quick", help="Only single modules and the DAGs; a few minutes.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="The long tests too: Airflow, kills, compose.")] = False,
) -> int:
    """Run the tests, about a quarter of an hour on two cores."""
    chosen = QUICK if quick else () if everything else ("-m", "not long")
    return run_in_checkout("test", *python(*PYTEST), *chosen)


@command(PANEL, "pipeline bench --what overhead")
def bench(
    what: Annotated[str | None, typer.Option(help="rows (the default), hour, day, skew, overhead or growth.")] = None,
    rows: Annotated[int | None, typer.Option(help="Number of events; default: a million.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Number of measurements; default: 3.")] = None,
    naive: Annotated[bool, typer.Option("--naive", help="Once, next to first drafts in PySpark and pandas.")] = False,
) -> int:
    """Measure seconds and memory of each step, next to DuckDB and psql's COPY.

    Results are in data/bench.
    overhead: what a small run costs by step, in executions, jobs, commits and core-seconds.
    hour, day, skew: next to an empty session, thirty days, an evenly distributed file.
    growth: each step at 1, 10 and 42 million rows, and for the day after.
    """
    options = _format_options(what=what, rows=rows, rounds=rounds)
    return run_in_checkout("bench", *python("-m", "benchmarks", *options, *(["--naive"] if naive else [])))


@command(PANEL, "pipeline torture --only 'disk full'")
def torture(
    seeds: Annotated[int | None, typer.Option(help="How many times each case runs; default: 1.")] = None,
    only: Annotated[str | None, typer.Option(help="Cases whose fault or moment contains this.")] = None,
) -> int:
    """Kill, race, starve and freeze runs at named moments, and check that the next run repairs the result.

    The full disk needs root.
    """
    return run_in_checkout("torture", *python("-m", "tests.torture", *_format_options(seeds=seeds, only=only)))


@command(PANEL, "pipeline cluster-check --rows 100000")
def cluster_check(
    rows: Annotated[int | None, typer.Option(help="Number of events; default: a million.")] = None,
) -> int:
    """Compare local mode with a standalone cluster that loses a worker.

    The cluster also repeats a task of the load.
    """
    return run_in_checkout("cluster-check", *python("-m", "tests.cluster", *_format_options(rows=rows)))


@command(PANEL, "pipeline compose-check")
def compose_check() -> int:
    """Build and start the full stack in Docker, and wait until both DAGs are green."""
    return run_in_checkout("compose-check", "bash", "docker/check.sh")


@command(PANEL, "pipeline docs")
def docs() -> int:
    """Write the pages of docs/reference that are generated from the code."""
    return run_in_checkout("docs", *python("tools/generated.py", "docs"))


@command(PANEL, "pipeline docs-site")
def docs_site(
    out: Annotated[str, typer.Option(help="The folder of the site.")] = "data/site",
) -> int:
    """Build the documentation as a site with a search. A link that leads nowhere is an error."""
    code = run_in_checkout("docs-site", *python(*SITE, out))
    if code == 0:
        sys.stdout.write(f"docs-site: open {out}/index.html\n")
    return code


@command(PANEL, "pipeline audit")
def audit() -> int:
    """Look up known vulnerabilities of the pinned packages; fails where a package cannot be looked up."""
    return run_in_checkout("audit", _uv(), "tool", "run", "--quiet", PIP_AUDIT, *AUDIT)


@command(PANEL, "pipeline lock")
def lock() -> int:
    """Write both lock files again: requirements.lock to run, requirements-dev.lock to develop."""
    compile_lock = (_uv(), "pip", "compile", *LOCKED_FOR)
    return _run_all(
        "lock",
        (*compile_lock, "--extra", "airflow", "pyproject.toml", "-o", "requirements.lock"),
        (*compile_lock, "--all-extras", "-c", "requirements.lock", "pyproject.toml", "-o", "requirements-dev.lock"),
        python("tools/generated.py", "lock"),
    )


def _format_options(**values: object) -> list[str]:
    """Return the options that have a value, as arguments."""
    return [text for name, value in values.items() if value is not None for text in (f"--{name}", str(value))]
