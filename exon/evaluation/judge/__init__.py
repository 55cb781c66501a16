"""An independent judge of generated images: a classifier trained once, supervised, on the labels of the training images.

It has none of the weights of the model it judges. Its weights and its record, with its own test error, are kept in
results/judge/<dataset>/. That of MNIST has the paper's classifier architecture; that of CIFAR-10 is trained to see soft
images too (`exon.evaluation.judge.supervised`).
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors import SafetensorError
from torch import Tensor, nn

from exon import data, devices, files, metrics, networks
from exon.data import augment
from exon.errors import UserError
from exon.evaluation.judge import soften, supervised
from exon.evaluation.judge.airbench import Airbench
from exon.experiment import Experiment, derive_seed
from exon.model import EXoN
from exon.networks.layers import Classifier
from exon.runs import checkpoint, provenance, record
from exon.runs.memory import advice_on
from exon.runs.screen import progress

EPOCHS, BATCH, LEARNING_RATE = 8, 128, 3e-3
"""Of the MNIST judge."""
CIFAR10_EPOCHS, SOFTENED = 24, 0.5
"""Of the CIFAR-10 judge; half of its images are softened."""
NETWORKS: dict[tuple[str, str], Callable[[int, float], nn.Module]] = {
    ("mnist", "classifier"): networks.mnist_classifier,
    ("cifar10", "airbench"): Airbench,
}
"""By data set and by the name in the judge's record; a record that names none is of the paper's classifier."""


def folder(dataset: str) -> Path:
    """Where a judge is kept."""
    return files.from_root(f"results/judge/{dataset}")


def make(dataset: data.Dataset, width: float = 1.0, seed: int = 1) -> dict[str, Any]:
    """Train the judge of a data set, measure it and keep it; returns its record.

    That of CIFAR-10 goes on from the last epoch of a training that was stopped.

    Raises:
        UserError: another process makes it, the memory is too small, or the checkpoint is of another training or damaged.
    """
    path = folder(dataset.name)
    checkpoint_path = record.work_folder(path) / "checkpoint.pt"
    with files.alone(path, path), advice_on(width=width):
        judge, content = _made(dataset, width, seed, checkpoint_path)
        save(judge, content, path)
        checkpoint_path.unlink(missing_ok=True)
    return content


def _made(dataset: data.Dataset, width: float, seed: int, checkpoint_path: Path) -> tuple[nn.Module, dict[str, Any]]:
    device = devices.choose("auto")
    begun = provenance.begin(dataset, device)
    content: dict[str, Any] = {"dataset": dataset.name, "width": width, "seed": seed}
    if dataset.name == "mnist":
        judge: nn.Module = fit(dataset, width=width, seed=seed)
        content |= {"network": "classifier", "epochs": EPOCHS, "batch_size": BATCH, "learning_rate": LEARNING_RATE}
        content["test_error_pct"] = error_pct(judge, data.to_float(dataset.test_images), dataset.test_labels)
    else:
        settings = supervised.Settings(CIFAR10_EPOCHS, width, seed, SOFTENED)
        kept, validation = _without_validation(dataset)
        state = supervised.fit(settings, *kept, device, begun, checkpoint_path)
        judge, begun = state.network, state.origin
        judge.load_state_dict(_halved(judge))  # what is measured is what is kept
        content |= {"network": "airbench", "epochs": settings.epochs, "batch_size": settings.batch}
        content |= {"learning_rate": supervised.RATE, "softened": SOFTENED, "training_images": len(kept[0])}
        content |= _errors(judge, dataset, validation) | {"history": state.history}
    return judge, content | {"provenance": provenance.finish(begun)}


def fit(dataset: data.Dataset, epochs: int = EPOCHS, width: float = 1.0, seed: int = 1) -> Classifier:
    """The MNIST judge: trained with cross-entropy on all training images and labels; AdamW, cosine decay to zero, no dropout.

    The loss of a batch is the mean of -log w_y(x'), x' the augmented image.
    """
    device = devices.choose("auto")
    images, labels = dataset.train_images.to(device), dataset.train_labels.to(device)
    steps = len(images) // BATCH
    with devices.randomness_of_its_own(device):
        judge = networks.mnist_classifier(dataset.num_classes, width)
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
            for index in progress(order, steps, f"judge, epoch {epoch + 1}/{epochs}"):
                x = augment.mnist(data.to_float(images[index]))
                loss = F.cross_entropy(judge(x), labels[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return judge.eval()


def _without_validation(dataset: data.Dataset) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Images and labels to train on, and the validation images of the experiments' own split, on which settings are chosen."""
    source = "sample" if dataset.source == "sample" else "auto"
    e = Experiment.create(dataset=dataset.name, source=source)
    chosen = data.split(dataset.train_labels, e.labels, e.validation, derive_seed(e.split_seed, "split")).validation
    kept = torch.ones(len(dataset.train_labels), dtype=torch.bool)
    kept[chosen] = False
    return (
        (dataset.train_images[kept], dataset.train_labels[kept]),
        (dataset.train_images[chosen], dataset.train_labels[chosen]),
    )


def _errors(judge: nn.Module, dataset: data.Dataset, validation: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """The judge's error on test and validation images, and on test images blurred (by sigma) and resampled (by size)."""
    x, y = data.to_float(dataset.test_images), dataset.test_labels
    blurred = {f"{sigma:g}": soften.blur(sigma) for sigma in soften.SIGMAS}
    resampled = {f"{size}": soften.resample(size) for size in soften.SIZES}
    return {
        "test_error_pct": error_pct(judge, x, y),
        "validation_error_pct": error_pct(judge, data.to_float(validation[0]), validation[1]),
        "blurred_error_pct": {sigma: error_pct(judge, soften.apply(x, s), y) for sigma, s in blurred.items()},
        "resampled_error_pct": {size: error_pct(judge, soften.apply(x, s), y) for size, s in resampled.items()},
    }


def save(judge: nn.Module, content: dict[str, Any], path: Path) -> None:
    """Write the weights and the record, the record last, with the weights' SHA-256: a `load` after an interruption finds it.

    The CIFAR-10 judge's are written in half precision.
    """
    written = checkpoint.as_safetensors(_halved(judge) if isinstance(judge, Airbench) else judge.state_dict())
    content = content | {"weights_sha256": hashlib.sha256(written).hexdigest()}
    files.write_bytes(path / "model.safetensors", written)
    files.write_text(path / "judge.json", json.dumps(content, indent=1) + "\n")


def _halved(judge: nn.Module) -> dict[str, Tensor]:
    """The weights, kernels in half precision; variances and biases as they are, for they may be small."""
    return {name: value.half() if value.dim() > 1 else value for name, value in judge.state_dict().items()}


def load(dataset: str) -> nn.Module:
    """The stored judge of a data set, in evaluation mode.

    Raises:
        UserError: there is none, it is damaged, or its weights are not those that its record names.
    """
    path = folder(dataset)
    try:
        content = json.loads((path / "judge.json").read_text(encoding="utf-8"))
        written = (path / "model.safetensors").read_bytes()
        weights = hashlib.sha256(written).hexdigest()
        if content.get("weights_sha256", weights) != weights:
            raise UserError(f"{path} holds other weights than its record names: run `python -m exon judge {dataset}`.")
        judge = NETWORKS[dataset, content.get("network", "classifier")](10, content["width"])
        judge.load_state_dict(safetensors.torch.load(written))
    except UserError:
        raise
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"{path} holds no judge that can be read ({type(error).__name__}): get the stored one back with "
            f"`git checkout {path.as_posix()}`, or run `python -m exon judge {dataset}`."
        ) from error
    return judge.to(memory_format=torch.channels_last).eval()


def identity(dataset: str) -> str:
    """The SHA-256 of the stored judge's weights: two runs were judged alike if their records hold the same."""
    return hashlib.sha256((folder(dataset) / "model.safetensors").read_bytes()).hexdigest()


class Verdicts(NamedTuple):
    """Of images: what the judge's last layer sees, (N, F), and its probabilities of the labels, (N, K); on the CPU."""

    features: Tensor
    probabilities: Tensor

    def error_pct(self, labels: Int[Tensor, " n"]) -> float:
        """Share of images that the judge does not call by their label, in percent."""
        return 100 * (self.probabilities.argmax(1) != labels.cpu()).double().mean().item()


@torch.no_grad()
def look(judge: nn.Module, images: Float[Tensor, "n c h w"]) -> Verdicts:
    """The judge's verdicts on images in [-1, 1]."""
    device = next(judge.parameters()).device
    *_, last = (layer for layer in judge.modules() if isinstance(layer, nn.Linear))
    features: list[Tensor] = []
    hook = last.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].cpu()))
    try:
        probabilities = [judge(chunk.to(device)).softmax(1).cpu() for chunk in images.split(500)]
    finally:
        hook.remove()
    return Verdicts(torch.cat(features), torch.cat(probabilities))


def error_pct(judge: nn.Module, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"]) -> float:
    """Share of images in [-1, 1] that the judge does not call by their label, in percent."""
    return look(judge, images).error_pct(labels)


@torch.no_grad()
def generation_error_pct(
    judge: nn.Module,
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
    images = metrics.decode_all(model, model.prior.sample(labels.to(model.prior.means.device), generator))
    return error_pct(judge, images, labels if classes is None else torch.tensor(classes)[labels])
