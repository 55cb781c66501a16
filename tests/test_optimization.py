"""Schedules in closed form, and the average of the weights as its recursion."""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exon import optimization
from exon.experiment import Experiment
from exon.model import build
from exon.prior import circle


def rates(epoch, step=0, steps=1, **settings):
    return optimization.schedule(Experiment.create(**settings), epoch, step, steps)[1:]


def test_mnist_learning_rates():
    assert rates(9, epochs=100) == (0.003, 0.003)
    main, classifier = rates(10, epochs=100)
    assert main == 0.003
    assert classifier == pytest.approx(0.003 * math.exp(-0.05))
    assert rates(19, epochs=20)[1] == rates(19, 9, 10, epochs=20)[1] == pytest.approx(0.003 * math.exp(-5 * 0.95**2))


def test_cifar10_learning_rates():
    paper = {e: rates(e, 99, 100, dataset="cifar10", profile="paper") for e in (0, 1, 249, 250, 350, 450, 550, 575)}
    assert paper[0] == (1e-4, 2e-4)
    assert paper[1] == paper[249] == (1e-3, 1e-3)
    for halvings, mark in enumerate((349, 449, 549), start=1):
        assert rates(mark, 99, 100, dataset="cifar10", profile="paper") == (1e-3, pytest.approx(1e-3 / 2**halvings))
    for halvings, mark in enumerate((250, 350, 450, 550), start=1):
        assert paper[mark] == (1e-3, pytest.approx(1e-3 / 2**halvings))
    assert paper[575][1] == pytest.approx(1e-3 / 16 * math.exp(-5 / 4))
    short = rates(5, dataset="cifar10", epochs=12, learning_rate=1e-3)
    assert short[1] == pytest.approx(5e-4)  # 250 of 600 is 5 of 12


@given(epochs=st.integers(1, 600), time=st.integers(0, 599))
def test_a_short_cifar10_run_goes_through_the_schedule_of_the_long_one(epochs, time):
    place = divmod((2 * time + 1) * epochs, 1200)
    short = optimization.schedule(Experiment.create(dataset="cifar10", epochs=epochs), *place, 1200)
    assert short == optimization.schedule(Experiment.create(dataset="cifar10", epochs=600), time)


def test_the_weight_of_unlabelled_sci_ramps_up():
    lambda2 = [optimization.schedule(Experiment.create(epochs=20), epoch).lambda2 for epoch in (0, 5, 10)]
    assert lambda2 == pytest.approx([6000 * math.exp(-5), 6000 * math.exp(-1.25), 6000])
    short = Experiment.create(dataset="cifar10", epochs=12)
    assert optimization.schedule(short, 0, 1, 2).lambda2 == pytest.approx(5000 * math.exp(-1.25))
    assert optimization.schedule(short, 1).lambda2 == 5000


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_the_linear_schedule_rises_for_a_twentieth_and_falls_to_zero(dataset):
    """A step has the rate of its middle: 40 epochs of 3 steps rise in the first 6 and fall in the other 114."""
    settings = {"dataset": dataset, "learning_rate": 0.01, "learning_rate_schedule": "linear"}
    found = [rates(epoch, step, 3, epochs=40, **settings) for epoch in range(40) for step in range(3)]
    expected = [*((n + 0.5) / 6 for n in range(6)), *((n + 0.5) / 114 for n in reversed(range(114)))]
    assert found == [pytest.approx((0.01 * share, 0.01 * share)) for share in expected]
    assert rates(0, epochs=1, **settings) == pytest.approx((0.01 * 0.5 / 0.95,) * 2)


def test_the_linear_schedule_leaves_the_weight_of_unlabelled_sci_alone():
    linear, authors = (
        optimization.schedule(Experiment.create(dataset="cifar10", epochs=12, learning_rate_schedule=name), 0, 1, 2)
        for name in ("linear", "authors")
    )
    assert linear.lambda2 == authors.lambda2


def test_crops_come_in_the_first_share_of_training():
    e = Experiment.create(dataset="cifar10", epochs=5, crop_share=0.5)
    steps = [(epoch, fraction) for epoch in range(5) for fraction in (0.0, 0.25, 0.5, 0.75)]
    assert [optimization.sees_crops(e, *step) for step in steps] == [True] * 10 + [False] * 10
    never, always = (e.model_copy(update={"crop_share": share}) for share in (0.0, 1.0))
    assert not optimization.sees_crops(never, 0, 0.0)
    assert optimization.sees_crops(always, 4, 0.99)


def test_the_average_is_its_recursion_for_weights_and_moving_statistics():
    """a <- d_t a + (1 - d_t) w, from the initial weights; d_t = (1 + t) / (10 + t), and 0.8 from step 35 on."""
    model = build("mnist", circle(), 0.1)
    averaged = copy.deepcopy(model)
    expected = {name: w.clone() for name, w in model.state_dict().items() if w.is_floating_point()}
    average = optimization.averaging(averaged, model, 0.8, taken=33)
    assert any(name.endswith("running_var") for name in expected)
    for decay in (34 / 43, 35 / 44, 0.8, 0.8):
        for name, w in model.state_dict().items():
            if name in expected and not name.startswith("prior"):
                w.normal_()
                expected[name] = decay * expected[name] + (1 - decay) * w
        average()
    for name, mean in expected.items():
        torch.testing.assert_close(averaged.state_dict()[name], mean, msg=name)
    assert torch.equal(averaged.prior.means, model.prior.means)


def test_after_few_steps_the_average_has_forgotten_the_initial_weights():
    """Of weights that are 1 at first and 0 after every step it keeps prod_t (1 + t) / (10 + t): 3e-6 after twelve."""
    model = build("mnist", circle(), 0.1)
    torch.nn.init.ones_(next(model.parameters()))
    averaged = copy.deepcopy(model)
    average = optimization.averaging(averaged, model, 0.998)
    torch.nn.init.zeros_(next(model.parameters()))
    for _ in range(12):
        average()
    kept = math.prod((1 + t) / (10 + t) for t in range(12))
    assert kept < 1e-5
    left = next(averaged.parameters())
    torch.testing.assert_close(left, torch.full_like(left, kept), rtol=1e-4, atol=0)
