"""Write the excerpts of MNIST and CIFAR-10 that ship with the package: the first images of every class, in order.

python tools/make_sample.py
"""

from pathlib import Path

import numpy as np

from exon import data

PER_CLASS = {"mnist": (400, 100), "cifar10": (80, 20)}


def first_of_every_class(labels: np.ndarray, count: int) -> np.ndarray:
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:count] for k in range(10)]))


for name, counts in PER_CLASS.items():
    full = data.load(name)
    arrays: dict[str, np.ndarray] = {}
    for part, count in zip(("train", "test"), counts, strict=True):
        images, labels = getattr(full, f"{part}_images").numpy(), getattr(full, f"{part}_labels").numpy()
        chosen = first_of_every_class(labels, count)
        arrays |= {f"{part}_images": images[chosen], f"{part}_labels": labels[chosen].astype(np.uint8)}
    path = Path(__file__).parents[1] / "exon" / "data" / "sample" / f"{name}.npz"
    np.savez_compressed(path, allow_pickle=False, **arrays)
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")
