"""The archive of Java classes: created for one build of Java, used with Spark's own class path, otherwise ignored."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from spark_jobs.runtime import class_archive, environment
from tests.project import ROOT

DEFAULTS = "spark.master local[*]\n"


def create_java(folder: Path, version: str, build: str) -> dict[str, str]:
    """Create a Java installation with a release file, and return its environment."""
    program = folder / f"java-{version}-{build}" / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("")
    program.chmod(0o755)
    (program.parent.parent / "release").write_text(f'JAVA_VERSION="{version}"\nJAVA_RUNTIME_VERSION="{build}"\n')
    return {"JAVA_HOME": str(program.parent.parent), "SPARK_HOME": str(folder), "SPARK_CONF_DIR": "/own conf"}


@pytest.fixture
def java_with_archive(tmp_path) -> dict[str, str]:
    """Return the environment of a Java installation that has an archive."""
    variables = create_java(tmp_path, "17.0.15", "17.0.15+6")
    class_archive.find_archive(tmp_path, variables).write_text("")
    return variables


def test_an_archive_belongs_to_one_build_of_java(tmp_path, java_with_archive):
    other = create_java(tmp_path, "17.0.15", "17.0.15+7")
    assert class_archive.find_archive(tmp_path, other) != class_archive.find_archive(tmp_path, java_with_archive)
    assert class_archive.options_to_use(other, [], DEFAULTS) == []


def test_a_java_without_a_release_file_gets_no_archive(tmp_path, java_with_archive):
    Path(java_with_archive["JAVA_HOME"], "release").unlink()
    assert class_archive.find_archive(tmp_path, java_with_archive) is None
    assert class_archive.options_to_use(java_with_archive, [], DEFAULTS) == []


def test_the_class_path_begins_with_the_jars_that_the_archive_was_created_with(tmp_path, java_with_archive):
    jars = class_archive.options_to_make(tmp_path / "new", tmp_path, java_with_archive)[1]
    options = class_archive.options_to_use(java_with_archive | {"HADOOP_CONF_DIR": "/hadoop"}, ["job.py"], DEFAULTS)
    assert options[:2] == ["-cp", f"{jars}:/own conf:/hadoop"]
    assert options[2] == f"-XX:SharedArchiveFile={class_archive.find_archive(tmp_path, java_with_archive)}"


def test_from_java_25_on_the_options_have_other_names(tmp_path):
    variables = create_java(tmp_path, "25.0.3", "25.0.3+9")
    archive = class_archive.find_archive(tmp_path, variables)
    archive.write_text("")
    assert f"-XX:AOTCacheOutput={archive}" in class_archive.options_to_make(archive, tmp_path, variables)
    assert f"-XX:AOTCache={archive}" in class_archive.options_to_use(variables, [], DEFAULTS)


@pytest.mark.parametrize(
    ("variables", "arguments", "defaults"),
    [
        ({"SPARK_SUBMIT_OPTS": "-Dx=1 -cp /mine"}, [], DEFAULTS),
        ({"SPARK_SUBMIT_OPTS": '"-XX:ArchiveClassesAtExit=/mine"'}, [], DEFAULTS),
        ({}, ["--driver-class-path", "/mine", "job.py"], DEFAULTS),
        ({}, ["--conf", "spark.driver.extraClassPath=/mine", "job.py"], DEFAULTS),
        ({}, [], "spark.driver.extraClassPath /mine\n"),
    ],
)
def test_our_archive_is_not_used_if_the_user_sets_a_class_path(java_with_archive, variables, arguments, defaults):
    assert class_archive.options_to_use(java_with_archive, ["job.py"], DEFAULTS)
    assert class_archive.options_to_use(java_with_archive | variables, arguments, defaults) == []


def test_java_silently_ignores_an_archive_of_another_build(tmp_path):
    archive = class_archive.find_archive(tmp_path, os.environ)
    if archive is None:
        pytest.skip("this Java does not say which build it is, so it gets no archive")
    archive.write_text("of another build")
    options = class_archive.options_to_use(os.environ | {"SPARK_HOME": str(tmp_path)}, [], DEFAULTS)
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    result = subprocess.run([java, *options, "-version"], capture_output=True, text=True, check=True)
    assert options and result.stdout == "" and all("warning" not in line for line in result.stderr.lower().splitlines())


def test_the_shell_reads_the_quoted_options_unchanged(java_with_archive, tmp_path):
    text = class_archive.quote(
        class_archive.options_to_use(java_with_archive | {"SPARK_CONF_DIR": '/a b"c\\d'}, [], DEFAULTS)
    )
    assert shlex.split(text)[1] == f'{tmp_path}/jars/*:/a b"c\\d'


def test_the_session_loads_its_classes_from_the_archive(spark):
    archive = class_archive.find_archive(environment.find_own_spark(), os.environ)
    if archive is None:
        pytest.skip("this Java does not say which build it is, so it gets no archive")
    assert archive.exists(), f"make setup makes it; see {ROOT / 'data' / 'logs' / 'setup.log'}"
    assert str(archive) in Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/maps").read_text()
