"""scratch.sh: each run has its own folder for temporary files; only the folders of ended runs are removed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import path_options
from tests.project import ROOT

PROGRAMS = ("bash", "chmod", "dirname", "grep", "id", "mkdir", "mktemp", "mv", "readlink", "rm", "sleep", "cat")
STRANGER = 54321  # a user id without an account
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """Yield a folder like /tmp, with a copy of scratch.sh that everybody may read."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    folder.chmod(0o1777)
    (folder / "runtime").mkdir()
    (folder / "runtime").chmod(0o755)
    shutil.copy(ROOT / "spark_jobs" / "runtime" / "scratch.sh", folder / "runtime")
    yield folder
    shutil.rmtree(folder)


def scratch_folder(shared_folder: Path) -> Path:
    return shared_folder / f"pipeline-{os.geteuid()}"


class Run:
    """A process that has sourced scratch.sh and, like the JVM, runs until it is killed."""

    def __init__(self, shared_folder: Path, user: int | None = None, umask: int = 0o022, **variables: str):
        script = f'. {shared_folder}/runtime/scratch.sh; echo "$SPARK_LOCAL_DIRS $SPARK_SUBMIT_OPTS"; exec sleep 600'
        kept = {"PATH": os.environ["PATH"], "TMPDIR": str(shared_folder), "PIPELINE_HOME": str(shared_folder)}
        self.process = subprocess.Popen(
            ["bash", "-c", script],
            env=kept | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=user,
            umask=umask,
        )
        self.folder, _, self.options = self.process.stdout.readline().strip().partition(" ")
        self.folder = Path(self.folder)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start_run(shared_folder) -> Iterator:
    runs: list[Run] = []

    def start(**options) -> Run:
        runs.append(Run(shared_folder, **options))
        return runs[-1]

    yield start
    for each in runs:
        each.end()


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_each_run_has_its_own_folder_which_a_later_run_removes(shared_folder, start_run, umask):
    first, second = start_run(umask=umask), start_run(umask=umask)
    assert first.options == f'-Djava.io.tmpdir="{first.folder}"'
    for folder in (scratch_folder(shared_folder), first.folder, second.folder):
        assert folder.stat().st_mode & 0o777 == 0o700
    (first.folder / "spilled").mkdir()
    assert first.folder != second.folder and first.folder.parent == scratch_folder(shared_folder)
    first.end()
    third = start_run(umask=umask)
    assert not first.folder.exists() and second.folder.exists() and third.folder.exists()
    assert sorted(path.name for path in scratch_folder(shared_folder).iterdir()) == sorted(
        (second.folder.name, third.folder.name)
    )


@needs_root
def test_the_folder_of_a_run_in_another_container_is_kept(shared_folder, start_run):
    """The process id of that run has no meaning outside its container."""
    unshared = ["unshare", "--pid", "--fork", "--kill-child", "bash", "-c"]
    script = f". {shared_folder}/runtime/scratch.sh; echo $SPARK_LOCAL_DIRS; exec sleep 600"
    other = subprocess.Popen(
        [*unshared, script], env=os.environ | {"TMPDIR": str(shared_folder)}, stdout=subprocess.PIPE, text=True
    )
    folder = Path(other.stdout.readline().strip())
    try:
        start_run()
        assert folder.is_dir() and folder.parent == scratch_folder(shared_folder)
    finally:
        other.kill()
        other.communicate()


def test_folders_that_were_never_locked_are_kept(shared_folder, start_run, tmp_path):
    parent = scratch_folder(shared_folder)
    strangers = (parent / "1234567", parent / ".run-old")
    for path in strangers:
        path.mkdir(parents=True)
    start_run()
    assert all(path.exists() for path in strangers)
    for program in PROGRAMS:
        (tmp_path / program).symlink_to(shutil.which(program))
    ended = start_run()
    ended.end()
    without = start_run(PATH=str(tmp_path))  # without flock, nobody can know whether it runs
    assert without.folder.is_dir() and ended.folder.exists()
    start_run()
    assert without.folder.is_dir() and not ended.folder.exists()


@pytest.mark.parametrize("kind", ["link", "file", pytest.param("foreign", marks=needs_root)])
def test_a_path_that_is_not_a_folder_of_the_user_is_refused_with_one_sentence(shared_folder, tmp_path, kind):
    place = scratch_folder(shared_folder)
    if kind == "link":
        place.symlink_to(tmp_path)
    elif kind == "file":
        place.touch()
    else:
        place.mkdir()
        shutil.chown(place, STRANGER)
    script = f". {shared_folder}/runtime/scratch.sh; echo done"
    variables = {"PATH": os.environ["PATH"], "TMPDIR": str(shared_folder), "PIPELINE_HOME": str(shared_folder)}
    result = subprocess.run(["bash", "-c", script], env=variables, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"{place}: this folder for temporary files is not a folder of your own; set PIPELINE_SCRATCH to one.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_make_command_ends_with_the_same_sentence(shared_folder, tmp_path):
    scratch_folder(shared_folder).symlink_to(tmp_path)
    command = [sys.executable, "-m", "spark_jobs.cli", "export", *path_options(tmp_path)]
    variables = os.environ | {"TMPDIR": str(shared_folder), "PIPELINE_LOGS": str(tmp_path / "logs")}
    result = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"export: Spark's JVM did not start: {scratch_folder(shared_folder)}: this folder for temporary files "
        f"is not a folder of your own; set PIPELINE_SCRATCH to one. ({tmp_path / 'logs' / 'jvm.log'})\n"
    )


def test_a_configured_folder_is_used_unchanged(shared_folder, start_run, tmp_path):
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / "disk" / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    started = start_run(PIPELINE_SCRATCH=str(tmp_path / "link"))
    assert started.folder.parent == tmp_path / "link"
    assert (tmp_path / "disk").stat().st_mode & 0o777 == 0o755 and (tmp_path / "disk" / "mine").exists()
    assert start_run(SPARK_LOCAL_DIRS="/a,/b").folder == Path("/a,/b")


@needs_root
def test_a_folder_where_programs_cannot_run_is_replaced_or_refused(shared_folder, start_run, tmp_path):
    (shared_folder / "noexec").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec,mode=1777", "tmpfs", shared_folder / "noexec"], check=True)
    try:
        assert start_run(TMPDIR=str(shared_folder / "noexec")).folder.parent == shared_folder / "data" / "scratch"
        named = {"PATH": os.environ["PATH"], "PIPELINE_SCRATCH": f"{shared_folder / 'noexec'}/my place"}
        command = ["bash", "-c", f". {shared_folder}/runtime/scratch.sh; echo done"]
        result = subprocess.run(command, env=named, capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", shared_folder / "noexec"], check=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(
        f"{shared_folder / 'noexec'}/my place: programs cannot run from this folder (noexec), and"
    )


@needs_root
def test_a_user_without_an_account_gets_a_folder_too(shared_folder, start_run):
    started = start_run(user=STRANGER)
    assert started.folder.parent == shared_folder / f"pipeline-{STRANGER}" and started.folder.stat().st_uid == STRANGER
