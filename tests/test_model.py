import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from exon import model as models
from exon import networks, prior
from exon.errors import UserError

# All and trainable weights of the authors' networks (moving averages count, PyTorch's batch counters do not).
SIZES = {
    ("mnist", "encoder"): (239_016, 239_016),
    ("mnist", "classifier"): (103_242, 102_666),
    ("mnist", "decoder"): (234_896, 234_896),
    ("cifar10", "encoder"): (10_140_352, 10_137_344),
    ("cifar10", "classifier"): (4_438_666, 4_434_570),
    ("cifar10", "decoder"): (6_494_051, 6_476_707),
}
PRIORS = {"mnist": prior.circle, "cifar10": prior.one_hot}
SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_sizes_are_the_authors(dataset):
    built = models.build(dataset, PRIORS[dataset]())
    for part in ("encoder", "classifier", "decoder"):
        network = getattr(built, part)
        trainable = sum(p.numel() for p in network.parameters())
        moving = sum(b.numel() for name, b in network.named_buffers() if "num_batches" not in name)
        assert (trainable + moving, trainable) == SIZES[dataset, part]


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_shapes_and_ranges(dataset, width):
    p = PRIORS[dataset]()
    x = torch.rand(3, *SHAPES[dataset]) * 2 - 1
    output = models.build(dataset, p, width)(x)
    k, d = p.means.shape
    assert [tuple(t.shape) for t in output] == [(3, k), (3, k, d), (3, k, d), (3, d), (3, *SHAPES[dataset])]
    torch.testing.assert_close(output.log_weights.exp().sum(1), torch.ones(3))
    assert output.x_hat.abs().max() <= 1


def test_same_generator_same_weights_and_same_draw():
    x = torch.rand(4, 1, 28, 28)
    a, b, c = (
        models.build("mnist", prior.circle(), generator=torch.Generator().manual_seed(s)).eval() for s in (1, 1, 2)
    )
    first, second, third = (m(x, torch.Generator().manual_seed(0)) for m in (a, b, c))
    assert all(map(torch.equal, first, second))
    assert not torch.equal(first.mean, third.mean)
    assert not torch.equal(first.z, a(x, torch.Generator().manual_seed(1)).z)


def test_gumbel_max_draws_with_the_frequencies_of_w():
    w = torch.tensor([0.5, 0.3, 0.15, 0.05])
    n = 50_000
    y = models.gumbel_max(w.log().expand(n, 4), torch.Generator().manual_seed(0))
    assert y.sum(1).eq(1).all()
    assert ((y == 0) | (y == 1)).all()
    assert ((y.mean(0) - w).abs() < 5 * (w * (1 - w) / n).sqrt()).all()


def test_gradient_passes_straight_through_to_log_w():
    """d loss / d log w_k is the cotangent of y_k, so d loss / d w_k is the cotangent over w_k."""
    w = torch.tensor([[0.5, 0.3, 0.2]], requires_grad=True)
    cotangent = torch.tensor([[1.0, -2.0, 3.0]])
    models.gumbel_max(w.log(), torch.Generator().manual_seed(0)).backward(cotangent)
    torch.testing.assert_close(w.grad, cotangent / w.detach())


def test_z_is_drawn_from_the_chosen_component():
    p = prior.one_hot(num_classes=3, latent_dim=3, distance=100.0)

    class Encoder(nn.Module):
        def forward(self, x):
            return torch.stack([p.means, torch.zeros_like(p.means)]).expand(len(x), 2, 3, 3)

    class Sure(networks.Classifier):
        def __init__(self):
            super().__init__([], nn.Identity(), pseudo_label_dropout=False)

        def forward(self, x):
            return torch.tensor([[0.0, 50.0, 0.0]]).expand(len(x), 3)

    built = models.EXoN(Encoder(), Sure(), nn.Unflatten(1, (3, 1, 1)), p)
    z = built(torch.zeros(5000, 1, 1, 1), torch.Generator().manual_seed(0)).z
    torch.testing.assert_close(z.mean(0), p.means[1], rtol=0, atol=0.1)
    torch.testing.assert_close(z.var(0), torch.ones(3), rtol=0.1, atol=0)


def test_pooling_before_the_activation_is_the_same_function():
    block = networks.ConvBlock(3, 8, kernel=3, pool=True).eval()
    block.norm.weight.data.uniform_(-1, 1)
    x = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(block(x), F.max_pool2d(F.leaky_relu(block.norm(block.conv(x)), 0.1), 2))


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_pseudo_labels_use_batch_statistics_and_leave_no_trace(dataset):
    classifier = models.build(dataset, PRIORS[dataset](), 0.25).classifier.train()
    before = copy.deepcopy(classifier.state_dict())
    x = torch.randn(16, *SHAPES[dataset])
    labels = classifier.pseudo_label(x)
    torch.testing.assert_close(labels.sum(1), torch.ones(16))
    assert not labels.requires_grad
    moving = {name: value for name, value in classifier.state_dict().items() if "num_batches" not in name}
    assert all(torch.equal(before[name], value) for name, value in moving.items())
    # Dropout is active on MNIST and off on CIFAR-10; the modes are as they were afterwards.
    assert torch.equal(labels, classifier.pseudo_label(x)) == (dataset == "cifar10")
    assert all(m.training for m in classifier.modules())
    assert {m.momentum for m in classifier.modules() if hasattr(m, "momentum")} == {0.01}
    assert not torch.allclose(labels, classifier.eval()(x).softmax(1), atol=1e-4)


# Output sizes and offsets of Keras's 'same' padding: an impulse shows which inputs an output sees.
def test_strided_convolution_sees_the_pixels_that_keras_pads_for():
    pad, conv = networks.cifar10_encoder(10, 12)[:2]
    x = torch.zeros(1, 3, 32, 32, requires_grad=True)
    conv(pad(x))[0, 0, 0, 0].backward()
    seen = x.grad[0].abs().sum(0).nonzero()
    assert seen.min(0).values.tolist() == [0, 0]
    assert seen.max(0).values.tolist() == [3, 3]  # five pixels, the first of them padding


def test_transposed_convolution_crops_one_before_and_two_after():
    layers = networks.cifar10_decoder(12)
    upsample, crop = next((a, b) for a, b in itertools.pairwise(layers) if isinstance(a, nn.ConvTranspose2d))
    full = F.conv_transpose2d(torch.ones(1, upsample.in_channels, 4, 4), upsample.weight, upsample.bias, stride=2)
    assert full.shape[-1] == 11
    result = crop(upsample(torch.ones(1, upsample.in_channels, 4, 4)))
    torch.testing.assert_close(result, full[..., 1:9, 1:9])


@pytest.mark.parametrize(
    ("dataset", "settings", "named"),
    [
        ("svhn", {}, "'svhn'"),
        ("mnist", {"width": 0.0}, "width = 0.0"),
        ("mnist", {"autoencoder_width": -1.0}, "autoencoder_width = -1.0"),
        ("cifar10", {"initialisation": "dirc"}, "initialisation = 'dirc' is not known: give 'glorot' or 'dirac'"),
    ],
)
def test_bad_input_is_named(dataset, settings, named):
    with pytest.raises(UserError, match=named):
        models.build(dataset, prior.circle(), **settings)
