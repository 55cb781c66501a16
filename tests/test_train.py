"""Training on the CPU: terms, switches, checkpoints."""

import math
from dataclasses import replace

import pytest
import torch
from tiny import TINY, one_step, stop_after_the_first_epoch, without_time

from exon import data, losses, metrics, optimization, train
from exon.data import augment
from exon.errors import UserError
from exon.experiment import Experiment
from exon.runs import checkpoint


def weights(fitted):
    return fitted.model.state_dict()


def same(a, b):
    return without_time(a.history) == without_time(b.history) and all(
        map(torch.equal, weights(a).values(), weights(b).values())
    )


def test_two_runs_agree_bit_for_bit(fitted, tiny, sample):
    assert same(fitted, train.fit(tiny, sample))


@pytest.mark.parametrize("other", [{"seed": 2}, {"split_seed": 2}])
def test_another_seed_is_another_run(fitted, sample, other):
    changed = train.fit(Experiment.create(**TINY, **other), sample)
    assert not same(fitted, changed)
    assert torch.equal(fitted.split.labelled, changed.split.labelled) == ("seed" in other)


def test_a_run_leaves_pytorchs_random_state_alone(tiny, sample):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train.fit(tiny.model_copy(update={"epochs": 1}), sample)
    assert torch.equal(before, torch.get_rng_state())


def test_a_resumed_run_equals_an_uninterrupted_one(fitted, tiny, sample, tmp_path):
    path = tmp_path / "checkpoint.pt"
    stop_after_the_first_epoch(tiny, sample, path)
    torch.manual_seed(99)  # whatever happens in between
    assert same(fitted, train.fit(tiny, sample, path))
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize(("seconds", "written"), [(0.0, [1, 2, 3, 4]), (math.inf, [1, 4])])
def test_short_epochs_do_not_all_write_a_checkpoint(tiny, sample, tmp_path, monkeypatch, seconds, written):
    seen = []
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", seconds)
    monkeypatch.setattr(checkpoint, "save", lambda state, *_: seen.append(len(state.history)))
    train.fit(tiny.model_copy(update={"epochs": 4}), sample, tmp_path / "checkpoint.pt")
    assert seen == written


def test_a_finished_run_is_read_from_its_checkpoint(fitted, tiny, sample, tmp_path, monkeypatch):
    train.fit(tiny, sample, tmp_path / "checkpoint.pt")
    monkeypatch.setattr(train, "train_epoch", None)
    assert same(fitted, train.fit(tiny, sample, tmp_path / "checkpoint.pt"))


def test_a_checkpoint_of_another_experiment_is_named(tiny, sample, tmp_path):
    path = tmp_path / "checkpoint.pt"
    train.fit(tiny.model_copy(update={"epochs": 1}), sample, path)
    with pytest.raises(UserError, match=r"another experiment \(beta = 1.0, here 2.0\)"):
        train.fit(Experiment.create(**TINY, beta=2.0), sample, path)


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_damaged_checkpoint_is_named(tiny, sample, tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    if content is None:
        train.fit(tiny.model_copy(update={"epochs": 1}), sample, path)
        content = path.read_bytes()[:-5000]
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not a checkpoint that can be read"):
        train.fit(tiny, sample, path)


def test_weights_of_a_finished_run_are_loaded_back(fitted, tiny, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(checkpoint.as_safetensors(fitted.model.state_dict()))
    loaded = checkpoint.load_weights(tiny, tmp_path / "model.safetensors")
    assert all(map(torch.equal, weights(fitted).values(), loaded.state_dict().values()))
    assert not loaded.training
    with pytest.raises(UserError, match="does not hold the weights of this experiment"):
        checkpoint.load_weights(Experiment.create(**{**TINY, "width": 0.5}), tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="nowhere"):
        checkpoint.load_weights(tiny, tmp_path / "nowhere.safetensors")


def test_history_holds_every_term_of_every_epoch(fitted, tiny):
    assert [row["epoch"] for row in fitted.history] == [1, 2]
    for row in fitted.history:
        assert {f"train_{name}" for name in losses.Terms._fields} <= row.keys()
        assert {
            "validation_error_pct",
            "test_error_pct",
            "test_kl",
            "seconds",
            "lambda2",
            "lr_classifier",
        } <= row.keys()
    assert fitted.history[1]["train_recon"] < fitted.history[0]["train_recon"]


def test_labels_of_unlabelled_images_never_reach_the_trainer(fitted, tiny, sample, monkeypatch):
    """With every other training label wrong, the trained weights are the same."""
    chosen = fitted.split
    wrong = (sample.train_labels + 1) % 10
    wrong[chosen.labelled] = sample.train_labels[chosen.labelled]
    monkeypatch.setattr(data, "split", lambda *_: chosen)  # which needs all labels, to draw as many of each
    other = train.fit(tiny, replace(sample, train_labels=wrong))
    assert all(map(torch.equal, weights(fitted).values(), weights(other).values()))
    assert other.history[-1]["validation_error_pct"] != fitted.history[-1]["validation_error_pct"]


BOUND = {"recon", "kl_label", "kl_latent"}
SWITCHES = [
    ({"use_cross_entropy": False}, {"cross_entropy", "sci_labelled"}),
    ({"use_sci": False}, {"sci_labelled", "sci_unlabelled"}),
    ({"use_cross_entropy": False, "use_sci": False}, {"cross_entropy", "sci_labelled", "sci_unlabelled"}),
    ({"use_kl": False}, set()),
    ({"use_elbo": False}, BOUND),
    ({"use_elbo": False, "use_sci": False}, {*BOUND, "sci_labelled", "sci_unlabelled"}),
]


@pytest.mark.parametrize(("switch", "absent"), SWITCHES)
def test_switches_remove_their_terms(sample, switch, absent):
    (row,) = train.fit(Experiment.create(**{**TINY, "epochs": 1}, **switch), sample).history
    present = {name.removeprefix("train_") for name in row if name.startswith("train_")}
    assert present == set(losses.Terms._fields) - absent


def test_the_classifier_alone_leaves_the_other_networks_as_they_were(sample):
    before, after, _ = one_step(Experiment.create(**TINY, use_elbo=False), sample)
    for name, w in before.named_parameters():
        assert torch.equal(w, after.get_parameter(name)) != name.startswith("classifier"), name
    full, _, _ = one_step(Experiment.create(**TINY), sample)
    assert all(map(torch.equal, before.state_dict().values(), full.state_dict().values()))


def test_clean_images_reach_the_moving_averages_of_the_classifier_alone_without_a_gradient(sample, monkeypatch):
    """As in the full model, the clean images pass first, and normalisation sees as many batches."""
    counts, enabled = [], []
    classify = train.EXoN.classify

    def watched(model, x):
        enabled.append(torch.is_grad_enabled())
        return classify(model, x)

    monkeypatch.setattr(train.EXoN, "classify", watched)
    for switch in ({}, {"use_elbo": False}):
        _, after, _ = one_step(Experiment.create(**TINY, **switch), sample)
        counts.append([int(n) for name, n in after.named_buffers() if name.endswith("tracked")])
    assert counts[0] == counts[1]
    assert enabled == [True] * 4 + [False] + [True] * 3


def test_the_history_says_how_far_each_component_is_from_its_center(fitted, sample):
    prior = fitted.model.prior
    mean = metrics.encode_all(fitted.model, sample.test_images, torch.Generator().manual_seed(0))["mean"]
    for k in range(10):
        shift = mean[sample.test_labels == k, k].mean(0) - prior.means[k]
        expected = (shift.square() / prior.variances[k]).mean().sqrt().item()
        assert fitted.history[-1][f"test_center_distance_{k}"] == pytest.approx(expected, rel=1e-4)


def test_the_history_of_the_classifier_alone_holds_nothing_of_the_other_networks(sample):
    (row,) = train.fit(Experiment.create(**{**TINY, "epochs": 1}, use_elbo=False), sample).history
    assert {"validation_error_pct", "test_error_pct", "train_cross_entropy"} <= row.keys()
    assert not [name for name in row if "recon" in name or "kl" in name]


def test_a_step_has_terms_for_every_image(tiny, sample):
    _, _, terms = one_step(tiny, sample)
    assert [len(term) for term in terms] == [64, 64, 64, 16, 16, 48]


def test_without_kl_the_encoders_log_variance_gets_no_pull_to_the_prior(tiny, sample):
    """The two objectives differ by beta * KL exactly: with use_kl off, kl_weight has no effect."""
    off, weighted = (Experiment.create(**TINY, use_kl=False, kl_weight=weight) for weight in (1.0, 7.0))
    _, a, _ = one_step(off, sample)
    _, b, _ = one_step(weighted, sample)
    _, c, _ = one_step(tiny, sample)
    assert all(map(torch.equal, a.state_dict().values(), b.state_dict().values()))
    assert not torch.equal(a.encoder[-1].linear.weight, c.encoder[-1].linear.weight)


def test_weight_decay_takes_from_the_classifier_alone_with_the_weights_before_the_step(sample):
    decay, rate = 0.5, 3e-3
    plain, decayed = (Experiment.create(**TINY, weight_decay=value) for value in (0.0, decay))
    before, without, _ = one_step(plain, sample)
    _, with_decay, _ = one_step(decayed, sample)
    for name, w in before.named_parameters():
        expected = without.get_parameter(name) - (decay * rate * w if name.startswith("classifier") else 0)
        torch.testing.assert_close(with_decay.get_parameter(name), expected, rtol=0, atol=1e-7)


def test_unlabelled_images_teach_the_classifier_through_the_bound_alone(sample):
    """Without cross-entropy and SCI the classifier still moves: the ELBO's gradient reaches it through w and y."""
    experiment = Experiment.create(**TINY, use_cross_entropy=False, use_sci=False)
    before, after, terms = one_step(experiment, sample)
    assert terms.cross_entropy is None
    assert not torch.equal(before.classifier.blocks[0].conv.weight, after.classifier.blocks[0].conv.weight)


def test_a_learned_beta_is_the_mean_squared_error_of_a_pixel(sample):
    experiment = Experiment.create(**TINY, learn_beta=True, lambda_beta=0.1)
    fitted = train.fit(experiment, sample)
    assert fitted.history[0]["beta"] == 1.0
    expected = 2 * fitted.history[0]["train_recon"] / 784 + 0.1
    assert fitted.history[1]["beta"] == pytest.approx(expected)
    assert fitted.beta == pytest.approx(2 * fitted.history[1]["train_recon"] / 784 + 0.1)


def test_divergence_stops_with_the_terms_named(sample):
    with pytest.raises(UserError, match=r"Training diverged in epoch 1 .*train_recon"):
        train.fit(Experiment.create(**TINY, beta=1e38, learning_rate=0.9), sample)


@pytest.mark.parametrize("settings", [{}, {"use_kl": False}, {"kl_weight": 0.0}])
def test_only_a_term_of_the_objective_must_be_finite(sample, settings):
    experiment = Experiment.create(**TINY, **settings)
    images = train.TrainingImages.of(sample, slice(20))
    optimizers = optimization.make_optimizers(experiment, train.build_for(experiment))

    def overflow(*_):
        return losses.Terms(torch.ones(4), torch.ones(4), torch.full((4,), math.inf))

    def epoch():
        return train.train_epoch(experiment, overflow, images, optimizers, 1.0, 0)

    if not settings:
        with pytest.raises(UserError, match="diverged in epoch 1"):
            epoch()
    else:
        assert epoch()["train_kl_latent"] == math.inf


def test_cifar10_trains_through_the_same_code():
    experiment = Experiment.create(dataset="cifar10", profile="smoke")
    fitted = train.fit(experiment, data.load("cifar10", "sample"))
    assert math.isfinite(fitted.history[0]["test_kl"])


def test_a_line_prior_trains_on_two_classes(sample):
    experiment = Experiment.create(**{**TINY, "validation": 40}, prior="line", distance=8.0, classes=(0, 1))
    fitted = train.fit(experiment, data.select_classes(sample, experiment.classes))
    assert fitted.model.prior.num_classes == 2


def test_augmentations_cover_both_data_sets():
    assert augment.AUGMENTATIONS.keys() == set(data.NAMES)
