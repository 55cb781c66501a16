import math
from dataclasses import replace

import pytest
import torch
from stopped_judge import stopped_in_the_last_epoch

from exon import data
from exon.errors import UserError
from exon.evaluation import judge
from exon.evaluation.judge import soften, supervised
from exon.evaluation.judge.airbench import Airbench
from exon.evaluation.judge.supervised import Settings

SMALL = Settings(epochs=3, width=0.05, batch=40)
CPU = torch.device("cpu")


def few(cifar10, n=160):
    return cifar10.train_images[:n], cifar10.train_labels[:n]


def test_the_network_has_the_size_that_its_source_states():
    network = Airbench(10)
    learned = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    assert learned == 24 + 9 * (24 * 64 + 64 * 64 + 64 * 128 + 3 * 128 * 128) + 2 * (64 + 128 + 128) + 1280
    assert Airbench(10, 0.5).head.in_features == 64


def test_whitened_patches_have_unit_covariance_in_both_signs(cifar10):
    x = data.to_float(cifar10.train_images)
    network = Airbench(10)
    network.whiten_patches(x)
    y = (
        network.whiten((x - network.mean[:, None, None]) / network.deviation[:, None, None])
        - network.whiten.bias[:, None, None]
    )
    y = y.transpose(0, 1).flatten(1)
    second = y[:12] @ y[:12].T / y.shape[1]
    large = second.diagonal() > 0.9  # eps damps directions that natural images hardly have
    assert large.sum() >= 8
    torch.testing.assert_close(second - second.diagonal().diag(), torch.zeros(12, 12), rtol=0, atol=2e-3)
    torch.testing.assert_close(y[12:], -y[:12], rtol=0, atol=1e-4)


def test_a_group_begins_as_the_identity_on_its_inputs():
    network = Airbench(10)
    x = torch.randn(2, 24, 8, 8)
    torch.testing.assert_close(network.groups[0].conv1(x)[:, :24], x)


def test_in_evaluation_an_image_and_its_mirror_image_are_the_same():
    network = Airbench(10, 0.1)
    x = torch.randn(6, 3, 32, 32)
    network.train()(x)
    assert not torch.allclose(network(x), network(x.flip(3)))
    network.eval()
    torch.testing.assert_close(network(x), network(x.flip(3)))


def test_the_rate_rises_and_falls_in_straight_lines():
    assert supervised.rate_factor(0) == pytest.approx(0.2)
    assert supervised.rate_factor(0.23) == pytest.approx(1)
    assert supervised.rate_factor(1) == pytest.approx(0.07)
    assert supervised.rate_factor(0.115) == pytest.approx(0.6)
    assert supervised.rate_factor(0.615) == pytest.approx((1 + 0.07) / 2)


def test_a_long_run_of_equal_gradients_moves_a_weight_by_the_rate_per_1024_images():
    network = Airbench(10, 0.05)
    for batch in (64, 256):
        optimizer = supervised.make_optimizer(network, batch)
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.0
        weight = network.head.weight
        steps = []
        for _ in range(100):
            before = weight.detach().clone()
            weight.grad = torch.full_like(weight, batch / 1024)  # of a sum over the batch, 1 / 1,024 an image
            optimizer.step()
            steps.append((before - weight.detach())[0, 0].item() * 1024 / batch)
        nesterov = 1 / (1 - supervised.MOMENTUM)
        assert steps[-1] == pytest.approx(supervised.RATE / 1024 * nesterov / (1 + nesterov), rel=1e-3)


def test_looking_ahead_averages_weights_and_moving_statistics():
    network = Airbench(10, 0.05)
    slow = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    fast = {name: value.clone() for name, value in network.state_dict().items()}
    supervised.look_ahead(slow, network, 0.75)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.25 * fast[name])
            torch.testing.assert_close(slow[name], value)


def test_it_learns_from_the_sample(cifar10):
    settings = Settings(epochs=8, width=0.5, batch=50, softened=0.5)
    state = supervised.fit(settings, cifar10.train_images, cifar10.train_labels, CPU)
    losses = [row["loss"] for row in state.history]
    assert losses[-1] < losses[0] - 0.2
    x, y = data.to_float(cifar10.test_images), cifar10.test_labels
    assert judge.error_pct(state.network, x, y) < 78
    assert judge.error_pct(state.network, soften.apply(x, soften.blur(1.0)), y) < 80


def test_it_goes_on_from_its_checkpoint_to_the_same_bits(cifar10, tmp_path):
    whole = supervised.fit(SMALL, *few(cifar10), CPU).network.state_dict()
    path = tmp_path / "checkpoint.pt"
    with stopped_in_the_last_epoch():
        supervised.fit(SMALL, *few(cifar10), CPU, checkpoint_path=path)
    state = supervised.fit(SMALL, *few(cifar10), CPU, checkpoint_path=path)
    assert [row["epoch"] for row in state.history] == [1, 2, 3]
    assert all(map(torch.equal, state.network.state_dict().values(), whole.values()))


def test_a_seed_is_another_network(cifar10):
    one, two = (supervised.fit(Settings(epochs=1, width=0.05, seed=s), *few(cifar10, 40), CPU).network for s in (1, 2))
    assert not torch.equal(one.head.weight, two.head.weight)


@pytest.fixture(scope="module")
def finished(cifar10, tmp_path_factory):
    """The checkpoint of a small training on some data, as bytes, and a path to put it to."""
    path = tmp_path_factory.mktemp("judge") / "checkpoint.pt"
    supervised.fit(SMALL, *few(cifar10), CPU, {"data": {"sha256": "own"}}, path)
    return path.read_bytes(), path


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(cifar10, finished):
    whole, path = finished
    path.write_bytes(whole)
    with pytest.raises(UserError, match="belongs to another training"):
        supervised.fit(replace(SMALL, epochs=4), *few(cifar10), CPU, checkpoint_path=path)
    with pytest.raises(UserError, match=r"belongs to other data \(SHA-256 own, here other\)"):
        supervised.fit(SMALL, *few(cifar10), CPU, {"data": {"sha256": "other"}}, path)
    path.write_bytes(whole[:1000])
    with pytest.raises(UserError, match="not a checkpoint that can be read"):
        supervised.fit(SMALL, *few(cifar10), CPU, checkpoint_path=path)


def test_a_flipped_bit_in_a_checkpoint_is_found(cifar10, finished):
    whole, path = finished
    path.write_bytes(whole)
    weights = torch.load(path, weights_only=True)["network"]
    tensor = bytes(max(weights.values(), key=torch.numel).untyped_storage())
    place = whole.index(tensor) + len(tensor) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(UserError, match="not a checkpoint that can be read"):
        supervised.fit(SMALL, *few(cifar10), CPU, checkpoint_path=path)


@pytest.mark.parametrize("random_of", [None, {"cuda": torch.zeros(16, dtype=torch.uint8)}])
def test_a_checkpoint_of_another_device_is_read(cifar10, finished, device, tmp_path, random_of):
    path = tmp_path / "checkpoint.pt"
    finished[1].write_bytes(finished[0])
    content = torch.load(finished[1], weights_only=True)
    torch.save(content | {"random_of": random_of}, path)
    state = supervised.fit(SMALL, *few(cifar10), device, checkpoint_path=path)
    assert len(state.history) == SMALL.epochs
    assert {weight.device.type for weight in state.network.parameters()} == {device.type}
    for name, weight in state.network.state_dict().items():
        assert torch.equal(weight.cpu(), content["network"][name])


def test_whitening_looks_at_images_of_every_class(cifar10, monkeypatch):
    """Half of the images are dark, those of the first label; the mean is that of both kinds."""
    monkeypatch.setattr(supervised, "WHITENING_IMAGES", 100)
    images = torch.zeros(200, 3, 32, 32, dtype=torch.uint8)
    images[100:] = 255
    labels = torch.arange(200) // 100
    network = supervised.fit(replace(SMALL, epochs=0), images, labels, CPU).network
    assert network.mean.abs().max() < 0.5  # five standard deviations of the mean of 100 out of these 200 are 0.36


def test_a_loss_that_is_not_finite_stops_training(cifar10, monkeypatch):
    monkeypatch.setattr(supervised, "RATE", math.inf)
    with pytest.raises(UserError, match="diverged in epoch"):
        supervised.fit(SMALL, *few(cifar10), CPU)
