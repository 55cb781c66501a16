import pytest
import torch
from torch import nn

from exon import data, networks, prior
from exon.evaluation import judge
from exon.evaluation.judge import Verdicts, soften, stages
from exon.model import EXoN


@pytest.mark.parametrize("sigma", [0.5, 1.3, 3.0])
def test_the_blur_has_the_squared_error_asked_for(cifar10, sigma, device):
    x = data.to_float(cifar10.test_images[:50])
    lost = (soften.apply(x, soften.blur(sigma)) - x).square().mean().item()
    assert stages.matching_blur(x.to(device), lost) == pytest.approx(sigma, rel=1e-3)
    assert stages.matching_blur(x, 10.0) == stages.WIDEST


class Reader(nn.Module):
    """The judge of images that say their label by their first pixels."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(10, 10, bias=False)
        self.last.weight.data = torch.eye(10)

    def forward(self, x):
        return 50 * self.last(x[:, 0, 0, :10])


def written(labels):
    """Grey images on which the first pixels say a label."""
    images = torch.full((len(labels), 3, 32, 32), 0.2)
    images[:, 0, 0, :10] = torch.nn.functional.one_hot(labels, 10).float() - 0.5
    return images


def test_each_stage_is_judged_on_its_own_images_and_labels():
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(200) % 10

    def misread(share):
        wrong = torch.arange(200) < share * 200
        return written(torch.where(wrong, (labels + 1) % 10, labels))

    real = data.to_bytes(misread(0.1))
    mean = torch.zeros(200, 10, 3072)
    mean[torch.arange(200), labels] = misread(0.2).flatten(1)
    encoded = {"mean": mean, "z": misread(0.4).flatten(1), "recon": torch.full((200,), 1e4)}
    canvas = nn.Unflatten(1, (3, 32, 32))
    model = EXoN(nn.Identity(), networks.mnist_classifier(10, 0.05), canvas, prior.one_hot(10, 3072))
    numbers = stages.summarize(
        Reader(), model, encoded, real, labels, misread(0.7)[torch.arange(199, -1, -1)], labels.flip(0), generator
    )
    names = ("judge", "blurred", "mean_reconstruction", "reconstruction", "generation")
    assert [numbers[f"{name}_error_pct"] for name in names] == pytest.approx([10, 10, 20, 40, 70])
    lost = (misread(0.2) - data.to_float(real)).square().mean().item()  # by the means, not by the draws
    assert numbers["blur_sigma"] == stages.matching_blur(data.to_float(real), lost)
    assert 0.1 < numbers["blur_sigma"] < stages.WIDEST
    assert all(3 < numbers[name] <= 4 + 1e-6 for name in ("judge_score", "judge_score_real"))  # parts of four images
    assert {"kid_reconstructed_se", "kid_generated_se"} <= numbers.keys()
    assert abs(numbers["kid_reconstructed"]) < 0.02  # each label is said as often as on the real images


def test_a_judge_shows_what_its_last_layer_sees(device):
    reader = Reader().to(device)
    verdicts = judge.look(reader, written(torch.arange(10)).to(device))
    assert isinstance(verdicts, Verdicts)
    torch.testing.assert_close(verdicts.features, torch.eye(10) - 0.5)
    torch.testing.assert_close(verdicts.probabilities, torch.softmax(50 * (torch.eye(10) - 0.5), 1))
    assert verdicts.error_pct(torch.arange(10)) == 0
    assert verdicts.error_pct((torch.arange(10) // 2) * 2) == 50
