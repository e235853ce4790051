"""The address and the port of `make airflow` (AIRFLOW_BIND, AIRFLOW_PORT), and their checks. Standard library only."""

import errno
import ipaddress
import os
import socket

from spark_jobs.project import typed

LOCAL = "127.0.0.1"
FIRST, COUNT = 8080, 20
IN_A_URL = {LOCAL: "localhost", "0.0.0.0": "localhost", "::": "[::1]"}  # "all addresses" is not a host


class PortError(Exception):
    """The address or the port cannot be used; the text gives the reason and what to do."""


class InUseError(PortError):
    """Every permitted port is in use."""


def choose_address() -> str:
    """Return the address to listen on: AIRFLOW_BIND, else only this machine. Raises PortError where it is invalid."""
    asked = os.environ.get("AIRFLOW_BIND") or LOCAL
    asked = LOCAL if asked == "localhost" else asked
    try:
        ipaddress.ip_address(asked)
    except ValueError:
        raise PortError(
            f"AIRFLOW_BIND={asked} is not an IP address; set it to one of this machine's addresses, or to 0.0.0.0 for "
            f"all of them: {typed('airflow', bind='0.0.0.0')}."
        ) from None
    return asked


def read_port() -> "int | None":
    """Return AIRFLOW_PORT; None where it is not set. Raises PortError where it is not a port."""
    asked = os.environ.get("AIRFLOW_PORT")
    if asked and not (asked.isascii() and asked.isdecimal() and 0 < int(asked) < 65536):
        raise PortError(f"AIRFLOW_PORT={asked} is not a port; choose one: {typed('airflow', port=8090)}.")
    return int(asked) if asked else None


def is_free(address: str, port: int) -> bool:
    """Return whether the port is free at this address. Raises PortError where the port cannot be opened there."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise PortError(
            f"port {port} of {address} cannot be opened ({error.strerror}); set AIRFLOW_BIND to an address of this "
            "machine, and AIRFLOW_PORT to a port that you may use."
        ) from error
    return True


def find_free_port(address: str) -> int:
    """Return AIRFLOW_PORT where it is set, else the first free port of the 20 from 8080.

    Raises InUseError where no port is free, PortError where AIRFLOW_PORT is not a port.
    """
    asked = read_port()
    for port in [asked] if asked else range(FIRST, FIRST + COUNT):
        if is_free(address, port):
            return port
    raise InUseError(f"port {asked or FIRST} is in use; choose a free one: {typed('airflow', port=8090)}.")


def format_url(address: str, port: int) -> str:
    """Return the URL at which this machine reaches a server that listens there."""
    host = IN_A_URL.get(address) or (f"[{address}]" if ":" in address else address)
    return f"http://{host}:{port}"
