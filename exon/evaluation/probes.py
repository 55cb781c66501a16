"""What parts of a code carry: of the label, of traits of the image, and of the image that is decoded from it.

The label dimensions are those in which the centers of the prior differ.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from exon import metrics
from exon.evaluation import judge, traits
from exon.evaluation.subspaces import DRAWS
from exon.model import EXoN
from exon.prior import GaussianMixturePrior

PENALTY = 1e-3
"""On half the squared weights of a probe, beside the mean cross-entropy."""


def label_dimensions(prior: GaussianMixturePrior) -> Bool[Tensor, " d"]:
    """{ j : the centers mu_kj are not all the same }."""
    return (prior.means != prior.means[0]).any(0)


def probe_accuracy_pct(
    codes: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    test_codes: Float[Tensor, "m d"],
    test_labels: Int[Tensor, " m"],
) -> float:
    """Accuracy on test codes of the multinomial logistic regression fitted on codes, in percent.

    argmin over W, b of mean_n -log softmax(W z_n + b)_y + PENALTY / 2 sum W^2, every dimension scaled to unit variance, by L-BFGS
    in double precision on the CPU. Without dimensions it is the share of the most frequent label.
    """
    z, y = codes.cpu().double(), labels.cpu()
    center = z.mean(0)
    scale = (z - center).square().mean(0).sqrt().clamp_min(1e-12)
    z = (z - center) / scale
    weight = torch.zeros(int(y.max()) + 1, z.shape[1], dtype=torch.double, requires_grad=True)
    bias = torch.zeros(len(weight), dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=500, tolerance_change=1e-9, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(z, weight, bias), y) + PENALTY / 2 * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    called = F.linear((test_codes.cpu().double() - center) / scale, weight, bias).argmax(1)
    return 100 * (called == test_labels.cpu()).double().mean().item()


def probe_accuracies(
    codes: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    test_codes: Float[Tensor, "m d"],
    test_labels: Int[Tensor, " m"],
    prior: GaussianMixturePrior,
    activated: Bool[Tensor, " d"],
) -> dict[str, float]:
    """`probe_accuracy_pct` from the label dimensions, from the activated others, and from all: what a linear reader finds there.

    Returns:
        probe_label_pct, probe_activated_pct, probe_all_pct.
    """
    label = label_dimensions(prior).cpu()
    subsets = {"label": label, "activated": activated.cpu() & ~label, "all": torch.ones_like(label)}
    return {
        f"probe_{name}_pct": probe_accuracy_pct(
            codes.cpu()[:, chosen], labels, test_codes.cpu()[:, chosen], test_labels
        )
        for name, chosen in subsets.items()
    }


def purities(
    z: Float[Tensor, "n d"],
    log_weights: Float[Tensor, "n k"],
    labels: Int[Tensor, " n"],
    prior: GaussianMixturePrior,
    activated: Bool[Tensor, " d"],
    generator: torch.Generator,
) -> dict[str, float]:
    """`exon.metrics.purity_pct` of parts of the codes: are neighbours alike where the centers differ, and only there?

    Args:
        log_weights: (N, K), log w, of which the control is drawn.
        generator: the CPU's, of the control and of the random dimensions.

    Returns:
        purity_label_pct, in the label dimensions; purity_drawn_label_pct, in those of draws k ~ w(x), z ~ p(z | k), which know
        of an image no more than the classifier; purity_activated_pct, in the activated others, without which it is left out;
        purity_random_pct, in as many random others as there are label dimensions (mean over `DRAWS`).
    """
    label = label_dimensions(prior).cpu()
    others = torch.nonzero(~label)[:, 0]
    components = torch.multinomial(log_weights.cpu().exp(), 1, generator=generator)[:, 0]
    control = prior.sample(components, generator)
    found = {
        "purity_label_pct": metrics.purity_pct(z[:, label], labels),
        "purity_drawn_label_pct": metrics.purity_pct(control[:, label], labels),
    }
    if (chosen := activated.cpu() & ~label).any():
        found["purity_activated_pct"] = metrics.purity_pct(z[:, chosen], labels)
    drawn = [others[torch.randperm(len(others), generator=generator)[: int(label.sum())]] for _ in range(DRAWS)]
    return found | {"purity_random_pct": sum(metrics.purity_pct(z[:, some], labels) for some in drawn) / DRAWS}


def trait_parts(
    z: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    images: UInt8[Tensor, "n c h w"],
    activated: Bool[Tensor, " d"],
    generator: torch.Generator,
) -> dict[str, float]:
    """`exon.evaluation.traits.summarize` of parts of the codes: is it the activated dimensions that tell traits?

    Args:
        generator: the CPU's, of the random dimensions.

    Returns:
        activated_dimensions, their number; and unless it is 0 activated_trait_<name>, rest_trait_<name> of all others, and
        random_trait_<name> of as many random dimensions (mean over `DRAWS`).
    """
    chosen = activated.cpu()
    parts = {"activated": [chosen], "rest": [~chosen]}
    parts["random"] = [chosen[torch.randperm(len(chosen), generator=generator)] for _ in range(DRAWS)]
    numbers: dict[str, float] = {"activated_dimensions": int(chosen.sum())}
    for part, subspaces in parts.items() if chosen.any() else ():
        found = [traits.summarize(z[:, subspace.to(z.device)], labels, images) for subspace in subspaces]
        numbers |= {f"{part}_{name}": sum(one[name] for one in found) / len(found) for name in found[0]}
    return numbers


def moved_verdicts(
    the_judge: nn.Module,
    model: EXoN,
    z: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    generator: torch.Generator,
) -> dict[str, float]:
    """What the judge says when only the label dimensions of codes are put on the center of their label, and on another's.

    Args:
        z: (N, d), codes, on the model's device.
        labels: (N,), the true labels.
        generator: the CPU's, of the other labels, drawn uniformly.

    Returns:
        own_center_verdict_pct, how often the verdict is the own label on its center; other_center_verdict_pct, how often it is
        the other label on that one's; verdict_changed_pct, how often the two verdicts differ.
    """
    classes = model.prior.num_classes
    own = labels.cpu()
    other = (own + torch.randint(1, classes, own.shape, generator=generator)) % classes
    where = label_dimensions(model.prior)
    verdicts = [
        judge.look(
            the_judge, metrics.decode_all(model, torch.where(where, model.prior.means[center.to(z.device)], z))
        ).probabilities.argmax(1)
        for center in (own, other)
    ]
    return {
        "own_center_verdict_pct": 100 * (verdicts[0] == own).double().mean().item(),
        "other_center_verdict_pct": 100 * (verdicts[1] == other).double().mean().item(),
        "verdict_changed_pct": 100 * (verdicts[0] != verdicts[1]).double().mean().item(),
    }
