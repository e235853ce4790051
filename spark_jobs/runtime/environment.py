"""The environment variables of every process that starts Spark, independent of what other software has set.

Every command of the project calls `prepare()` before it starts Spark. A bare `spark-submit` starts its JVM first.
Therefore conf/spark-env.sh runs this module and evaluates its output. The module needs only Python's standard library.
"""

import os
import re
import shlex
import socket
import sys
import sysconfig
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from spark_jobs.errors import SettingsError
from spark_jobs.observability import outcome
from spark_jobs.project import PROJECT, Project
from spark_jobs.runtime import class_archive, compilation, machine, preflight

# The result of a run must not depend on the language, the encoding or the time zone of a machine.
PINNED = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "TZ": "UTC"}
# PySpark or Spark reads these, but they are meant for another Spark or Python. They are removed and named in one note.
FOREIGN = (
    "PYSPARK_DRIVER_PYTHON_OPTS",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "SPARK_API_MODE",
    "SPARK_CONNECT_MODE_ENABLED",
    "SPARK_DIST_CLASSPATH",
    "SPARK_PREPEND_CLASSES",
    "SPARK_REMOTE",
    "SPARK_TESTING",
)
REMOVED = ("LANGUAGE", "PYTHONIOENCODING", "PYTHONWARNINGS", "SPARK_ENV_LOADED")  # removed without a note
JAVA_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "SPARK_SUBMIT_OPTS")
JAVA_TOKEN = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
# Java options that the pipeline sets itself. All other options (agents, certificates, proxies) are passed on.
JAVA_LANGUAGE = re.compile(
    r"-D(user\.(language|country|variant|script|region|extensions|timezone)(\.\w+)?|(\w+\.)*encoding)="
)
JAVA_MEMORY = re.compile(r"-Xm[nsx]|-XX:[+-]Use\w+GC$|-XX:(Max|Initial)(HeapSize|RAMPercentage)=|-Djava\.io\.tmpdir=")
LOOPBACK = "127.0.0.1"
# Without a cluster, a path without a scheme is a local file, even where HADOOP_CONF_DIR sets another default.
LOCAL_FILES = {"spark.hadoop.fs.defaultFS": "file:///"}


@dataclass
class Decision:
    """The variables to set (None: to remove), and the names of other software's variables that are not used as set."""

    variables: dict[str, str | None] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)


def say_unused(names: Sequence[str]) -> None:
    """Print a note on stderr that names these variables, if any. It omits the values, which may be secret."""
    if names:
        sys.stderr.write(
            f"note: set for other software, and not used here: {', '.join(sorted(names))} (conf/README.md).\n"
        )


def decide(environment: Mapping[str, str], project: Project, python: str, spark_home: str | None = None) -> Decision:
    """Return the changes to `environment` with which Spark starts as this project needs it.

    `python` is the interpreter of the project. `spark_home` is the folder of its Spark; None under a spark-submit,
    which has already chosen one. A second call, after the changes, changes nothing.
    """
    decision = Decision()
    variables = decision.variables
    decision.unused += [name for name in FOREIGN if name in environment]
    variables |= {name: None for name in FOREIGN + REMOVED if name in environment}
    variables |= PINNED | {"PIPELINE_HOME": str(project.home)}
    _set_variable("PYTHONPATH", str(project.code), environment, decision)
    for name in JAVA_OPTIONS:
        _filter_java_options(name, environment, decision)
    if spark_home:
        _set_variable("SPARK_HOME", spark_home, environment, decision)
        _set_variable(
            "SPARK_CONF_DIR", environment.get("PIPELINE_SPARK_CONF") or f"{spark_home}/conf", environment, decision
        )
        _set_variable("PYSPARK_SUBMIT_ARGS", _build_submit_arguments(project), environment, decision)
        if is_local(project):
            _set_variable("PYSPARK_PYTHON", python, environment, decision)
    _set_variable("PYSPARK_DRIVER_PYTHON", python, environment, decision)
    defaults = {
        "PYSPARK_PYTHON": python,  # for a cluster's executors; in local mode session.py replaces it
        "PIPELINE_LOGS": str(find_log_folder(environment, project)),
        "SPARK_DRIVER_MEMORY": f"{_compute_heap(environment)}m",
    }
    if not _can_resolve(socket.gethostname()):  # Spark resolves the machine's own name; local mode does not need it
        defaults["SPARK_LOCAL_IP"] = LOOPBACK
    variables |= {name: value for name, value in defaults.items() if not environment.get(name)}
    return decision


def find_log_folder(environment: Mapping[str, str], project: Project) -> Path:
    """Return the folder of the logs: PIPELINE_LOGS, else the one in the settings, else data/logs."""
    if folder := environment.get("PIPELINE_LOGS"):
        return Path(folder)
    import tomllib  # late, so that an older Python reaches the check that refuses it

    file = Path(environment.get("PIPELINE_SETTINGS") or project.settings_file)
    try:
        found = Path(tomllib.loads(file.expanduser().read_text(encoding="utf-8"))["paths"]["logs"])
        return project.home / found.expanduser()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):  # load() of the settings reports it
        return project.home / "data" / "logs"


def _set_variable(name: str, value: str, environment: Mapping[str, str], decision: Decision) -> None:
    """Set a variable to the project's own value, and record its name as unused where it had another value."""
    found = environment.get(name)
    decision.variables[name] = value
    if found and found != value:
        decision.unused.append(name)


def _build_submit_arguments(project: Project) -> str:
    """Return PySpark's arguments for the JVM: the project's defaults, independent of the configuration folder."""
    return f"--properties-file {shlex.quote(str(project.conf / 'spark-defaults.conf'))} pyspark-shell"


def _filter_java_options(name: str, environment: Mapping[str, str], decision: Decision) -> None:
    """Remove the options that the pipeline sets itself from a variable. Language and encoding cause no note."""
    tokens = JAVA_TOKEN.findall(environment.get(name, ""))
    texts = [re.sub("""['"]""", "", token) for token in tokens]
    kept = [
        token
        for token, text in zip(tokens, texts, strict=True)
        if not JAVA_LANGUAGE.match(text) and (name == "SPARK_SUBMIT_OPTS" or not JAVA_MEMORY.match(text))
    ]
    if len(kept) < len(tokens):
        decision.variables[name] = " ".join(kept) or None
    if name != "SPARK_SUBMIT_OPTS" and any(JAVA_MEMORY.match(text) for text in texts):
        decision.unused.append(name)


def _compute_heap(environment: Mapping[str, str]) -> int:
    return machine.heap_mib(machine.memory(), machine.read_jobs_at_once(environment) or 1)


def _can_resolve(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


def prepare(environment: MutableMapping[str, str] = os.environ) -> None:
    """Apply the result of `decide` to the environment of this process, and print which variables are not used."""
    decision = decide(environment, PROJECT, sys.executable, str(find_own_spark()))
    for name, value in decision.variables.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    say_unused(decision.unused)


def add_java_options(options: Sequence[str], environment: MutableMapping[str, str] = os.environ) -> None:
    """Add options to those of the JVM that this process will start. The user's own options come after them and win."""
    environment["SPARK_SUBMIT_OPTS"] = " ".join([*options, environment.get("SPARK_SUBMIT_OPTS", "")]).strip()


def is_local(project: Project) -> bool:
    """Return whether conf/spark-defaults.conf runs Spark on this machine, without a cluster."""
    found = re.findall(r"^\s*spark\.master[\s=:]+(\S+)", _read_defaults(project), re.MULTILINE)
    return not found or found[-1].startswith("local")


def has_default(project: Project, prefix: str) -> bool:
    """Return whether conf/spark-defaults.conf sets an option whose name begins with `prefix`."""
    return re.search(rf"^\s*{re.escape(prefix)}", _read_defaults(project), re.MULTILINE) is not None


def _read_defaults(project: Project) -> str:
    file = project.conf / "spark-defaults.conf"
    return file.read_text(encoding="utf-8") if file.exists() else ""  # a cluster's driver may have no conf folder


def find_own_spark() -> Path:
    """Return the folder of the Spark that is installed with this Python, independent of PYTHONPATH."""
    installed = Path(sysconfig.get_path("purelib")) / "pyspark"
    if installed.exists() or not (found := find_spec("pyspark")) or not found.origin:
        return installed
    return Path(found.origin).parent


def main() -> int:
    """Print the changes as shell commands, for conf/spark-env.sh.

    The arguments are those of the spark-submit that starts a JVM.
    """
    arguments = sys.argv[1:]
    try:
        preflight.check()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        outcome.write({"sentence": str(error)}, error.outcome, error.exit_code)
        return error.exit_code
    decision = decide(os.environ, PROJECT, sys.executable)
    _add_java_options(decision, arguments)
    sys.stdout.write(f"runtime={shlex.quote(str(Path(__file__).parent))}\n")
    for name, value in decision.variables.items():
        sys.stdout.write(f"unset {name}\n" if value is None else f"export {name}={shlex.quote(value)}\n")
    say_unused(decision.unused)
    return 0


def _add_java_options(decision: Decision, arguments: Sequence[str]) -> None:
    """Add Java's options for the archive of classes and the compilers, in front of the user's own options."""
    variables = {name: value for name, value in (os.environ | decision.variables).items() if value}
    options = class_archive.options_to_use(variables, arguments, _read_defaults(PROJECT))
    options += compilation.choose_java_options(arguments)
    if options:
        user_options = variables.get("SPARK_SUBMIT_OPTS", "")
        decision.variables["SPARK_SUBMIT_OPTS"] = f"{class_archive.quote(options)} {user_options}".strip()


if __name__ == "__main__":
    sys.exit(main())
