"""Variables of other software: which are passed on to Spark, which replaced, and which refused with one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spark_jobs.errors import SettingsError
from spark_jobs.project import PROJECT, Project
from spark_jobs.runtime import machine, preflight
from spark_jobs.runtime.environment import LOOPBACK, decide
from tests.project import ROOT

PYTHON = "/project/.venv/bin/python"
HOME = Project(*[Path("/project")] * 3)
OWN_SPARK = "/project/.venv/lib/pyspark"


def decide_environment(**environment: str) -> dict[str, str | None]:
    """Return the environment after the decision, and the names of the variables that are not used."""
    decision = decide(environment, HOME, PYTHON, OWN_SPARK)
    return environment | decision.variables | {"unused": decision.unused}


def test_a_plain_environment_causes_no_note_and_a_second_decision_changes_nothing():
    first = decide_environment(PATH="/bin")
    assert first.pop("unused") == []
    assert first["SPARK_HOME"] == OWN_SPARK
    assert first["PYTHONPATH"] == first["PIPELINE_HOME"] == "/project"
    again = decide(first, HOME, PYTHON, OWN_SPARK)
    assert first | again.variables == first
    assert again.unused == []


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("SPARK_HOME", "/opt/spark-3", OWN_SPARK),
        ("SPARK_CONF_DIR", "/etc/spark/conf", f"{OWN_SPARK}/conf"),
        (
            "PYSPARK_SUBMIT_ARGS",
            "--driver-memory 2g",
            "--properties-file /project/conf/spark-defaults.conf pyspark-shell",
        ),
        ("PYSPARK_DRIVER_PYTHON", "jupyter", PYTHON),
        ("PYSPARK_PYTHON", "/opt/conda/bin/python", PYTHON),
        ("PYSPARK_DRIVER_PYTHON_OPTS", "notebook", None),
        ("PYTHONPATH", "/opt/ros/python2.7", "/project"),
        ("PYTHONHOME", "/opt/python", None),
        ("SPARK_REMOTE", "sc://somewhere", None),
        ("SPARK_DIST_CLASSPATH", "/opt/hadoop/*", None),
        ("_JAVA_OPTIONS", "-Xmx256m", None),
        ("JAVA_TOOL_OPTIONS", "-XX:+UseG1GC -Djava.io.tmpdir=/x", None),
    ],
)
def test_variables_of_other_software_are_replaced_and_named_without_their_values(name, value, used):
    found = decide_environment(**{name: value})
    assert found[name] == used
    assert found["unused"] == [name]


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"])
def test_java_options_for_language_and_encoding_are_dropped_silently_and_other_options_are_passed_on(name):
    given = (
        "-Duser.language=ar '-Duser.country=EG' -Duser.language.format=fa -Dfile.encoding=Cp1252 -Dsun.jnu.encoding=x"
    )
    assert decide_environment(**{name: given})[name] is None
    found = decide_environment(**{name: f'-javaagent:"/opt/my agent.jar" {given} -Dhttps.proxyHost=proxy'})
    assert found[name] == '-javaagent:"/opt/my agent.jar" -Dhttps.proxyHost=proxy'
    assert found["unused"] == []


def test_language_encoding_and_time_zone_are_pinned():
    found = decide_environment(LC_ALL="fa_IR", LANGUAGE="fa", PYTHONIOENCODING="cp1252", TZ="Asia/Seoul")
    pinned = {name: found[name] for name in ("LC_ALL", "LANGUAGE", "PYTHONIOENCODING", "PYTHONUTF8", "TZ", "unused")}
    assert pinned == {
        **{"LC_ALL": "C.UTF-8", "LANGUAGE": None, "PYTHONIOENCODING": None, "PYTHONUTF8": "1", "TZ": "UTC"},
        "unused": [],
    }


def test_variables_that_the_user_has_set_are_kept(monkeypatch):
    chosen = {"SPARK_DRIVER_MEMORY": "9g", "PIPELINE_LOGS": "/logs", "SPARK_LOCAL_IP": "10.0.0.5"}
    found = decide_environment(HADOOP_CONF_DIR="/etc/hadoop", **chosen)
    assert found | chosen == found
    assert (found["HADOOP_CONF_DIR"], found["unused"]) == ("/etc/hadoop", [])


def test_the_python_of_executors_is_kept_for_a_cluster_and_replaced_without_one(tmp_path):
    chosen = {"PYSPARK_PYTHON": "./environment/bin/python"}
    assert decide(chosen, Project(tmp_path, tmp_path, tmp_path), PYTHON, OWN_SPARK).unused == ["PYSPARK_PYTHON"]
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.master  yarn\n")
    decision = decide(chosen, Project(tmp_path, tmp_path, tmp_path), PYTHON, OWN_SPARK)
    assert decision.unused == [] and "PYSPARK_PYTHON" not in decision.variables


def test_a_machine_whose_name_cannot_be_resolved_is_reached_by_its_loopback_address(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "localhost")
    assert "SPARK_LOCAL_IP" not in decide_environment()
    monkeypatch.setattr("socket.gethostname", lambda: "no-such-host.invalid")
    assert decide_environment()["SPARK_LOCAL_IP"] == LOOPBACK


def test_spark_submit_gets_the_same_environment_from_the_shell():
    foreign = ("SPARK", "PYSPARK", "PYTHON", "PIPELINE", "JAVA_TOOL", "JDK_JAVA", "_JAVA")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    given = kept | {"PYTHONPATH": "/opt/other", "LC_ALL": "C", "JAVA_TOOL_OPTIONS": "-Duser.language=ar"}
    command = ["bash", "-c", '. "$0"; env', str(ROOT / "conf" / "spark-env.sh")]
    result = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    found = dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)
    expected = decide(given, PROJECT, sys.executable).variables
    assert {name: found.get(name) for name in expected} == expected
    assert result.stderr == "note: set for other software, and not used here: PYTHONPATH (conf/README.md).\n"


@pytest.mark.parametrize(
    ("gib", "cores", "jobs", "heaps"),
    [(4, 2, 1, [1996]), (8, 2, 1, [4096]), (8, 4, 2, [4096, 1996]), (24, 2, 1, [4096]), (64, 16, 8, [4096, 4096])],
)
def test_heap_size_and_number_of_concurrent_jobs_depend_on_memory_and_cores(gib, cores, jobs, heaps):
    memory = gib * machine.GIB
    assert machine.compute_jobs_at_once(memory, cores) == jobs
    assert [machine.heap_mib(memory, count) for count in (1, 2)[: len(heaps)]] == heaps


def test_the_memory_and_cpu_limits_of_a_container_are_respected(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    physical = machine.memory()
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.memory() == physical
    (tmp_path / "memory.max").write_text(f"{2 * machine.GIB}\n")
    assert machine.memory() == 2 * machine.GIB
    (tmp_path / "memory.max").unlink()
    monkeypatch.setattr(machine, "OWN_GROUPS", tmp_path / "own")  # cgroups version 1, with a limit on a parent group
    (tmp_path / "own").write_text("4:memory:/above/mine\n3:cpuset:/\n0::/\n")
    (tmp_path / "memory" / "above" / "mine").mkdir(parents=True)
    (tmp_path / "memory" / "above" / "memory.limit_in_bytes").write_text(f"{3 * machine.GIB}\n")
    (tmp_path / "memory" / "above" / "mine" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert machine.memory() == 3 * machine.GIB
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert machine.cores() == 1


def expect_refusal(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        preflight.check(environment)
    return str(caught.value)


def test_a_java_that_is_too_old_or_missing_is_refused_by_name(tmp_path):
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    named = {"JAVA_HOME": str(tmp_path)}
    assert expect_refusal(**named).startswith(f"JAVA_HOME={tmp_path} has no program bin/java; install Java 17 or later")
    java.touch(mode=0o755)
    preflight.check(named)  # its version is unknown
    for version, sentence in (("1.8.0_402", "is Java 8"), ("11.0.2", "is Java 11")):
        (tmp_path / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
        assert (
            expect_refusal(**named)
            == f"JAVA_HOME={tmp_path} {sentence}, but Spark needs Java 17 or later; set JAVA_HOME to a newer one."
        )
    (tmp_path / "release").write_text('JAVA_VERSION="25.0.1"\n')
    preflight.check(named)


def test_another_spark_installation_is_refused_by_name(tmp_path):
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.12-3.5.1.jar").touch()
    given = {"PATH": os.environ["PATH"], "PYSPARK_GATEWAY_PORT": "1", "SPARK_HOME": str(tmp_path)}
    assert expect_refusal(**given).startswith(
        f"SPARK_HOME={tmp_path} is another Spark (spark-core_2.12-3.5.1), and the pipeline"
    )
    job = [sys.executable, str(ROOT / "spark_jobs" / "jobs" / "extract_events.py")]
    result = subprocess.run(job, env=given, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == f"extract_events: {expect_refusal(**given)}\n"


def test_a_user_without_a_name_is_refused(monkeypatch):
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert expect_refusal(PATH=os.environ["PATH"]).startswith(
        "the user with the id 4000000 has no name on this machine"
    )
