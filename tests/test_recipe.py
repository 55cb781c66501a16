"""What a recipe changes in a step, in a run and in an evaluation, each against what it is meant to be."""

import copy

import pytest
import second_device
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import stop_after_the_first_epoch

from exon import data, losses, metrics, optimization, train
from exon.data import augment
from exon.experiment import PROFILES, RECIPES, Experiment
from exon.model import build
from exon.networks.layers import Classifier
from exon.prior import one_hot
from exon.runs import checkpoint, record

SMALL = {"dataset": "cifar10", "profile": "smoke", "epochs": 2, "width": 0.02, "labels": 20, "validation": 20}
SHORT = {"recipe": "short", "averaged_pseudo_labels": True, "ema_decay": 0.5}


@pytest.fixture(scope="module")
def images():
    """80 training and 40 test images of CIFAR-10, balanced."""
    full = data.load("cifar10", "sample")
    train_index = torch.cat([torch.nonzero(full.train_labels == k)[:8, 0] for k in range(10)])
    test_index = torch.cat([torch.nonzero(full.test_labels == k)[:4, 0] for k in range(10)])
    parts = (full.train_images[train_index], full.train_labels[train_index])
    return data.Dataset("cifar10", "sample", *parts, full.test_images[test_index], full.test_labels[test_index], "test")


def stepper(experiment, images):
    """A function that makes one step of 4 and 12 images, the model, and its average."""
    on_device = train.TrainingImages.of(images, slice(20))
    model = train.build_for(experiment)
    averaged = copy.deepcopy(model) if experiment.ema_decay else None
    step = train.make_step(experiment, model, optimization.make_optimizers(experiment, model), on_device, averaged)
    return lambda **options: step(torch.arange(4), torch.arange(12), 0.05, 10.0, **options), model, averaged


def test_a_step_moves_the_average_towards_the_weights_after_it(images):
    step, model, averaged = stepper(Experiment.create(**SMALL, ema_decay=0.75), images)
    initial = copy.deepcopy(model.state_dict())
    step()
    for name, mean in averaged.state_dict().items():
        if mean.is_floating_point():
            expected = 0.1 * initial[name] + 0.9 * model.state_dict()[name]
            torch.testing.assert_close(mean, expected, msg=name)
    assert not torch.equal(averaged.classifier.head.weight, model.classifier.head.weight)


@pytest.mark.parametrize("averaged_pseudo_labels", [False, True])
def test_pseudo_labels_are_the_live_networks_unless_the_recipe_departs_from_the_method(
    images, averaged_pseudo_labels, monkeypatch
):
    asked = []
    original = Classifier.pseudo_label
    monkeypatch.setattr(Classifier, "pseudo_label", lambda self, x: asked.append(self) or original(self, x))
    experiment = Experiment.create(**SMALL, ema_decay=0.9, averaged_pseudo_labels=averaged_pseudo_labels)
    step, model, averaged = stepper(experiment, images)
    step()
    assert asked == [averaged.classifier if averaged_pseudo_labels else model.classifier]
    assert averaged.training


def test_crops_are_for_the_classification_terms_alone(images, monkeypatch):
    sizes = {"classifier": [], "encoder": []}
    step, model, _ = stepper(Experiment.create(**SMALL), images)
    for name, seen in sizes.items():
        getattr(model, name).register_forward_pre_hook(lambda _, x, seen=seen: seen.append(tuple(x[0].shape[2:])))
    step(crop=True)
    assert sizes["encoder"] == [(32, 32)]
    assert sizes["classifier"] == [(32, 32), *[(augment.CROP, augment.CROP)] * 4]
    step()
    assert sizes["classifier"][5:] == [(32, 32)] * 5


def test_a_run_crops_in_its_first_share(images, monkeypatch):
    seen = []
    original = augment.random_crop
    monkeypatch.setattr(augment, "random_crop", lambda x, size: seen.append(size) or original(x, size))
    train.fit(Experiment.create(**SMALL, crop_share=0.5, batch_size=40, labelled_batch_size=20), images)
    assert seen == [24] * 4 + [32] * 4  # two epochs of two steps, of labelled and of unlabelled images


def test_a_part_of_the_batch_has_the_expectation_of_all_of_it():
    values = torch.arange(6.0).square().view(6, 1, 1, 1)
    torch.manual_seed(0)
    sums = []
    for _ in range(4000):
        x, weight = train.part(values, 0.5)
        assert len(x.unique()) == 3
        sums.append(weight * x.sum().item())
    sums = torch.tensor(sums)
    assert sums.mean().item() == pytest.approx(55, abs=4 * sums.std().item() / 4000**0.5)


@given(n=st.integers(2, 40), share=st.floats(0.01, 1))
def test_a_part_has_two_images_at_least_and_the_weight_of_its_size(n, share):
    x, weight = train.part(torch.zeros(n, 1, 1, 1), share)
    assert len(x) == max(2, round(share * n))
    assert weight == n / len(x)


def test_all_of_the_batch_draws_nothing():
    x = torch.zeros(5, 1, 1, 1)
    before = torch.get_rng_state()
    assert train.part(x, 1.0) == (x, 1.0)
    assert torch.equal(before, torch.get_rng_state())


def test_the_bound_is_of_a_part_and_weighted_by_its_share(images, monkeypatch):
    weights = []
    original = losses.objective
    monkeypatch.setattr(losses, "objective", lambda *args: weights.append(args[-1]) or original(*args))
    step, _, _ = stepper(Experiment.create(**SMALL, elbo_share=0.25), images)
    assert [len(term) for term in step()] == [4, 4, 4, 4, 4, 12]
    assert weights == [4.0]


def test_mirrored_evaluation_cannot_tell_an_image_from_its_mirror_image(device):
    model = build("cifar10", one_hot(latent_dim=12), 0.02, mirrored=True).to(device).eval()
    plain = build("cifar10", one_hot(latent_dim=12), 0.02).to(device).eval()
    x = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(device) * 2 - 1
    with torch.no_grad():
        here, there = model.classify(x).cpu(), model.classify(x.flip(3)).cpu()
        mean = (plain.classify(x).cpu().exp() + plain.classify(x.flip(3)).cpu().exp()) / 2
    torch.testing.assert_close(here, there)
    torch.testing.assert_close(here.exp(), mean)
    assert not torch.allclose(here, plain.classify(x).detach().cpu(), rtol=1e-4)


def test_training_sees_no_mirror():
    model = build("cifar10", one_hot(latent_dim=12), 0.02, mirrored=True)
    calls = []
    model.classifier.register_forward_pre_hook(lambda *_: calls.append(1))
    model.classify(torch.rand(3, 3, 32, 32))
    assert len(calls) == 1


def test_encoder_and_decoder_may_have_a_width_of_their_own():
    one, other = (build("cifar10", one_hot(latent_dim=12), 0.02, autoencoder_width=w) for w in (None, 0.05))
    for name, same in (("classifier", True), ("encoder", False), ("decoder", False)):
        shapes = [[w.shape for w in getattr(model, name).parameters()] for model in (one, other)]
        assert (shapes[0] == shapes[1]) == same, name
    assert one.encoder[1].out_channels == 1
    assert other.encoder[1].out_channels == 2


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_an_experiment_builds_the_networks_it_describes(dataset):
    settings = {"dataset": dataset, "width": 0.05, "autoencoder_width": 0.1, "initialisation": "dirac"}
    e = Experiment.create(**settings)
    built = train.build_for(e, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    again = build(dataset, e.build_prior(), 0.05, generator, autoencoder_width=0.1, initialisation="dirac")
    assert all(map(torch.equal, built.state_dict().values(), again.state_dict().values()))
    assert not built.mirrored
    plain = build(dataset, e.build_prior(), 0.05, torch.Generator().manual_seed(3), autoencoder_width=0.1)
    differing = [name for name, w in built.named_parameters() if not torch.equal(w, plain.get_parameter(name))]
    assert differing
    assert all(name.startswith("classifier.blocks") for name in differing)


def test_a_run_of_the_recipe_goes_on_bit_for_bit_and_keeps_the_average(images, tmp_path):
    experiment = Experiment.create(**SMALL, **SHORT, batch_size=40, labelled_batch_size=20)
    whole = train.fit(experiment, images)
    path = tmp_path / "checkpoint.pt"
    stop_after_the_first_epoch(experiment, images, path)
    resumed = train.fit(experiment, images, path)
    assert all(map(torch.equal, whole.model.state_dict().values(), resumed.model.state_dict().values()))
    for a, b in zip(whole.history, resumed.history, strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}
    content = torch.load(path, weights_only=True)
    assert torch.equal(content["averaged"]["classifier.head.weight"], whole.model.classifier.head.weight)
    assert not torch.equal(content["model"]["classifier.head.weight"], whole.model.classifier.head.weight)
    encoded = metrics.classify_all(whole.model, images.test_images)
    assert metrics.summarize(encoded, images.test_labels)["error_pct"] == whole.history[-1]["test_error_pct"]


def test_the_average_of_a_stored_run_is_recalled_without_training(images, tmp_path, monkeypatch):
    experiment = Experiment.create(**SMALL, **SHORT)
    fitted = train.fit(experiment, images)
    run = tmp_path / "smoke" / "cifar10" / "run"
    record.save(run, experiment, images, fitted, {})
    assert checkpoint.load_weights(experiment, run / "model.safetensors").mirrored
    record.recall_training(run)
    monkeypatch.setattr(train, "train_epoch", None)
    again = train.fit(experiment, images, record.work_folder(run) / "checkpoint.pt")
    assert all(map(torch.equal, fitted.model.state_dict().values(), again.model.state_dict().values()))


@pytest.mark.parametrize("crop", [False, True])
def test_a_step_of_the_recipe_on_a_device_neither_waits_nor_copies(crop):
    counts = second_device.operations_of_a_step("cifar10", crop, **SHORT)
    assert {"_foreach_lerp_", "randperm", "_fused_adam_"} <= counts.keys()
    assert not counts.keys() & {"copy between devices", *second_device.WAITS, *second_device.NOT_DETERMINISTIC}


def test_a_recipe_says_how_a_model_is_trained_and_a_setting_beats_it():
    short = RECIPES["cifar10"]["short"]
    for profile in ("day", "gpu"):
        named = Experiment.create(dataset="cifar10", profile=profile)
        assert named.recipe == "short"
        assert named.model_dump().items() >= short.items()
    paper = Experiment.create(dataset="cifar10", profile="paper")
    short_paper = Experiment.create(dataset="cifar10", profile="paper", recipe="short")
    assert short_paper.model_dump() == paper.model_dump() | short | {"recipe": "short"}
    assert Experiment.create(dataset="cifar10", recipe="short", crop_share=0.25).crop_share == 0.25
    method = {"prior", "beta", "lambda1", "kl_weight", "labels", "averaged_pseudo_labels", "rampup_epochs"}
    size = {"epochs", "width", "batch_size", "labelled_batch_size"}
    assert not (method | size) & short.keys()


@pytest.mark.parametrize("profile", ["smoke", "quick", "cpu"])
def test_a_profile_sets_the_scale_whatever_the_recipe(profile):
    scale, short = PROFILES["cifar10"][profile], RECIPES["cifar10"]["short"]
    assert {"width", "epochs"} <= scale.keys()
    found = Experiment.create(dataset="cifar10", profile=profile, recipe="short").model_dump()
    assert found.items() >= {**short, **scale}.items()
    assert Experiment.create(dataset="cifar10", profile=profile, recipe="short", width=0.5).width == 0.5


@pytest.mark.parametrize("profile", ["quick", "cpu", "paper"])
def test_an_experiment_stored_before_there_were_recipes_is_the_authors(profile):
    settings = Experiment.create(dataset="cifar10", profile=profile).model_dump(mode="json")
    new = ("recipe", "use_elbo", "autoencoder_width", "learning_rate_schedule", "initialisation", "ema_decay")
    new += ("averaged_pseudo_labels", "mirrored_evaluation", "crop_share", "elbo_share")
    old = Experiment.create(**{name: value for name, value in settings.items() if name not in new})
    assert old == Experiment.create(**settings)
    assert (old.recipe, old.learning_rate_schedule, old.ema_decay, old.crop_share, old.elbo_share) == (
        *("authors", "authors", 0.0, 0.0, 1.0),
    )


def test_the_classifier_alone_trains_with_a_recipe(images):
    row = train.fit(Experiment.create(**{**SMALL, "epochs": 1}, recipe="short", use_elbo=False), images).history[0]
    measured = {name for name in row if name.startswith(("train", "validation", "test"))}
    assert measured == {
        *("train_cross_entropy", "train_sci_labelled", "train_sci_unlabelled"),
        *("validation_error_pct", "test_error_pct"),
    }
