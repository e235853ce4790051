"""tools/scratch.sh: a run has a folder of its own for temporary files; only those of ended runs are removed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_jobs.settings import ROOT
from tests.process import places

USED = ("bash", "chmod", "dirname", "grep", "id", "mkdir", "mktemp", "mv", "readlink", "rm", "sleep", "cat")
STRANGER = 54321  # a number without an account
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder like /tmp, with a copy of the file that everybody may read."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    folder.chmod(0o1777)
    (folder / "tools").mkdir()
    (folder / "tools").chmod(0o755)
    shutil.copy(ROOT / "tools" / "scratch.sh", folder / "tools")
    yield folder
    shutil.rmtree(folder)


def scratch(shared: Path) -> Path:
    return shared / f"pipeline-{os.geteuid()}"


class Run:
    """A process that has read the file and lives, as the JVM does, until it is killed."""

    def __init__(self, shared: Path, user: int | None = None, umask: int = 0o022, **variables: str):
        script = f'. {shared}/tools/scratch.sh; echo "$SPARK_LOCAL_DIRS $SPARK_SUBMIT_OPTS"; exec sleep 600'
        kept = {"PATH": os.environ["PATH"], "TMPDIR": str(shared)}
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
def run(shared) -> Iterator:
    made: list[Run] = []

    def begin(**options) -> Run:
        made.append(Run(shared, **options))
        return made[-1]

    yield begin
    for each in made:
        each.end()


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_each_run_has_a_folder_that_goes_with_the_run_after_it_has_ended(shared, run, umask):
    first, second = run(umask=umask), run(umask=umask)
    assert first.options == f'-Djava.io.tmpdir="{first.folder}"'
    for folder in (scratch(shared), first.folder, second.folder):
        assert folder.stat().st_mode & 0o777 == 0o700
    (first.folder / "spilled").mkdir()
    assert first.folder != second.folder and first.folder.parent == scratch(shared)
    first.end()
    third = run(umask=umask)
    assert not first.folder.exists() and second.folder.exists() and third.folder.exists()
    assert sorted(path.name for path in scratch(shared).iterdir()) == sorted((second.folder.name, third.folder.name))


@needs_root
def test_a_run_of_another_container_with_the_same_folder_keeps_its_own(shared, run):
    """There its process has a number that means nothing here."""
    unshared = ["unshare", "--pid", "--fork", "--kill-child", "bash", "-c"]
    script = f". {shared}/tools/scratch.sh; echo $SPARK_LOCAL_DIRS; exec sleep 600"
    other = subprocess.Popen(
        [*unshared, script], env=os.environ | {"TMPDIR": str(shared)}, stdout=subprocess.PIPE, text=True
    )
    folder = Path(other.stdout.readline().strip())
    try:
        run()
        assert folder.is_dir() and folder.parent == scratch(shared)
    finally:
        other.kill()
        other.communicate()


def test_what_nobody_has_locked_is_kept(shared, run, tmp_path):
    made = scratch(shared)
    strangers = (made / "1234567", made / ".run-old")
    for path in strangers:
        path.mkdir(parents=True)
    run()
    assert all(path.exists() for path in strangers)
    for program in USED:
        (tmp_path / program).symlink_to(shutil.which(program))
    ended = run()
    ended.end()
    without = run(PATH=str(tmp_path))  # no flock: nothing can be known
    assert without.folder.is_dir() and ended.folder.exists()
    run()
    assert without.folder.is_dir() and not ended.folder.exists()


@pytest.mark.parametrize("kind", ["link", "file", pytest.param("foreign", marks=needs_root)])
def test_a_folder_that_is_not_ones_own_is_refused_in_one_sentence(shared, tmp_path, kind):
    place = scratch(shared)
    if kind == "link":
        place.symlink_to(tmp_path)
    elif kind == "file":
        place.touch()
    else:
        place.mkdir()
        shutil.chown(place, STRANGER)
    script = f". {shared}/tools/scratch.sh; echo done"
    variables = {"PATH": os.environ["PATH"], "TMPDIR": str(shared)}
    done = subprocess.run(["bash", "-c", script], env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{place}: this folder for temporary files is not a folder of your own; set PIPELINE_SCRATCH to one.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_command_of_make_ends_with_that_sentence_too(shared, tmp_path):
    scratch(shared).symlink_to(tmp_path)
    command = [sys.executable, "-m", "spark_jobs.commands.export", *places(tmp_path)]
    variables = os.environ | {"TMPDIR": str(shared), "PIPELINE_LOGS": str(tmp_path / "logs")}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"export: Spark's JVM did not start: {scratch(shared)}: this folder for temporary files is not a folder of "
        f"your own; set PIPELINE_SCRATCH to one. ({tmp_path / 'logs' / 'jvm.log'})\n"
    )


def test_a_folder_that_was_named_is_used_as_it_is(shared, run, tmp_path):
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / "disk" / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    begun = run(PIPELINE_SCRATCH=str(tmp_path / "link"))
    assert begun.folder.parent == tmp_path / "link"
    assert (tmp_path / "disk").stat().st_mode & 0o777 == 0o755 and (tmp_path / "disk" / "mine").exists()
    assert run(SPARK_LOCAL_DIRS="/a,/b").folder == Path("/a,/b")


@needs_root
def test_where_programs_cannot_run_another_folder_is_used_or_named(shared, run, tmp_path):
    (shared / "noexec").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec,mode=1777", "tmpfs", shared / "noexec"], check=True)
    try:
        assert run(TMPDIR=str(shared / "noexec")).folder.parent == shared / "data" / "scratch"
        named = {"PATH": os.environ["PATH"], "PIPELINE_SCRATCH": f"{shared / 'noexec'}/my place"}
        command = ["bash", "-c", f". {shared}/tools/scratch.sh; echo done"]
        done = subprocess.run(command, env=named, capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", shared / "noexec"], check=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{shared / 'noexec'}/my place: programs cannot run from this folder (noexec), and")


@needs_root
def test_a_user_without_an_account_has_a_folder_too(shared, run):
    begun = run(user=STRANGER)
    assert begun.folder.parent == shared / f"pipeline-{STRANGER}" and begun.folder.stat().st_uid == STRANGER
