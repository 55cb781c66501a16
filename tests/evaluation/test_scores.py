import pytest
import torch
from torchvision.models import inception_v3

from exon.errors import UserError
from exon.evaluation import scores


def test_a_sure_and_varied_classifier_scores_the_number_of_classes(device):
    sure = torch.eye(10).to(device).repeat(20, 1)
    mean, deviation = scores.class_score(sure, splits=4)
    assert mean == pytest.approx(10)
    assert deviation == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("probabilities", [torch.full((100, 10), 0.1), torch.eye(10)[:1].repeat(100, 1)])
def test_unsure_or_uniform_images_score_one(probabilities):
    assert scores.class_score(probabilities, splits=5)[0] == pytest.approx(1)


def test_the_score_is_the_mutual_information(device):
    p = torch.rand(60, 5, generator=torch.Generator().manual_seed(0)).double()
    p = p / p.sum(1, keepdim=True)
    joint = torch.distributions.kl_divergence(
        torch.distributions.Categorical(p), torch.distributions.Categorical(p.mean(0).expand(60, 5))
    )
    assert scores.class_score(p.float().to(device), splits=1)[0] == pytest.approx(joint.mean().exp().item(), rel=1e-5)


def test_every_part_counts_where_images_do_not_divide_evenly():
    p = torch.eye(10).repeat(12, 1)  # in 50 parts of two or three images, each of which is sure
    mean, _ = scores.class_score(p, splits=50)
    assert mean == pytest.approx((30 * 2 + 20 * 3) / 50)


def test_too_few_images_are_named():
    with pytest.raises(UserError, match="10 images are too few for 50 parts"):
        scores.class_score(torch.full((10, 3), 1 / 3))


def test_inception_reads_its_weights_and_gives_probabilities(device, tmp_path):
    torch.manual_seed(0)
    torch.save(inception_v3(weights=None, init_weights=False).state_dict(), tmp_path / "weights.pth")
    network = scores.inception(str(tmp_path / "weights.pth"))
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    p = scores.inception_probabilities(network.to(device), images, batch=2)
    assert p.shape == (3, 1000)
    torch.testing.assert_close(p.sum(1), torch.ones(3))
    assert not network.transform_input


@pytest.mark.parametrize("content", [None, b"", b"nothing"])
def test_weights_that_cannot_be_used_are_named(tmp_path, content):
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"inception_weights = .*weights\.pth' cannot be used .* or 'download'"):
        scores.inception(str(path))
