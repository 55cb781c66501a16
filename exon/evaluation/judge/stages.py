"""From a real image to a generated one, step by step: how many images a judge still calls by their label.

    real  ->  blurred  ->  D(m_y(x))  ->  D(z), z ~ q(z | x)  ->  D(z), z ~ N(mu_k, diag s2_k)

The decoder loses what lies between the first and the third, of which blur alone, of the same squared error, explains the
second; the code, with its noise and with a component that need not be that of the label, loses what lies between the third
and the fourth; the draw from the prior what lies between the fourth and the last.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from exon import data, metrics
from exon.evaluation import judge, scores
from exon.evaluation.judge import soften
from exon.evaluation.judge.kernel_distance import kernel_distance, kernel_distance_of_pairs
from exon.model import EXoN

WIDEST = 16.0
"""The widest blur that is looked at, in pixels; it leaves little more than the mean colour."""


def matching_blur(images: Float[Tensor, "n c 32 32"], squared_error: float) -> float:
    """The sigma at which blur changes images by this mean squared error per pixel, by bisection; at most WIDEST.

    Args:
        images: (N, C, 32, 32), in [-1, 1].
    """
    low, high = 0.1, WIDEST
    for _ in range(20):
        sigma = (low * high) ** 0.5
        changed = (soften.apply(images, soften.blur(sigma).to(images.device)) - images).square().mean().item()
        low, high = (sigma, high) if changed < squared_error else (low, sigma)
    return high


def summarize(
    the_judge: nn.Module,
    model: EXoN,
    encoded: dict[str, Tensor],
    test_images: Tensor,
    test_labels: Int[Tensor, " n"],
    generated: Float[Tensor, "m c 32 32"],
    generated_labels: Int[Tensor, " m"],
    generator: torch.Generator,
) -> dict[str, float]:
    """What the judge makes of real, blurred, reconstructed and generated images.

    Args:
        encoded: what `exon.metrics.encode_all` returns for the test images.
        test_images: (N, 3, 32, 32), uint8.
        generated: (M, 3, 32, 32), in [-1, 1], in random order.
        generator: the CPU's, of the order of real images in parts, and of all images in subsets.

    Returns:
        judge_error_pct, blurred_error_pct (and blur_sigma, in pixels), mean_reconstruction_error_pct, reconstruction_error_pct
        and generation_error_pct, in the order of the stages; judge_score of the generated images and judge_score_real; the
        kernel distance of the generated images to the real ones, kid_generated, and of the reconstructions of one half of
        the real ones to the other half, kid_reconstructed, with their standard errors, kid_generated_se and kid_reconstructed_se.
    """
    real = data.to_float(test_images)
    decoded = metrics.decode_all(model, metrics.of_own_component(encoded["mean"], test_labels))
    sigma = matching_blur(real[:1000], (decoded[:1000].cpu() - real[:1000]).square().mean().item())
    seen = {
        "judge": judge.look(the_judge, real),
        "blurred": judge.look(the_judge, soften.apply(real, soften.blur(sigma))),
        "mean_reconstruction": judge.look(the_judge, decoded),
        "reconstruction": judge.look(the_judge, metrics.decode_all(model, encoded["z"])),
        "generation": judge.look(the_judge, generated),
    }
    labels = {name: generated_labels if name == "generation" else test_labels for name in seen}
    numbers = {f"{name}_error_pct": verdicts.error_pct(labels[name]) for name, verdicts in seen.items()}
    numbers["blur_sigma"] = sigma
    shuffled = seen["judge"].probabilities[torch.randperm(len(real), generator=generator)]
    numbers["judge_score"], _ = scores.class_score(seen["generation"].probabilities)
    numbers["judge_score_real"], _ = scores.class_score(shuffled)
    features = {name: verdicts.features for name, verdicts in seen.items()}
    distances = {
        "kid_reconstructed": kernel_distance_of_pairs(features["judge"], features["reconstruction"], generator),
        "kid_generated": kernel_distance(features["judge"], features["generation"], generator),
    }
    for name, (mean, standard_error) in distances.items():
        numbers |= {name: mean, f"{name}_se": standard_error}
    return numbers
