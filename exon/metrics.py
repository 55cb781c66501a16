"""Numbers that describe a trained model: means over images, of negative SSIM over pairs, exact even for a partial last batch."""

import math

import torch
from jaxtyping import Float, Int
from scipy import stats
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from exon import data, losses
from exon.errors import UserError
from exon.model import EXoN, evaluating
from exon.prior import GaussianMixturePrior


@torch.no_grad()
def encode_all(model: EXoN, images: Tensor, generator: torch.Generator, batch: int = 250) -> dict[str, Tensor]:
    """Everything the metrics need of every image, in evaluation mode, on the model's device.

    Args:
        images: (N, C, H, W), uint8.
        generator: the source of z and of the component it is drawn from.

    Returns:
        log_weights (N, K), mean and log_variance (N, K, d), z (N, d), recon (N,), kl_label (N,), kl_latent (N,).
    """
    device = model.prior.means.device
    parts: dict[str, list[Tensor]] = {}
    with evaluating(model):
        for chunk in images.split(batch):
            x = data.to_float(chunk.to(device))
            output = model(x, generator=generator)
            row = output._asdict()
            row["recon"] = losses.reconstruction(x, row.pop("x_hat"))
            row["kl_label"] = losses.kl_label(output.log_weights)
            row["kl_latent"] = losses.kl_latent(output.log_weights, output.mean, output.log_variance, model.prior)
            for name, value in row.items():
                parts.setdefault(name, []).append(value)
    return {name: torch.cat(values) for name, values in parts.items()}


@torch.no_grad()
def classify_all(model: EXoN, images: Tensor, batch: int = 250) -> dict[str, Tensor]:
    """`encode_all`'s log_weights (N, K) alone: all there is to say of a model that was trained without the ELBO."""
    device = model.prior.means.device
    with evaluating(model):
        parts = [model.classify(data.to_float(chunk.to(device))) for chunk in images.split(batch)]
    return {"log_weights": torch.cat(parts)}


@torch.no_grad()
def decode_all(model: EXoN, z: Float[Tensor, "n d"], batch: int = 500) -> Float[Tensor, "n c h w"]:
    """D(z) in evaluation mode, on the model's device: (N, d) -> (N, C, H, W)."""
    with evaluating(model):
        return torch.cat([model.decode(chunk) for chunk in z.split(batch)])


def of_own_component(values: Float[Tensor, "n k d"], labels: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
    """values_{i, y_i}: what the encoder says of each image by the component of its true label, (N, K, d) -> (N, d)."""
    return values[torch.arange(len(values)), labels.to(values.device)]


def summarize(encoded: dict[str, Tensor], labels: Int[Tensor, " n"]) -> dict[str, float]:
    """error_pct (argmax of w); and, unless `encoded` is of the classifier alone, recon, kl_label, kl_latent and kl,
    their sum; means over the images, in nats.
    """
    wrong = encoded["log_weights"].argmax(1).cpu() != labels.cpu()
    numbers = {"error_pct": 100 * wrong.double().mean().item()}
    if "recon" in encoded:
        numbers |= {name: encoded[name].cpu().double().mean().item() for name in ("recon", "kl_label", "kl_latent")}
        numbers["kl"] = numbers["kl_label"] + numbers["kl_latent"]
    return numbers


def nearest_center(z: Float[Tensor, "n d"], prior: GaussianMixturePrior) -> Int[Tensor, " n"]:
    """argmin_k sum_j (z_j - mu_kj)^2 / s2_kj: the label of the conceptual center nearest by its Mahalanobis distance."""
    return ((z[:, None] - prior.means).square() / prior.variances).sum(2).argmin(1)


def center_error_pct(z: Float[Tensor, "n d"], labels: Int[Tensor, " n"], prior: GaussianMixturePrior) -> float:
    """Share of points whose nearest conceptual center is not that of their label, in percent.

    Points drawn from the prior itself miss sometimes too. That share, the error of draws from the prior, is what it is held
    against; it is no lower bound, as codes may lie closer to their centers than the prior.
    """
    return 100 * (nearest_center(z, prior).cpu() != labels.cpu()).double().mean().item()


def purity_pct(z: Float[Tensor, "n d"], labels: Int[Tensor, " n"], neighbours: int = 10) -> float:
    """Share of the nearest other points that carry a point's own label, averaged over points, in percent.

    Raises:
        UserError: fewer points than neighbours.
    """
    if len(z) <= neighbours:
        raise UserError(f"{len(z)} points are too few for {neighbours} neighbours: give at least {neighbours + 1}.")
    labels = labels.to(z.device)
    same = []
    for start in range(0, len(z), 1000):
        block = torch.cdist(z[start : start + 1000], z)
        block[torch.arange(len(block)), start + torch.arange(len(block))] = torch.inf
        nearest = block.topk(neighbours, largest=False).indices
        same.append((labels[nearest] == labels[start : start + 1000, None]).float().mean(1))
    return 100 * torch.cat(same).cpu().double().mean().item()


@torch.no_grad()
def negative_ssim(images: Float[Tensor, "m c h w"], max_val: float = 1.0) -> float:
    """mean over all ordered pairs (a, b), a = b included, of (1 - SSIM(a, b)) / 2, in [0, 1]: how varied the images are.

    SSIM = mean over windows of (2 mu_a mu_b + c1)(2 cov_ab + c2) / ((mu_a^2 + mu_b^2 + c1)(var_a + var_b + c2)), with an
    11 x 11 Gaussian window of sigma 1.5, c1 = (.01 max_val)^2, c2 = (.03 max_val)^2, windows inside the image only.

    Args:
        images: (M, C, H, W), H and W at least 11.
        max_val: the dynamic range; the authors pass 1 for images in [-1, 1].

    Raises:
        UserError: an image is smaller than the window.
    """
    if min(images.shape[2:]) < 11:
        raise UserError(f"images of {images.shape[2]} x {images.shape[3]} are too small: SSIM needs at least 11 x 11.")
    c1, c2 = (0.01 * max_val) ** 2, (0.03 * max_val) ** 2
    offsets = torch.arange(11, device=images.device) - 5.0
    gaussian = torch.softmax(-(offsets**2) / (2 * 1.5**2), dim=0)
    weight = torch.outer(gaussian, gaussian).flatten()
    # (M, C * windows, 121) -> one matrix (M, 121) per window; all pairs are then one matrix product.
    patches = images.unfold(2, 11, 1).unfold(3, 11, 1).flatten(4).flatten(1, 3)
    total = 0.0
    for patch in patches.unbind(1):
        mean = patch @ weight
        centered = patch - mean[:, None]
        weighted = centered * weight
        variance, square = (weighted * centered).sum(1), mean.square()
        numerator = torch.outer(2 * mean, mean).add_(c1)
        numerator *= torch.mm(2 * weighted, centered.T).add_(c2)
        denominator = (square[:, None] + (square + c1)).mul_(variance[:, None] + (variance + c2))
        total += numerator.div_(denominator).sum().item()
    mean_ssim = total / (patches.shape[1] * len(images) ** 2)
    return (1 - mean_ssim) / 2


@torch.no_grad()
def predicted_class(model: EXoN, z: Float[Tensor, "n d"], batch: int = 1000) -> Int[Tensor, " n"]:
    """argmax_k w_k(D(z)): the label that the classifier gives to the decoded point."""
    with evaluating(model):
        return torch.cat([model.classify(model.decode(chunk)).argmax(1) for chunk in z.split(batch)])


def geometric_ratio(above: Float[Tensor, " n"], below: Float[Tensor, " n"]) -> tuple[float, float, float]:
    """exp of the mean of log(above / below) over pairs, with Student's 95 % interval of that mean: (ratio, low, high)."""
    logs = above.cpu().double().log() - below.cpu().double().log()
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std().item() / len(logs) ** 0.5
    mean = logs.mean().item()
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def relabelled_error_pct(predicted: Int[Tensor, " n"], labels: Int[Tensor, " n"], num_classes: int) -> float:
    """min over permutations pi of the share of images with pi(predicted) != label, in percent.

    What a clustering that never saw a label gets wrong after its clusters are named in the best way.
    """
    pairs = torch.bincount(labels.cpu() * num_classes + predicted.cpu(), minlength=num_classes**2)
    counts = pairs.reshape(num_classes, num_classes).numpy()
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return 100 * (1 - float(counts[rows, columns].sum()) / len(labels))


def component_spread(
    z: Float[Tensor, "n d"], component: Int[Tensor, " n"], prior: GaussianMixturePrior
) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """How the codes of each component lie against its prior: (distance, ratio).

    distance_k = sqrt(mean_j (mean_kj - mu_kj)^2 / s2_kj), in standard deviations of the prior, and
    ratio_k = mean_j var_kj / s2_kj; mean_k and var_k over the codes of component k. Codes drawn from the prior have 0 and 1.

    Args:
        component: (N,), the component of each code.

    Returns:
        (K,) each; NaN for a component with fewer than two codes.
    """
    distances, ratios = [], []
    for k in range(prior.num_classes):
        own = z[component == k]
        if len(own) < 2:
            distances.append(torch.tensor(torch.nan))
            ratios.append(torch.tensor(torch.nan))
            continue
        shift = (own.mean(0) - prior.means[k]).square() / prior.variances[k]
        distances.append(torch.tensor(math.sqrt(shift.mean().item())))
        ratios.append((own.var(0) / prior.variances[k]).mean().cpu())
    return torch.stack(distances), torch.stack(ratios)
