"""Where things are, and writing files so that nothing is ever half-written, or written by two at once."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exon.errors import UserError

PART = ".part-"
"""How the names of files begin that are not whole yet; a killed process leaves them behind."""
OWN = Path("results/own")
"""The root of one's own runs; `results`, of the same form, is that of the stored ones."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is on the disk and then renamed to `path`, on failure removed.

    Raises:
        UserError: the folder cannot be written, or the disk is full.
    """
    temporary = path.with_name(f"{PART}{secrets.token_hex(4)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise UserError(f"{path.parent} cannot be written ({error.strerror}): give a folder that can be.") from error
    try:
        with room_for(path):
            yield temporary
            handle = os.open(temporary, os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Raise UserError where the block that writes `path` finds the disk full, or a quota or limit reached."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise UserError(
            f"{path} cannot be written ({error.strerror}): make room and start again; what was there before is kept."
        ) from error


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write `content` to `path`, all or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, all or nothing."""
    write_bytes(path, text.encode())


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system allows it: Windows does not."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def alone(folder: Path, work: object, name: str = "lock") -> Iterator[None]:
    """Hold a lock in a folder while the block runs. The system frees it when its holder dies, however that comes about.

    The folder is made, and removed again if nothing else is in it.

    Args:
        work: what the lock stands for, as the message names it.
        name: one folder may hold several locks.

    Raises:
        UserError: another process holds it, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    path = folder / f"{PART}{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"Another process is at work on {work}: wait until it has ended.") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}): give a folder that can be.") from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows keeps a file that is open
            path.unlink()
        lock.release()
        with suppress(OSError):  # it holds more
            folder.rmdir()


def check_writable(folder: Path) -> None:
    """Raise UserError unless the folder, or the nearest one above it that exists, can be written."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise UserError(f"{folder} cannot be written ({nearest} forbids it): give a folder that can be.")


def from_root(path: str | Path) -> Path:
    """`path` below the repository's root: the nearest folder, from the working directory upwards, that has notebooks/.

    The one authority for where things are. A path stays as it is in the root itself, and where it is absolute.
    """
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)
    return Path(path) if root == here else root / path


def check_not_root(folder: Path) -> None:
    """Raise UserError where a folder for runs is the repository's root, which an empty word on the command line names too."""
    if from_root(folder).resolve() == from_root("").resolve():
        raise UserError(f"out = {folder.as_posix()!r} is the repository's root: give a folder of its own, as {OWN}.")


def check_not_taken(run: Path) -> None:
    """Raise UserError where the folder for one run is there and has folders, but no record of a run: it is of another kind."""
    folder = from_root(run)
    inside = folder.iterdir() if folder.is_dir() and not (folder / "run.json").exists() else ()
    if any(path.is_dir() and path.name[0] != "." for path in inside):
        raise UserError(f"out = {run.as_posix()!r} holds other folders: give one of its own, as a new one in {OWN}.")


def check_records(results: Path) -> None:
    """Raise UserError unless the folder holds the record of a run."""
    if not any(results.glob("*/*/*/run.json")):
        raise UserError(f"{results} holds no PROFILE/NOTEBOOK/RUN/run.json: give a folder that does, as results.")
