"""The archive of Java's classes: made for one build of Java, used where the class path is Spark's own, else ignored."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from spark_jobs.runtime import class_archive, environment
from spark_jobs.settings import ROOT

DEFAULTS = "spark.master local[*]\n"


def java_of(folder: Path, version: str, build: str) -> dict[str, str]:
    """The environment of a Java that says of itself what it is."""
    program = folder / f"java-{version}-{build}" / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("")
    program.chmod(0o755)
    (program.parent.parent / "release").write_text(f'JAVA_VERSION="{version}"\nJAVA_RUNTIME_VERSION="{build}"\n')
    return {"JAVA_HOME": str(program.parent.parent), "SPARK_HOME": str(folder), "SPARK_CONF_DIR": "/own conf"}


@pytest.fixture
def made(tmp_path) -> dict[str, str]:
    """An environment whose Java has an archive."""
    variables = java_of(tmp_path, "17.0.15", "17.0.15+6")
    class_archive.find_archive(tmp_path, variables).write_text("")
    return variables


def test_an_archive_belongs_to_one_build_of_java(tmp_path, made):
    other = java_of(tmp_path, "17.0.15", "17.0.15+7")
    assert class_archive.find_archive(tmp_path, other) != class_archive.find_archive(tmp_path, made)
    assert class_archive.options_to_use(other, [], DEFAULTS) == []


def test_a_java_that_does_not_say_what_it_is_gets_none(tmp_path, made):
    Path(made["JAVA_HOME"], "release").unlink()
    assert class_archive.find_archive(tmp_path, made) is None
    assert class_archive.options_to_use(made, [], DEFAULTS) == []


def test_the_class_path_begins_with_the_jars_that_the_archive_was_made_with(tmp_path, made):
    jars = class_archive.options_to_make(tmp_path / "new", tmp_path, made)[1]
    options = class_archive.options_to_use(made | {"HADOOP_CONF_DIR": "/hadoop"}, ["job.py"], DEFAULTS)
    assert options[:2] == ["-cp", f"{jars}:/own conf:/hadoop"]
    assert options[2] == f"-XX:SharedArchiveFile={class_archive.find_archive(tmp_path, made)}"


def test_from_java_25_on_the_options_have_other_names(tmp_path):
    variables = java_of(tmp_path, "25.0.3", "25.0.3+9")
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
def test_a_class_path_of_ones_own_is_left_alone(made, variables, arguments, defaults):
    assert class_archive.options_to_use(made, ["job.py"], DEFAULTS)
    assert class_archive.options_to_use(made | variables, arguments, defaults) == []


def test_java_ignores_an_archive_that_does_not_fit_without_a_word(tmp_path):
    archive = class_archive.find_archive(tmp_path, os.environ)
    if archive is None:
        pytest.skip("this Java does not say which build it is, so it gets no archive")
    archive.write_text("of another build")
    options = class_archive.options_to_use(os.environ | {"SPARK_HOME": str(tmp_path)}, [], DEFAULTS)
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    done = subprocess.run([java, *options, "-version"], capture_output=True, text=True, check=True)
    assert options and done.stdout == "" and all("warning" not in line for line in done.stderr.lower().splitlines())


def test_options_reach_the_shell_as_they_are(made, tmp_path):
    text = class_archive.quote(class_archive.options_to_use(made | {"SPARK_CONF_DIR": '/a b"c\\d'}, [], DEFAULTS))
    assert shlex.split(text)[1] == f'{tmp_path}/jars/*:/a b"c\\d'


def test_the_session_takes_its_classes_from_the_archive(spark):
    archive = class_archive.find_archive(environment.own_spark(), os.environ)
    if archive is None:
        pytest.skip("this Java does not say which build it is, so it gets no archive")
    assert archive.exists(), f"make setup makes it; see {ROOT / 'data' / 'logs' / 'setup.log'}"
    assert str(archive) in Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/maps").read_text()
