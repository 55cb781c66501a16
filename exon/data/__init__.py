"""Images as uint8 tensors: the data sets, the choice of labelled and validation images, and the batches."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from exon.data import sources
from exon.errors import UserError
from exon.files import write_bytes

NAMES = ("mnist", "cifar10")
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Dataset:
    """Images (N, C, H, W), uint8, and labels (N,), int64 in 0..K-1, for training and test.

    `source` says where they come from ("sample" for the embedded excerpt); `sha256` identifies the arrays of the whole
    data set, also where some classes were selected.
    """

    name: str
    source: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    sha256: str

    @property
    def num_classes(self) -> int:
        """K, the number of labels that occur in training."""
        return int(self.train_labels.max()) + 1


def load(dataset: str, source: Literal["auto", "sample"] = "auto") -> Dataset:
    """A data set from the cache, fetched and verified first where the cache has none.

    Args:
        dataset: "mnist" (60,000 + 10,000 images of 1 x 28 x 28) or "cifar10" (50,000 + 10,000 of 3 x 32 x 32).
        source: "auto" for the whole set (see `exon.data.sources`), "sample" for the excerpt inside the package
            (MNIST 4,000 + 1,000, CIFAR-10 800 + 200, balanced), which needs no network.

    Raises:
        UserError: unknown dataset or source, no source answered, or the cached file is damaged.
    """
    check_name(dataset)
    if source == "sample":
        arrays = _read_sample(dataset)
        return _dataset(dataset, "sample", arrays)
    if source != "auto":
        raise UserError(f"source = {source!r} is not known: give 'auto' or 'sample'.")
    path = sources.cache_folder() / f"{dataset}.safetensors"
    if not path.exists():
        fetch(dataset)
    return _read_cache(dataset, path)


def fetch(dataset: str, source: str = "auto") -> Path:
    """Fetch a data set, verify it and write it to the cache as one file; returns its path.

    Args:
        source: "auto" to try all in order, or one of `exon.data.sources.SOURCES`.

    Raises:
        UserError: no source answered; the message names each and its reason, and how to place files by hand.
    """
    from safetensors.numpy import save

    check_name(dataset)
    arrays, used = sources.fetch(dataset, source)
    path = sources.cache_folder() / f"{dataset}.safetensors"
    write_bytes(path, save(arrays, metadata={"source": used, "sha256": _digest(arrays)}))
    return path


def check_name(dataset: str) -> None:
    """Raise UserError unless `dataset` is one of the two known names."""
    if dataset not in NAMES:
        raise UserError(f"dataset = {dataset!r} is not known: give {' or '.join(map(repr, NAMES))}.")


def select_classes(dataset: Dataset, classes: Sequence[int] | None) -> Dataset:
    """Only the images of the given labels, renumbered 0, 1, ... in that order; None keeps all.

    Raises:
        UserError: fewer than two classes, one named twice, or one that the data set does not have.
    """
    if classes is None:
        return dataset
    if len(set(classes)) != len(classes) or len(classes) < 2 or not set(classes) <= set(range(dataset.num_classes)):
        raise UserError(
            f"classes = {list(classes)!r} is not accepted: give at least two different labels of 0..{dataset.num_classes - 1}."
        )
    new_label = torch.full((dataset.num_classes,), -1)
    new_label[list(classes)] = torch.arange(len(classes))
    train, test = new_label[dataset.train_labels], new_label[dataset.test_labels]
    return replace(
        dataset,
        train_images=dataset.train_images[train >= 0],
        train_labels=train[train >= 0],
        test_images=dataset.test_images[test >= 0],
        test_labels=test[test >= 0],
    )


class Split(NamedTuple):
    """Indices into the training set, (n_labelled,) and (n_validation,): disjoint, each balanced over the labels.

    Every training image also serves as an unlabelled one, as in the authors' code.
    """

    labelled: Tensor
    validation: Tensor


def split(labels: Tensor, labelled: int, validation: int, seed: int) -> Split:
    """A balanced random split, a function of the labels and the seed alone.

    Args:
        labels: (N,), in 0..K-1.
        labelled, validation: how many images of each kind; multiples of K.
        seed: of the split's own generator.

    Raises:
        UserError: a count is not a positive multiple of K, or a label has too few images.
    """
    num_classes = int(labels.max()) + 1
    for name, count in (("labels", labelled), ("validation", validation)):
        if count <= 0 or count % num_classes:
            raise UserError(f"{name} = {count} is not accepted: give a positive multiple of the {num_classes} classes.")
    per_class = (labelled // num_classes, validation // num_classes)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    chosen_labelled, chosen_validation = [], []
    for k in range(num_classes):
        members = order[labels[order] == k]
        if len(members) < sum(per_class):
            raise UserError(
                f"labels = {labelled} and validation = {validation} are not accepted: class {k} has {len(members)} images, "
                f"{sum(per_class)} are needed."
            )
        chosen_labelled.append(members[: per_class[0]])
        chosen_validation.append(members[per_class[0] : sum(per_class)])
    return Split(torch.cat(chosen_labelled), torch.cat(chosen_validation))


def to_float(images: Tensor) -> Tensor:
    """uint8 0..255 -> float32 in [-1, 1], (v - 127.5) / 127.5, channels last in memory."""
    return images.float().sub_(127.5).div_(127.5).contiguous(memory_format=torch.channels_last)


def to_bytes(images: Tensor) -> Tensor:
    """float in [-1, 1] -> the nearest of uint8 0..255, the inverse of `to_float`; values outside are clamped."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().byte()


def batches(
    num_labelled: int, num_unlabelled: int, steps: int, sizes: tuple[int, int], device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of index pairs (labelled, unlabelled), drawn from PyTorch's default generator.

    The unlabelled indices are a fresh shuffle of the whole set; the labelled ones cycle through all of theirs, reshuffled
    each time, the last batch of a cycle being the remainder (32, 32, 32, 4 for 100 labels), as in the authors' code.

    Args:
        num_labelled, num_unlabelled: sizes of the two sets.
        steps: how many pairs.
        sizes: images of each kind in a batch.
    """
    labelled_size, unlabelled_size = sizes
    unlabelled = torch.randperm(num_unlabelled, device=device)
    while len(unlabelled) < steps * unlabelled_size:
        unlabelled = torch.cat([unlabelled, torch.randperm(num_unlabelled, device=device)])
    labelled: list[Tensor] = []
    for step in range(steps):
        if not labelled:
            labelled = list(torch.randperm(num_labelled, device=device).split(labelled_size))[::-1]
        yield labelled.pop(), unlabelled[step * unlabelled_size : (step + 1) * unlabelled_size]


def _dataset(name: str, source: str, arrays: dict[str, np.ndarray], sha256: str | None = None) -> Dataset:
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    return Dataset(
        name,
        source,
        tensors["train_images"],
        tensors["train_labels"].long(),
        tensors["test_images"],
        tensors["test_labels"].long(),
        sha256 or _digest(arrays),
    )


def _read_sample(dataset: str) -> dict[str, np.ndarray]:
    with resources.files("exon.data").joinpath(f"sample/{dataset}.npz").open("rb") as file, np.load(file) as archive:
        return {key: archive[key] for key in archive.files}


def _read_cache(dataset: str, path: Path) -> Dataset:
    from safetensors import SafetensorError, safe_open

    remedy = f"delete it and run `python -m exon data {dataset}` to fetch it again."
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if _digest(arrays) != metadata.get("sha256") or metadata.get("source") not in sources.SOURCES:
            raise UserError(f"{path} is damaged (its SHA-256 or its origin is not what was written): {remedy}")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}): {remedy}") from error
    return _dataset(dataset, metadata["source"], arrays, metadata["sha256"])


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for key in sorted(arrays):
        digest.update(f"{key} {arrays[key].dtype} {arrays[key].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[key]).data)
    return digest.hexdigest()
