"""`make airflow`: a local Airflow with all DAGs on, in the project's own environment, until Ctrl-C. No Docker.

It listens only on this machine, or on the address in AIRFLOW_BIND. Its metadata is in a separate database of the
embedded PostgreSQL. Where there is no data yet, it generates a sample that ends at the last full hour. A feed adds each
new hour, so that the live schedule has something to collect.
"""

import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path

from spark_jobs.coordination import lock
from spark_jobs.errors import PipelineError, SettingsError
from spark_jobs.postgres.connection import connect
from spark_jobs.postgres.database import start_embedded
from spark_jobs.project import PROJECT
from spark_jobs.runtime import environment, installation, machine, ports
from spark_jobs.sample.feed import generate_first_sample
from spark_jobs.settings import Settings, load

COMPONENTS = {name: ["airflow", name] for name in ("api-server", "scheduler", "dag-processor")}
COMPONENTS["scheduler"].append("--skip-serve-logs")  # they listen on every address; the API server reads the files
COMPONENTS |= {"feed": [sys.executable, "-m", "spark_jobs.sample.feed"]}
OURS = {"AIRFLOW_PORT", "AIRFLOW_BIND", "AIRFLOW__OPENLINEAGE__TRANSPORT"}
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
FORGET = "while IFS='=' read -r name _; do case $name in AIRFLOW*) unset \"$name\";; esac; done < <(env)"
START_SECONDS, STOP_SECONDS = 300, 20
BIN = Path(sys.executable).parent


def main() -> int:
    """Prepare and start the components, print the address and the login, and wait."""
    if not (BIN / "airflow").exists():
        raise PipelineError("Airflow is not installed; install it: pip install 'shop-events-pipeline[airflow]'.")
    settings = load()
    os.environ["PIPELINE_JOBS_AT_ONCE"] = str(machine.choose_jobs_at_once(os.environ))  # the jobs share the memory
    installation.complete_package()
    environment.prepare()
    try:
        address = ports.choose_address()
        port = ports.find_free_port(address)
    except ports.InUseError as error:
        raise PipelineError(str(error)) from None
    except ports.PortError as error:
        raise SettingsError(str(error)) from error
    home = Path(settings.paths.database).parent / "airflow"
    for folder in (home / "logs", Path(settings.paths.lineage)):
        folder.mkdir(parents=True, exist_ok=True)
    with lock.hold(str(home), "airflow"):
        return _serve(settings, home, address, port)


def _serve(settings: Settings, home: Path, address: str, port: int) -> int:
    _say("preparing: database, pools, sample (half a minute the first time) …")
    fed = generate_first_sample(settings)
    url = ports.format_url(address, port)
    kept = _drop_foreign_variables()
    own = _configure_airflow(settings, home, address, port) | _bypass_proxy(address)
    shell = _write_shell_file(own, home)
    variables = kept | own | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    for command in (["db", "migrate"], ["pools", "import", str(PROJECT.conf / "pools.json")]):
        _run_airflow(command, variables, home)
    running = [_start_component(name, command, variables, home) for name, command in COMPONENTS.items()]
    try:
        _wait_until_healthy(url, running, home)
        password = json.loads((home / "passwords.json").read_text())["admin"]
        _say(f"{url}  user admin  password {password}")
        data = "a new hour of sample events arrives every hour" if fed else f"events are read from {settings.paths.raw}"
        _say(f"all DAGs are on; {data}; logs: {home / 'logs'}; press Ctrl-C to stop.")
        _say(f"to use the airflow command in another shell: source {shell}")
        while all(process.poll() is None for process in running):
            time.sleep(1)
        raise PipelineError(f"a component has ended; its log is in {home / 'logs'}.")
    finally:
        _stop_components(running)


def _say(line: str) -> None:
    sys.stdout.write(f"airflow: {line}\n")
    sys.stdout.flush()


def _drop_foreign_variables() -> dict[str, str]:
    """Return the variables of this process without those of another Airflow."""
    others = ("AIRFLOW",) if os.environ.get("DATABASE_URL") else ("AIRFLOW", "PG")  # the embedded database uses no PG…
    foreign = {name for name in os.environ if name.startswith(others)} - OURS
    environment.say_unused(sorted(foreign))
    return {name: value for name, value in os.environ.items() if name not in foreign}


def _bypass_proxy(address: str) -> dict[str, str]:
    """Return the variables with which the components of this Airflow reach each other without a proxy."""
    before = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    hosts = ",".join(filter(None, [before, *dict.fromkeys(["localhost", ports.LOCAL, "::1", address])]))
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _configure_airflow(settings: Settings, home: Path, address: str, port: int) -> dict[str, str]:
    """Return Airflow's settings. Keys are created once and kept in a file that only its owner can read."""
    server = start_embedded(Path(settings.paths.database))
    metadata = _create_database(server, "airflow")
    keys, url = _load_keys(home), ports.format_url(address, port)
    airflow_options = {
        "CORE__DAGS_FOLDER": str(PROJECT.files / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": os.environ["PIPELINE_JOBS_AT_ONCE"],
        "CORE__FERNET_KEY": keys["fernet"],
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": metadata,
        "API__HOST": address,
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": keys["session"],
        "API_AUTH__JWT_SECRET": keys["jwt"],
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs" / "tasks"),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        "OPENLINEAGE__NAMESPACE": "pipeline",
        "OPENLINEAGE__TRANSPORT": os.environ.get("AIRFLOW__OPENLINEAGE__TRANSPORT") or _configure_lineage(settings),
    }
    return _configure_jobs(home, server) | {f"AIRFLOW__{name}": value for name, value in airflow_options.items()}


def _configure_jobs(home: Path, server: str) -> dict[str, str]:
    """Return the variables of every process of this Airflow, and so of its jobs."""
    own = {"AIRFLOW_HOME": str(home), "AIRFLOW_CONN_SPARK_DEFAULT": '{"conn_type": "spark", "host": "local[*]"}'}
    own |= {"PIPELINE_JOBS_AT_ONCE": os.environ["PIPELINE_JOBS_AT_ONCE"]}
    own |= {"DATABASE_URL": os.environ.get("DATABASE_URL") or server}
    own |= {"SPARK_LOCAL_IP": os.environ.get("SPARK_LOCAL_IP") or ports.LOCAL}  # a job's JVM also listens
    own |= {"PYTHONWARNINGS": "ignore:Could not import graphviz"}  # else every `airflow dags …` prints it
    return own


def _configure_lineage(settings: Settings) -> str:
    path = Path(settings.paths.lineage) / "airflow.ndjson"
    return json.dumps({"type": "file", "log_file_path": str(path), "append": True})


def _write_shell_file(variables: dict[str, str], home: Path) -> Path:
    """Write a file to `source` before typing `airflow` commands for this Airflow. Only its owner can read its keys."""
    path = home / "env.sh"
    path.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    path.write_text("\n".join([FORGET, *lines, f"export PATH={shlex.quote(str(BIN))}:$PATH", ""]))
    return path


def _create_database(uri: str, name: str) -> str:
    """Return the address of a database on the same server as the default one. Create it where it is missing."""
    connection = connect(uri)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() is None:
            cursor.execute(f'CREATE DATABASE "{name}"')
    connection.close()
    return uri.replace("postgresql://", "postgresql+psycopg2://").replace("/postgres?", f"/{name}?")


def _load_keys(home: Path) -> dict[str, str]:
    path = home / "keys.json"
    if not path.exists():
        fernet = urlsafe_b64encode(secrets.token_bytes(32)).decode()
        path.touch(mode=0o600)
        keys = {"fernet": fernet, "jwt": secrets.token_urlsafe(32), "session": secrets.token_urlsafe(32)}
        path.write_text(json.dumps(keys))
    stored: dict[str, str] = json.loads(path.read_text())
    return stored


def _run_airflow(command: list[str], variables: dict[str, str], home: Path) -> None:
    log = home / "logs" / f"{command[0]}.log"
    with log.open("ab") as out:
        done = subprocess.run(["airflow", *command], env=variables, stdout=out, stderr=out, check=False)
    if done.returncode:
        raise PipelineError(f"airflow {' '.join(command)} failed; its log is {log}.")


def _start_component(name: str, command: list[str], variables: dict[str, str], home: Path) -> subprocess.Popen[bytes]:
    with (home / "logs" / f"{name}.log").open("ab") as out:
        return subprocess.Popen(command, env=variables, stdout=out, stderr=out, process_group=0)


def _wait_until_healthy(url: str, running: list[subprocess.Popen[bytes]], home: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and all(process.poll() is None for process in running):
        with suppress(OSError), WITHOUT_PROXY.open(f"{url}/api/v2/monitor/health") as answer:
            parts = json.load(answer)
            if all(parts[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
                return
        time.sleep(1)
    raise PipelineError(f"Airflow did not start; its logs are in {home / 'logs'}.")


def _stop_components(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    for process in running:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
