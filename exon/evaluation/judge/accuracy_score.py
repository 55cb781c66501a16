"""The classification accuracy score (Ravuri and Vinyals 2019, arXiv:1905.10887): what a classifier learns from generated images.

A classifier is trained on generated images and the labels they were drawn for, and tested on real ones. Trained on
reconstructions instead it says what the decoder could give at best, and on as many real images what the classifier could.
"""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from exon import data
from exon.evaluation import judge
from exon.evaluation.judge import supervised

SETTINGS = supervised.Settings(epochs=10, width=0.5, batch=250)
"""The judge's recipe at half its width without softened images, 17 million multiply-adds an image. Ten passes over ten
thousand images take about two minutes of one core."""


def accuracy_score_pct(
    images: Float[Tensor, "n 3 32 32"],
    labels: Int[Tensor, " n"],
    dataset: data.Dataset,
    seed: int,
    device: torch.device,
) -> float:
    """Accuracy on the real test images of a classifier trained on these images, in percent.

    Args:
        images: (N, 3, 32, 32), in [-1, 1]; rounded to 256 levels as the real ones are.
        dataset: the real test images.
        seed: of the classifier.
        device: to train it on.
    """
    settings = replace(SETTINGS, seed=seed)
    network = supervised.fit(settings, data.to_bytes(images), labels, device).network
    return 100 - judge.error_pct(network, data.to_float(dataset.test_images), dataset.test_labels)


def summarize(
    generated: tuple[Tensor, Tensor],
    reconstructed: tuple[Tensor, Tensor],
    real: tuple[Tensor, Tensor],
    dataset: data.Dataset,
    seed: int,
    device: torch.device,
) -> dict[str, float]:
    """`accuracy_score_pct` of three sets of images with their labels: accuracy_score_<set>_pct."""
    sets = {"generated": generated, "reconstructed": reconstructed, "real": real}
    return {
        f"accuracy_score_{name}_pct": accuracy_score_pct(*each, dataset, seed, device) for name, each in sets.items()
    }
