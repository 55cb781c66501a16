import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exon import files
from exon.errors import UserError


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_a_file_gets_the_permissions_that_the_user_asks_for(tmp_path, umask):
    files.write_text(tmp_path / "a.txt", "a")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_a_file_is_on_the_disk_before_it_is_renamed_and_its_name_after(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append(os.fstat(handle).st_ino))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: steps.append("rename") or replace(self, target))
    files.write_text(tmp_path / "folder" / "a.txt", "a")
    path = tmp_path / "folder" / "a.txt"
    assert steps == [path.stat().st_ino, "rename", path.parent.stat().st_ino]


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    monkeypatch.setattr(os, "fsync", full)  # where a disk may say so first
    with pytest.raises(UserError, match=r"a\.txt cannot be written \(No space left on device\): make room"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_that_is_not_of_the_disk_keeps_its_traceback(tmp_path):
    with pytest.raises(FileNotFoundError), files.atomic_path(tmp_path / "a.txt"):
        (tmp_path / "nowhere").read_text()
    assert not list(tmp_path.iterdir())


HOLDER = """import sys, time
from pathlib import Path
from exon import files
with files.alone(Path(sys.argv[1]), "x"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_killed_one_blocks_nobody(tmp_path):
    folder = tmp_path / "work"
    with subprocess.Popen([sys.executable, "-c", HOLDER, folder], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(UserError, match=r"^Another process is at work on results/x: wait until it has ended\.$"),
            files.alone(folder, "results/x"),
        ):
            pass
        holder.kill()
    with files.alone(folder, "results/x"):
        assert folder.is_dir()
    assert not folder.exists()


def test_a_lock_leaves_a_folder_that_holds_more(tmp_path):
    (tmp_path / "mine").write_text("")
    with files.alone(tmp_path, "x"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
