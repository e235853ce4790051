"""Where `make airflow` listens: only on this machine unless configured otherwise, and only where it can."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from spark_jobs.runtime import ports
from tests.project import ROOT

OTHER = "127.0.0.2"  # also an address of this machine


@pytest.fixture
def used_port() -> Iterator[int]:
    """Yield a port that is in use, but only at the address OTHER."""
    with socket.socket() as server:
        server.bind((OTHER, 0))
        server.listen()
        yield server.getsockname()[1]


def test_airflow_listens_only_on_this_machine_unless_configured_otherwise(monkeypatch):
    monkeypatch.delenv("AIRFLOW_BIND", raising=False)
    assert ports.choose_address() == "127.0.0.1"
    for address in ("0.0.0.0", "::1", "10.1.2.3"):
        monkeypatch.setenv("AIRFLOW_BIND", address)
        assert ports.choose_address() == address


def test_a_port_is_tried_at_the_address_at_which_airflow_will_listen(used_port, monkeypatch):
    assert [ports.is_free(address, used_port) for address in ("127.0.0.1", OTHER, "0.0.0.0")] == [True, False, False]
    monkeypatch.setenv("AIRFLOW_PORT", str(used_port))
    assert ports.find_free_port("127.0.0.1") == used_port
    with pytest.raises(ports.PortError, match=f"port {used_port} is in use; choose a free one"):
        ports.find_free_port(OTHER)
    monkeypatch.delenv("AIRFLOW_PORT")
    monkeypatch.setattr(ports, "FIRST", used_port)
    assert used_port < ports.find_free_port(OTHER) < used_port + ports.COUNT


def test_the_url_can_be_opened_on_this_machine():
    addresses = ("127.0.0.1", "0.0.0.0", "::", "::1", "10.1.2.3")
    hosts = ("localhost", "localhost", "[::1]", "[::1]", "10.1.2.3")
    assert [ports.format_url(address, 8080) for address in addresses] == [f"http://{host}:8080" for host in hosts]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("AIRFLOW_BIND", "nowhere", "AIRFLOW_BIND=nowhere is not an IP address; set it to one of this machine's "),
        ("AIRFLOW_BIND", "192.0.2.1", "port 8080 of 192.0.2.1 cannot be opened (Cannot assign requested address); "),
        ("AIRFLOW_BIND", "2001:db8::1", "port 8080 of 2001:db8::1 cannot be opened ("),
        ("AIRFLOW_PORT", "99999", "AIRFLOW_PORT=99999 is not a port; choose one: "),
    ],
)
def test_airflow_and_the_doctor_report_a_wrong_address_in_one_sentence(name, value, sentence):
    variables = {key: text for key, text in os.environ.items() if not key.startswith("AIRFLOW")} | {name: value}
    outcomes = [
        subprocess.run(
            [sys.executable, "-m", "spark_jobs.cli", command],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        for command in ("airflow", "doctor")
    ]
    airflow, doctor = outcomes
    assert (airflow.returncode, airflow.stdout) == (2, "")
    assert airflow.stderr.startswith(f"airflow: {sentence}") and airflow.stderr.count("\n") == 1
    assert f"MISSING  port         {sentence}" in doctor.stdout and doctor.stderr == ""
