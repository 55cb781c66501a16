"""Scores of generated images: how sure a classifier is of each and how varied they are together."""

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from exon.errors import UserError


def class_score(probabilities: Float[Tensor, "n k"], splits: int = 50) -> tuple[float, float]:
    """exp( mean_x KL( p(y | x) || p(y) ) ), p(y) the mean of p(y | x): from 1 (all alike, or unsure) to K.

    With the probabilities of InceptionV3 it is the inception score (Salimans et al. 2016); with those of a judge trained
    on the data set, the judge score.

    Args:
        probabilities: (N, K), of N images in random order.
        splits: the score is taken in this many parts, equal but for one image.

    Returns:
        Mean and standard deviation over the parts.

    Raises:
        UserError: fewer images than parts.
    """
    if len(probabilities) < splits:
        raise UserError(f"{len(probabilities)} images are too few for {splits} parts: give at least as many.")
    scores = []
    for part in probabilities.cpu().double().tensor_split(splits):
        divergence = (part * (part.clamp_min(1e-30).log() - part.mean(0).clamp_min(1e-30).log())).sum(1)
        scores.append(divergence.mean().exp())
    values = torch.stack(scores)
    return values.mean().item(), values.std(unbiased=False).item()


def inception(weights: str) -> nn.Module:
    """InceptionV3 trained on ImageNet, in evaluation mode, for images in [-1, 1].

    Args:
        weights: the path of torchvision's weights file, or "download".

    Raises:
        UserError: there is no such file, or it does not hold these weights.
    """
    from torchvision.models import Inception_V3_Weights, inception_v3

    try:
        if weights == "download":
            state = Inception_V3_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
        else:
            state = torch.load(Path(weights), map_location="cpu", weights_only=True)
        network = inception_v3(weights=None, transform_input=False, init_weights=False)
        network.load_state_dict(state)
    except Exception as error:  # whatever a damaged file or a missing network leads to
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"inception_weights = {weights!r} cannot be used ({reason}): give the path of torchvision's InceptionV3 weights, "
            "or 'download'."
        ) from None
    return network.eval()


@torch.no_grad()
def inception_probabilities(
    network: nn.Module, images: Float[Tensor, "n 3 h w"], batch: int = 50
) -> Float[Tensor, "n 1000"]:
    """InceptionV3's probabilities of images in [-1, 1], enlarged to 299 x 299 (bilinear): (N, 3, H, W) -> (N, 1000).

    Computed on the network's device, and returned on the CPU.
    """
    device = next(network.parameters()).device
    parts = []
    for chunk in images.split(batch):
        enlarged = F.interpolate(chunk.to(device), size=(299, 299), mode="bilinear", align_corners=False)
        parts.append(network(enlarged).softmax(1).cpu())
    return torch.cat(parts)
