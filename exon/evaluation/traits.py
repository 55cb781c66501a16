"""What codes say of an image beside its label: how bright it is, how a digit slants, how warm its colours are.

Traits are measured on the images, and it is measured whether images of one label are alike in them where their codes are near.
"""

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from exon import metrics
from exon.errors import UserError
from exon.prior import GaussianMixturePrior

NEIGHBOURS = 10


def traits(images: UInt8[Tensor, "n c h w"]) -> dict[str, Float[Tensor, " n"]]:
    """Of pixels p in [0, 1]: brightness, mean p; of grey images slant, cov(x, y) / var(y), and width, sd(x), over pixels that
    count p times; of colour images contrast, the standard deviation of grey, and warmth, mean red - mean blue.

    Args:
        images: (N, C, H, W), one channel or three.
    """
    p = images.cpu().double() / 255
    measured = {"brightness": p.flatten(1).mean(1)}
    if p.shape[1] == 3:
        return measured | {"contrast": p.mean(1).flatten(1).std(1), "warmth": (p[:, 0] - p[:, 2]).flatten(1).mean(1)}
    share = p[:, 0] / p[:, 0].sum((1, 2), keepdim=True).clamp_min(1e-12)
    y, x = (torch.arange(size, dtype=torch.double) for size in p.shape[2:])
    x = x - (share.sum(1) @ x)[:, None]
    y = y - (share.sum(2) @ y)[:, None]
    covariance = torch.einsum("nyx,ny,nx->n", share, y, x)
    variance_x, variance_y = (share.sum(1) * x**2).sum(1), (share.sum(2) * y**2).sum(1)
    return measured | {"slant": covariance / variance_y.clamp_min(1e-12), "width": variance_x.sqrt()}


def neighbour_correlation(
    z: Float[Tensor, "n d"], labels: Int[Tensor, " n"], values: Float[Tensor, " n"], neighbours: int = NEIGHBOURS
) -> float:
    """Correlation of t_n - (mean of t over the label of n) with the same of the mean of t over the nearest codes of that label.

    About 0 if nearness of codes says nothing of t (below 0 with few images of a label, as a code is not its own neighbour); a
    little above if the labels of codes are mistaken where t is unusual. Its highest value is below 1 and differs between
    traits: hold it against that of raw pixels. Labels are pooled, so that those in which t varies more weigh more.

    Args:
        values: (N,), t.

    Raises:
        UserError: a label has too few images.
    """
    own, near = [], []
    for label in labels.unique():
        chosen = labels == label
        if chosen.sum() <= neighbours:
            raise UserError(f"label {label} has {chosen.sum()} images: give more than {neighbours}, the neighbours.")
        codes, t = z[chosen.to(z.device)].cpu(), values[chosen.cpu()]
        distance = torch.cdist(codes, codes).fill_diagonal_(torch.inf)
        around = t[distance.topk(neighbours, largest=False).indices].mean(1)
        own.append(t - t.mean())
        near.append(around - around.mean())
    return torch.corrcoef(torch.stack([torch.cat(own), torch.cat(near)]))[0, 1].item()


def summarize(
    z: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    images: UInt8[Tensor, "n c h w"],
    prior: GaussianMixturePrior | None = None,
) -> dict[str, float]:
    """`neighbour_correlation` of every trait of the images.

    Returns:
        trait_<name>; with a prior also own_trait_<name>, of the codes alone that lie nearest to the center of their own label.
        Either is left out where a label has no more images than neighbours.
    """
    measured, labels = traits(images), labels.cpu()
    chosen = {"": torch.ones_like(labels, dtype=torch.bool)}
    if prior is not None:
        chosen["own_"] = metrics.nearest_center(z, prior).cpu() == labels
    return {
        f"{part}trait_{name}": neighbour_correlation(z[some.to(z.device)], labels[some], t[some])
        for part, some in chosen.items()
        if all(labels[some].eq(label).sum() > NEIGHBOURS for label in labels.unique())
        for name, t in measured.items()
    }
