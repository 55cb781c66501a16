"""Writing files so that nothing is ever half-written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exon.errors import UserError

OWN = Path("results/own")
"""The root of one's own runs; `results`, of the same form, is that of the stored ones."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    except OSError as error:
        raise UserError(f"{path.parent} cannot be written ({error.strerror}): give a folder that can be.") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Raise UserError unless the folder, or the nearest one above it that exists, can be written."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise UserError(f"{folder} cannot be written ({nearest} forbids it): give a folder that can be.")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, all or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def from_root(path: str | Path) -> Path:
    """`path` below the repository's root: the nearest folder, from the working directory upwards, that has notebooks/.

    The one authority for where things are. A path stays as it is in the root itself, and where it is absolute.
    """
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)
    return Path(path) if root == here else root / path
