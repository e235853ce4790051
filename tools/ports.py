"""Where `make airflow` listens: AIRFLOW_BIND and AIRFLOW_PORT, and whether it can. Standard library only."""

import errno
import ipaddress
import os
import socket

LOCAL = "127.0.0.1"
FIRST, COUNT = 8080, 20
IN_A_URL = {LOCAL: "localhost", "0.0.0.0": "localhost", "::": "[::1]"}  # to listen everywhere is no address to ask


class PortError(Exception):
    """The address or the port cannot be used; the text says why and what to do."""


class InUseError(PortError):
    """Every port that may be used is in use."""


def bind():
    """The address to listen on: AIRFLOW_BIND, else this machine alone. Raises PortError where it is not one."""
    asked = os.environ.get("AIRFLOW_BIND") or LOCAL
    asked = LOCAL if asked == "localhost" else asked
    try:
        ipaddress.ip_address(asked)
    except ValueError:
        raise PortError(
            f"AIRFLOW_BIND={asked} is not an IP address; name one of this machine's, 0.0.0.0 for all: "
            "make airflow AIRFLOW_BIND=0.0.0.0."
        ) from None
    return asked


def asked_port():
    """AIRFLOW_PORT; None where it is not set. Raises PortError where it is no port."""
    asked = os.environ.get("AIRFLOW_PORT")
    if asked and not (asked.isascii() and asked.isdecimal() and 0 < int(asked) < 65536):
        raise PortError(f"AIRFLOW_PORT={asked} is no port; name one: make airflow AIRFLOW_PORT=8090.")
    return int(asked) if asked else None


def is_free(address, port):
    """Whether the port can be listened on at this address. Raises PortError where the address is not this machine's."""
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
            f"port {port} of {address} cannot be opened ({error.strerror}); name an address of this machine in "
            "AIRFLOW_BIND and a port that you may use in AIRFLOW_PORT."
        ) from error
    return True


def free_port(address):
    """AIRFLOW_PORT, or the first free one from 8080 on. Raises InUseError where none is free, PortError where
    the port is none."""
    asked = asked_port()
    for port in [asked] if asked else range(FIRST, FIRST + COUNT):
        if is_free(address, port):
            return port
    raise InUseError(f"port {asked or FIRST} is in use; name a free one: make airflow AIRFLOW_PORT=8090.")


def url(address, port):
    """The URL at which a server that listens there is asked from this machine."""
    host = IN_A_URL.get(address) or (f"[{address}]" if ":" in address else address)
    return f"http://{host}:{port}"
