"""The training loop: one readable step, and checkpoints that resume bit for bit."""

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from exon import data, devices, losses, metrics
from exon.cuda_graph import captured
from exon.data import augment
from exon.errors import UserError
from exon.experiment import Experiment, derive_seed
from exon.model import EXoN, build_for
from exon.optimization import averaging, make_optimizers, schedule, sees_crops
from exon.runs import checkpoint, provenance
from exon.runs.memory import advice_on_memory
from exon.runs.screen import progress

CHECKPOINT_SECONDS = 30.0
"""Epochs that end sooner after a checkpoint write none: on a GPU, one of a large model takes about as long as an epoch."""


@dataclass(frozen=True)
class Fitted:
    """A trained model with its history (one dict per epoch), its split, and the beta it ended with.

    Where the weights are averaged, `model` has the average. `origin` is the provenance of the training, from when it began.
    """

    model: EXoN
    history: list[dict[str, float]]
    split: data.Split
    beta: float
    origin: dict[str, Any]


@dataclass(frozen=True)
class TrainingImages:
    """All that the trainer sees, on its device: uint8 images, and one-hot targets (n, K) of the labelled ones only."""

    labelled: Tensor
    targets: Tensor
    unlabelled: Tensor

    @classmethod
    def of(
        cls, dataset: data.Dataset, labelled: Tensor | slice, device: torch.device | None = None
    ) -> "TrainingImages":
        """Those of a data set, whose training images `labelled` have labels; on the CPU if no device is given."""
        targets = F.one_hot(dataset.train_labels[labelled], dataset.num_classes).float()
        images = dataset.train_images[labelled], targets, dataset.train_images
        return cls(*(tensor.to(device or "cpu") for tensor in images))


def fit(experiment: Experiment, dataset: data.Dataset, checkpoint_path: Path | None = None) -> Fitted:
    """Train a model as the experiment says, resuming from the checkpoint if there is one.

    The result is a function of the experiment and the data: two runs on one machine, interrupted or not, agree bit for
    bit on the CPU. On CUDA `exon.devices.choose` switches PyTorch's deterministic algorithms on, which promise the same on
    one kind of GPU; on MPS PyTorch promises nothing. PyTorch's own random state is left as it was found.

    Args:
        dataset: already restricted to the experiment's classes.
        checkpoint_path: written after the first epoch, the last one, and any that ends `CHECKPOINT_SECONDS` after the one
            before was written; None to keep nothing.

    Raises:
        UserError: the checkpoint belongs to another experiment or is damaged, the device is missing or has too little
            memory, or the loss is not finite.
    """
    device = devices.choose(experiment.device)
    chosen = data.split(
        dataset.train_labels, experiment.labels, experiment.validation, derive_seed(experiment.split_seed, "split")
    )
    with devices.randomness_of_its_own(device), advice_on_memory(experiment):
        images = TrainingImages.of(dataset, chosen.labelled, device)
        generator = torch.Generator().manual_seed(derive_seed(experiment.seed, "initialisation"))
        model = build_for(experiment, generator)
        averaged = copy.deepcopy(model).to(device) if experiment.ema_decay else None
        model = model.to(device)
        optimizers = make_optimizers(experiment, model)
        origin = provenance.begin(dataset, device)
        state = checkpoint.State(model, optimizers, experiment.beta, averaged=averaged, origin=origin)
        torch.manual_seed(derive_seed(experiment.seed, "training"))
        if checkpoint_path is not None and checkpoint_path.exists():
            checkpoint.restore(state, experiment, checkpoint_path)
        taken = len(state.history) * steps_per_epoch(experiment, images)
        step = make_step(experiment, model, optimizers, images, averaged, taken)
        evaluated = model if averaged is None else averaged
        saved = -math.inf
        for epoch in range(len(state.history), experiment.epochs):
            start = time.perf_counter()
            row = train_epoch(experiment, step, images, optimizers, state.beta, epoch)
            row |= evaluate(experiment, evaluated, dataset, chosen, derive_seed(experiment.seed, f"evaluation {epoch}"))
            row["seconds"] = time.perf_counter() - start
            state.beta = next_beta(experiment, row, images.unlabelled[0].numel())
            state.history.append(row)
            is_due = epoch + 1 == experiment.epochs or time.perf_counter() - saved >= CHECKPOINT_SECONDS
            if checkpoint_path is not None and is_due:
                checkpoint.save(state, experiment, checkpoint_path)
                saved = time.perf_counter()
    return Fitted(evaluated, state.history, chosen, state.beta, state.origin)


def next_beta(experiment: Experiment, row: dict[str, float], pixels: int) -> float:
    """beta of the next epoch: the experiment's own, or if it is learned the mean squared error per pixel + lambda_beta.

    Args:
        row: of the epoch that is over, in the history.
    """
    return 2 * row["train_recon"] / pixels + experiment.lambda_beta if experiment.learn_beta else experiment.beta


def effective_kl_weight(experiment: Experiment) -> float:
    """The factor on both KL terms of the objective: 0 where they are switched off."""
    return experiment.kl_weight if experiment.use_kl else 0.0


class Step(Protocol):
    """One step on images given by their indices, with beta and lambda2 in force; `crop` for the classification terms."""

    def __call__(
        self, labelled: Tensor, unlabelled: Tensor, beta: float | Tensor, lambda2: float | Tensor, crop: bool = False
    ) -> losses.Terms: ...


def make_step(
    experiment: Experiment,
    model: EXoN,
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
    images: TrainingImages,
    averaged: EXoN | None = None,
    taken: int = 0,
) -> Step:
    """The training step.

    Four classifier passes, each normalised by its own batch: clean images, augmented labelled, mixed labelled, mixed
    unlabelled; a fifth, without gradient, makes the pseudo-labels. Terms that are switched off are not computed. Without
    the ELBO the clean images pass without gradient: they keep the moving averages what they are in the other runs.

    Args:
        averaged: the average of the model's weights, which every step moves on; None if there is none.
        taken: the steps that were taken before.
    """
    whole: augment.Augmentation = augment.AUGMENTATIONS[experiment.dataset]
    cropped: augment.Augmentation = partial(augment.cifar10, size=augment.CROP)
    device = images.labelled.device
    labelled_mix, unlabelled_mix = losses.mix_weights(0.1, device), losses.mix_weights(2.0, device)
    kl_weight = effective_kl_weight(experiment)
    labeller = averaged if averaged is not None and experiment.averaged_pseudo_labels else model

    def sci(x: Tensor, targets: Tensor, mix_weight: Callable[[], Tensor | float]) -> Tensor:
        permutation = torch.randperm(len(x), device=x.device)
        mixed, mixed_targets = losses.mix_up(x, targets, mix_weight(), permutation)
        return losses.cross_entropy(model.classify(mixed), mixed_targets)

    def step(
        labelled: Tensor, unlabelled: Tensor, beta: float | Tensor, lambda2: float | Tensor, crop: bool = False
    ) -> losses.Terms:
        augmentation = cropped if crop else whole
        x_labelled, targets = data.to_float(images.labelled[labelled]), images.targets[labelled]
        x_unlabelled = data.to_float(images.unlabelled[unlabelled])
        x, elbo_weight = part(torch.cat([x_labelled, x_unlabelled]), experiment.elbo_share)
        recon = kl_label = kl_latent = cross_entropy = sci_labelled = sci_unlabelled = None
        if experiment.use_elbo:
            output = model(x)
            recon = losses.reconstruction(x, output.x_hat)
            kl_label = losses.kl_label(output.log_weights)
            kl_latent = losses.kl_latent(output.log_weights, output.mean, output.log_variance, model.prior)
        else:
            with torch.no_grad():
                model.classify(x)
        if experiment.use_cross_entropy:
            augmented = augmentation(x_labelled)
            cross_entropy = losses.cross_entropy(model.classify(augmented), targets)
            if experiment.use_sci:
                sci_labelled = sci(augmented, targets, labelled_mix)
        if experiment.use_sci:
            augmented = augmentation(x_unlabelled)
            sci_unlabelled = sci(augmented, labeller.pseudo_label(augmented), unlabelled_mix)
        terms = losses.Terms(recon, kl_label, kl_latent, cross_entropy, sci_labelled, sci_unlabelled)
        loss = losses.objective(terms, beta, experiment.lambda1, lambda2, kl_weight, elbo_weight)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return terms

    fast = captured(step, optimizers, device) if device.type == "cuda" else step
    if averaged is None:
        return fast
    average = averaging(averaged, model, experiment.ema_decay, taken)

    def step_and_average(
        labelled: Tensor, unlabelled: Tensor, beta: float | Tensor, lambda2: float | Tensor, crop: bool = False
    ) -> losses.Terms:
        terms = fast(labelled, unlabelled, beta, lambda2, crop)
        average()  # its decay changes with every step, which a graph would not notice
        return terms

    return step_and_average


def part(x: Tensor, share: float) -> tuple[Tensor, float]:
    """A share of the images, drawn anew and two at least, and the weight with which a sum over them expects that over all.

    E[ weight * sum_{i in part} f(x_i) ] = sum_i f(x_i), as each image is in the part with probability 1 / weight.

    Args:
        x: (N, C, H, W).
        share: in (0, 1]; 1 draws nothing.
    """
    if share == 1:
        return x, 1.0
    size = max(2, round(share * len(x)))
    chosen = torch.randperm(len(x), device=x.device)[:size]
    return x[chosen], len(x) / size


def steps_per_epoch(experiment: Experiment, images: TrainingImages) -> int:
    """N // batch_size, one at least."""
    return max(1, len(images.unlabelled) // experiment.batch_size)


def train_epoch(
    experiment: Experiment,
    step: Step,
    images: TrainingImages,
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
    beta: float,
    epoch: int,
) -> dict[str, float]:
    """One epoch; returns the settings in force at its last step, and the mean of every term over its images.

    Raises:
        UserError: a term of the objective is not finite. KL, where it is switched off, may be: nothing holds the variances of
            components that are never drawn.
    """
    steps = steps_per_epoch(experiment, images)
    sizes = (experiment.labelled_batch_size, experiment.batch_size - experiment.labelled_batch_size)
    sums: dict[str, list[Tensor]] = {}
    counts: dict[str, int] = {}
    pairs = data.batches(len(images.labelled), len(images.unlabelled), steps, sizes, images.unlabelled.device)
    pairs = progress(pairs, steps, f"epoch {epoch + 1}/{experiment.epochs}")
    for index, (labelled, unlabelled) in enumerate(pairs):
        now = schedule(experiment, epoch, index, steps)
        for optimizer, rate in zip(optimizers, (now.lr, now.lr_classifier), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate
        terms = step(labelled, unlabelled, beta, now.lambda2, sees_crops(experiment, epoch, index / steps))
        for name, term in terms._asdict().items():
            if term is not None:
                sums.setdefault(name, []).append(term.detach().sum())
                counts[name] = counts.get(name, 0) + len(term)
    means = {f"train_{name}": torch.stack(sums[name]).cpu().double().sum().item() / counts[name] for name in sums}
    optimized = [
        mean for name, mean in means.items() if effective_kl_weight(experiment) or not name.startswith("train_kl")
    ]
    if not all(map(math.isfinite, optimized)):
        raise UserError(
            f"Training diverged in epoch {epoch + 1} ({json.dumps(means)}): give a learning_rate below "
            f"{experiment.learning_rate:g}, or a beta above {beta:g}."
        )
    return {"epoch": epoch + 1, "beta": beta, **now._asdict(), **means}


def evaluate(
    experiment: Experiment, model: EXoN, dataset: data.Dataset, chosen: data.Split, seed: int
) -> dict[str, float]:
    """Error and, if the ELBO is on, its terms on the validation and the test images, with noise of its own generator.

    test_center_distance_k is how far the mean of component k over the test images of label k lies from its center, in
    standard deviations of the prior (`exon.metrics.component_spread`).
    """
    generator = torch.Generator(model.prior.means.device).manual_seed(seed)
    parts = {
        "validation": (dataset.train_images[chosen.validation], dataset.train_labels[chosen.validation]),
        "test": (dataset.test_images, dataset.test_labels),
    }
    row: dict[str, float] = {}
    for name, (images, labels) in parts.items():
        encoded = (
            metrics.encode_all(model, images, generator) if experiment.use_elbo else metrics.classify_all(model, images)
        )
        row |= {f"{name}_{key}": value for key, value in metrics.summarize(encoded, labels).items()}
    if experiment.use_elbo:
        own = metrics.of_own_component(encoded["mean"], labels)
        distances, _ = metrics.component_spread(own, labels.to(own.device), model.prior)
        row |= {f"test_center_distance_{k}": distance for k, distance in enumerate(distances.tolist())}
    return row
