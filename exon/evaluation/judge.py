"""An independent judge of generated images: a classifier trained once, supervised, on every training label.

It has the paper's classifier architecture and none of the weights or labels of the model it judges. Its weights and its
record, with its own test error, are kept in results/judge/<dataset>/.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from exon import data, devices, files, networks, train
from exon.data import augment
from exon.errors import UserError
from exon.experiment import derive_seed
from exon.model import EXoN, evaluating
from exon.networks.layers import Classifier
from exon.runs import checkpoint

NETWORKS = {"mnist": networks.mnist_classifier, "cifar10": networks.cifar10_classifier}
EPOCHS, BATCH, LEARNING_RATE = 8, 128, 3e-3


def folder(dataset: str) -> Path:
    """Where a judge is kept."""
    return files.from_root(f"results/judge/{dataset}")


def fit(dataset: data.Dataset, epochs: int = EPOCHS, width: float = 1.0, seed: int = 1) -> Classifier:
    """A classifier trained with cross-entropy on all training images and labels; AdamW, cosine decay to zero, no dropout.

    The loss of a batch is the mean of -log w_y(x'), x' the augmented image.
    """
    device = devices.choose("auto")
    images, labels = dataset.train_images.to(device), dataset.train_labels.to(device)
    steps = len(images) // BATCH
    with devices.randomness_of_its_own(device):
        judge = NETWORKS[dataset.name](dataset.num_classes, width)
        for layer in judge.modules():
            if isinstance(layer, nn.Dropout2d):
                layer.p = 0.0  # with every label known there is nothing to regularise so strongly
        networks.initialise(judge, torch.Generator().manual_seed(derive_seed(seed, "judge")))
        judge = judge.to(device).to(memory_format=torch.channels_last).train()
        torch.manual_seed(derive_seed(seed, "judge training"))
        optimizer = torch.optim.AdamW(judge.parameters(), lr=LEARNING_RATE, weight_decay=5e-4, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
        for epoch in range(epochs):
            order = torch.randperm(len(images), device=device)[: steps * BATCH].split(BATCH)
            for index in train.progress(order, steps, f"judge, epoch {epoch + 1}/{epochs}"):
                x = augment.AUGMENTATIONS[dataset.name](data.to_float(images[index]))
                loss = F.cross_entropy(judge(x), labels[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return judge.eval()


def save(judge: Classifier, record: dict[str, Any], path: Path) -> None:
    """Write the weights and the record, the record last."""
    checkpoint.save_weights(judge, path / "model.safetensors")
    files.write_text(path / "judge.json", json.dumps(record, indent=1) + "\n")


def load(dataset: str) -> Classifier:
    """The stored judge of a data set, in evaluation mode.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder(dataset)
    try:
        width = json.loads((path / "judge.json").read_text())["width"]
        judge = NETWORKS[dataset](10, width)
        judge.load_state_dict(load_file(path / "model.safetensors"))
    except (OSError, SafetensorError, RuntimeError, KeyError, json.JSONDecodeError) as error:
        raise UserError(f"{path} holds no judge that can be read: run `python -m exon judge {dataset}`.") from error
    return judge.to(memory_format=torch.channels_last).eval()


def probabilities(judge: Classifier, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
    """The judge's probabilities of the labels for images in [-1, 1]."""
    return _logits(judge, images).softmax(1)


def error_pct(judge: Classifier, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"]) -> float:
    """Share of images in [-1, 1] that the judge does not call by their label, in percent."""
    return 100 * (_logits(judge, images).argmax(1) != labels.cpu()).double().mean().item()


@torch.no_grad()
def _logits(judge: Classifier, images: Tensor) -> Tensor:
    device = next(judge.parameters()).device
    return torch.cat([judge(chunk.to(device)).cpu() for chunk in images.split(500)])


@torch.no_grad()
def generation_error_pct(
    judge: Classifier,
    model: EXoN,
    generator: torch.Generator,
    classes: Sequence[int] | None = None,
    per_class: int = 1000,
) -> float:
    """Share of images D(z), z ~ N(mu_k, diag s2_k), that the judge does not call k, in percent, over all classes alike.

    The judge's own test error is what images as good as real ones would have.

    Args:
        classes: what the judge calls the model's labels 0, 1, ...; the same if None.
    """
    labels = torch.arange(model.prior.num_classes).repeat_interleave(per_class)
    z = model.prior.sample(labels.to(model.prior.means.device), generator)
    with evaluating(model):
        images = torch.cat([model.decode(chunk) for chunk in z.split(500)])
    return error_pct(judge, images, labels if classes is None else torch.tensor(classes)[labels])


def record_of(judge: Classifier, dataset: data.Dataset, width: float, seed: int) -> dict[str, Any]:
    """The judge's test error with its settings."""
    wrong = error_pct(judge, data.to_float(dataset.test_images), dataset.test_labels)
    settings = {"width": width, "seed": seed, "epochs": EPOCHS, "batch_size": BATCH, "learning_rate": LEARNING_RATE}
    return {"dataset": dataset.name, **settings, "test_error_pct": wrong}
