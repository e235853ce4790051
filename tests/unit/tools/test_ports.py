"""Where `make airflow` listens: on this machine alone unless asked otherwise, and only where it can."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import ports
import pytest

from spark_jobs.settings import ROOT

OTHER = "127.0.0.2"  # of this machine too


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which something listens on OTHER alone."""
    with socket.socket() as server:
        server.bind((OTHER, 0))
        server.listen()
        yield server.getsockname()[1]


def test_the_address_is_this_machine_alone_unless_asked_otherwise(monkeypatch):
    monkeypatch.delenv("AIRFLOW_BIND", raising=False)
    assert ports.bind() == "127.0.0.1"
    for asked in ("0.0.0.0", "::1", "10.1.2.3"):
        monkeypatch.setenv("AIRFLOW_BIND", asked)
        assert ports.bind() == asked


def test_the_port_is_tried_at_the_address_that_will_be_listened_on(taken, monkeypatch):
    assert [ports.is_free(address, taken) for address in ("127.0.0.1", OTHER, "0.0.0.0")] == [True, False, False]
    monkeypatch.setenv("AIRFLOW_PORT", str(taken))
    assert ports.free_port("127.0.0.1") == taken
    with pytest.raises(ports.PortError, match=f"port {taken} is in use; choose a free one"):
        ports.free_port(OTHER)
    monkeypatch.delenv("AIRFLOW_PORT")
    monkeypatch.setattr(ports, "FIRST", taken)
    assert taken < ports.free_port(OTHER) < taken + ports.COUNT


def test_the_url_is_one_that_this_machine_can_ask():
    asked = ("127.0.0.1", "0.0.0.0", "::", "::1", "10.1.2.3")
    hosts = ("localhost", "localhost", "[::1]", "[::1]", "10.1.2.3")
    assert [ports.url(address, 8080) for address in asked] == [f"http://{host}:8080" for host in hosts]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("AIRFLOW_BIND", "nowhere", "AIRFLOW_BIND=nowhere is not an IP address; set it to one of this machine's "),
        ("AIRFLOW_BIND", "192.0.2.1", "port 8080 of 192.0.2.1 cannot be opened (Cannot assign requested address); "),
        ("AIRFLOW_BIND", "2001:db8::1", "port 8080 of 2001:db8::1 cannot be opened ("),
        ("AIRFLOW_PORT", "99999", "AIRFLOW_PORT=99999 is not a port; choose one: "),
    ],
)
def test_a_wrong_address_is_one_sentence_of_airflow_and_of_the_doctor(name, value, sentence):
    variables = {key: text for key, text in os.environ.items() if not key.startswith("AIRFLOW")} | {name: value}
    outcomes = [
        subprocess.run(
            [sys.executable, ROOT / "tools" / program], env=variables, capture_output=True, text=True, check=False
        )
        for program in ("local_airflow.py", "doctor.py")
    ]
    airflow, doctor = outcomes
    assert (airflow.returncode, airflow.stdout) == (2, "")
    assert airflow.stderr.startswith(f"airflow: {sentence}") and airflow.stderr.count("\n") == 1
    assert f"MISSING  port         {sentence}" in doctor.stdout and doctor.stderr == ""
