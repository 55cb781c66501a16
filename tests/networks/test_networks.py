"""The networks as the authors built them: widths, the sizes of the maps, dropout, normalisation and initial weights."""

import pytest
import torch
from torch import nn

from exon import networks
from exon.networks import layers

BUILD = {
    "mnist_encoder": lambda **width: networks.mnist_encoder(10, 2, **width),
    "mnist_decoder": lambda **width: networks.mnist_decoder(2, **width),
    "mnist_classifier": lambda **width: networks.mnist_classifier(10, **width),
    "cifar10_encoder": lambda **width: networks.cifar10_encoder(10, 12, **width),
    "cifar10_decoder": lambda **width: networks.cifar10_decoder(12, **width),
    "cifar10_classifier": lambda **width: networks.cifar10_classifier(10, **width),
}


def shapes(network):
    return [tuple(weight.shape) for weight in network.parameters()]


@pytest.mark.parametrize("name", BUILD)
def test_the_papers_size_is_the_width_left_out(name):
    with torch.device("meta"):
        default, full, half = BUILD[name](), BUILD[name](width=1.0), BUILD[name](width=0.5)
    assert shapes(default) == shapes(full) != shapes(half)


def test_the_narrowest_network_has_one_channel():
    assert networks.mnist_encoder(10, 2, width=1e-6)[1].out_features == 1


def map_sizes(modules, x):
    """Height and width of the map behind each module."""
    sizes = []
    for module in modules:
        x = module(x)
        sizes.append(tuple(x.shape[2:]))
    return sizes


def test_maps_of_the_classifiers_shrink_by_pooling_alone():
    mnist = networks.mnist_classifier(10, 0.05).blocks
    assert map_sizes(mnist, torch.rand(2, 1, 28, 28)) == [(14, 14), (7, 7), (3, 3)]
    cifar10 = networks.cifar10_classifier(10, 0.02).blocks
    expected = [(32, 32)] * 2 + [(16, 16)] * 3 + [(8, 8)] * 4
    assert map_sizes(cifar10, torch.rand(2, 3, 32, 32)) == expected


def test_maps_of_cifar10s_encoder_and_decoder_halve_and_double():
    encoder = networks.cifar10_encoder(10, 12, 0.05)
    convolved = [module for module in encoder if isinstance(module, nn.ZeroPad2d | nn.Conv2d)]
    assert map_sizes(convolved, torch.rand(2, 3, 32, 32)) == [(35, 35), (16, 16), (8, 8), (4, 4), (7, 7), (4, 4)]
    decoder = networks.cifar10_decoder(12, 0.05)
    start = next(i for i, module in enumerate(decoder) if isinstance(module, nn.Unflatten))
    sizes = map_sizes(decoder[start + 1 :], decoder[: start + 1](torch.rand(2, 12)))
    assert list(dict.fromkeys(sizes)) == [(9, 9), (8, 8), (17, 17), (16, 16), (33, 33), (32, 32), (35, 35)]


def test_dropout_is_the_authors():
    def rates(classifier):
        return [block.dropout.p for block in classifier.blocks]

    assert rates(networks.mnist_classifier(10, 0.05)) == [0.5] * 3
    assert rates(networks.cifar10_classifier(10, 0.02)) == [0, 0, 0.1, 0, 0, 0.1, 0, 0, 0]


@pytest.mark.parametrize(("norm", "x"), [(layers.batch_norm1d(1), (2, 1)), (layers.batch_norm2d(1), (2, 1, 1, 1))])
def test_normalisation_is_keras(norm, x):
    """Of values 0 and 0.2: mean 0.1, variance 0.01, x / sqrt(0.01 + 0.001); the averages move by a hundredth."""
    values = torch.tensor([0.0, 0.2]).view(x)
    expected = torch.tensor([-0.1, 0.1]) / 0.011**0.5
    torch.testing.assert_close(norm(values).flatten(), expected)
    torch.testing.assert_close(norm.running_mean, torch.tensor([0.001]))
    torch.testing.assert_close(norm.running_var, torch.tensor([0.99 + 0.01 * 0.02]))


def test_a_convolution_that_keeps_its_channels_passes_them_on():
    narrow, square, wide = nn.Conv2d(4, 2, 3), nn.Conv2d(2, 2, 3), nn.Conv2d(2, 3, 3)
    before = [conv.weight.clone() for conv in (narrow, square, wide)]
    networks.pass_through(nn.Sequential(narrow, nn.ReLU(), square, wide))
    x = torch.rand(1, 2, 5, 5)
    inside = x[:, :, 1:-1, 1:-1]
    for conv in (square, wide):
        torch.testing.assert_close(nn.functional.conv2d(x, conv.weight)[:, :2], inside)
    assert torch.equal(narrow.weight, before[0])
    assert torch.equal(wide.weight[2], before[2][2])


def test_every_layer_starts_as_keras_starts_it():
    network = networks.cifar10_classifier(10, 0.25)
    networks.initialise(network, torch.Generator().manual_seed(0))
    conv, dense = network.blocks[1].conv, network.head
    for layer, fans in ((conv, 9 * (32 + 32)), (dense, 32 + 10)):
        bound = (6 / fans) ** 0.5
        assert 0.98 * bound < layer.weight.abs().max() <= bound
        assert layer.bias.eq(0).all()


def test_a_head_starts_as_a_layer_of_its_own():
    """Keras: U(-a, a), a = sqrt(6 / (fan_in + fan_out)), fan_out = d for each head, zero biases."""
    encoder = networks.mnist_encoder(3, 5)
    networks.initialise(encoder, torch.Generator().manual_seed(0))
    bound = (6 / (128 + 5)) ** 0.5
    assert 0.98 * bound < encoder[-1].linear.weight.abs().max() <= bound
    assert encoder[-1].linear.bias.eq(0).all()
