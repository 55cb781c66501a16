import pytest
from hypothesis import given
from hypothesis import strategies as st

from exon import data
from exon.errors import UserError
from exon.experiment import METHOD, PROFILES, Experiment, derive_seed


def test_the_papers_settings_on_mnist():
    e = Experiment.create(dataset="mnist", profile="paper")
    assert (e.epochs, e.labels, e.validation, e.batch_size, e.labelled_batch_size) == (100, 100, 5000, 128, 32)
    assert (e.lambda1, e.rampup_epochs, e.learning_rate, e.weight_decay, e.width) == (6000, 10, 3e-3, 5e-4, 1)
    assert e.prior == "circle"
    assert e.use_cross_entropy
    assert e.use_kl
    assert e.use_sci


def test_the_papers_settings_on_cifar10():
    e = Experiment.create(dataset="cifar10", profile="paper")
    assert (e.epochs, e.labels, e.lambda1, e.rampup_epochs, e.learning_rate) == (600, 4000, 5000, 50, 1e-3)
    assert e.build_prior().means.shape == (10, 256)


@pytest.mark.parametrize("dataset", METHOD)
def test_profiles_set_scale_only(dataset):
    assert PROFILES[dataset].keys() - {"day", "gpu"} == {"smoke", "quick", "cpu", "paper"}
    scale = {"source", "epochs", "width", "batch_size", "labelled_batch_size", "learning_rate", "recipe", "precision"}
    for settings in PROFILES[dataset].values():
        assert settings.keys() <= scale


@pytest.mark.parametrize("dataset", METHOD)
@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_the_sample_has_room_for_what_is_asked_of_it(dataset, profile):
    e = Experiment.create(dataset=dataset, profile=profile, source="sample")
    chosen = data.split(data.load(dataset, "sample").train_labels, e.labels, e.validation, 1)
    assert len(chosen.labelled) == e.labels


def test_a_setting_beats_its_profile_and_none_leaves_it():
    assert Experiment.create(profile="cpu", epochs=7).epochs == 7
    assert Experiment.create(profile="cpu", epochs=None).epochs == 20


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"beta": 0.0}, "beta = 0.0 is not accepted: give a number greater than 0."),
        ({"beta": -1}, "beta = -1 is not accepted: give a number greater than 0."),
        ({"beta": float("nan")}, "beta = nan is not accepted: give a finite number."),
        ({"beta": "1"}, "beta = '1' is not accepted: give a valid number."),
        ({"use_sci": "yes"}, "use_sci = 'yes' is not accepted: give true or false."),
        ({"use_kl": 1}, "use_kl = 1 is not accepted: give true or false."),
        ({"epochs": 2.5}, "epochs = 2.5 is not accepted: give a valid integer."),
        ({"dataset": "svhn"}, "dataset = 'svhn' is not accepted: give 'mnist' or 'cifar10'."),
        (
            {"profile": "fast"},
            "profile = 'fast' is not accepted: give 'smoke', 'quick', 'cpu', 'day', 'gpu' or 'paper'.",
        ),
        ({"batch_size": 32}, "labelled_batch_size = 32 must be below batch_size = 32."),
        (
            {"labels": 10, "batch_size": 5, "labelled_batch_size": 3},
            "labels = 10, batch_size = 5 and labelled_batch_size = 3 make a batch of one image, which batch normalisation "
            "cannot take: give sizes that leave two or more.",
        ),
        (
            {"labels": 10, "batch_size": 3, "labelled_batch_size": 2},
            "labels = 10, batch_size = 3 and labelled_batch_size = 2 make a batch of one image, which batch normalisation "
            "cannot take: give sizes that leave two or more.",
        ),
        ({"prior": "line"}, "prior = 'line' needs a distance and two classes."),
        ({"classes": []}, "classes = [] is not accepted: give two or more labels."),
        ({"profile": "day"}, "profile = 'day' goes with dataset = 'cifar10', not 'mnist'."),
        ({"profile": "gpu"}, "profile = 'gpu' goes with dataset = 'cifar10', not 'mnist'."),
        ({"recipe": "short"}, "recipe = 'short' goes with dataset = 'cifar10', not 'mnist'."),
        ({"recipe": "fast"}, "recipe = 'fast' is not accepted: give 'authors' or 'short'."),
        ({"crop_share": 0.5}, "crop_share = 0.5 goes with dataset = 'cifar10', not 'mnist'."),
        ({"mirrored_evaluation": True}, "mirrored_evaluation = True goes with dataset = 'cifar10', not 'mnist'."),
        ({"elbo_share": 0.0}, "elbo_share = 0.0 is not accepted: give a number greater than 0."),
        ({"ema_decay": 1.0}, "ema_decay = 1.0 is not accepted: give a number less than 1."),
        *(
            (
                {"averaged_pseudo_labels": True, **settings},
                "averaged_pseudo_labels = True needs ema_decay above 0 and use_sci = True.",
            )
            for settings in ({}, {"ema_decay": 0.9, "use_sci": False})
        ),
        *(
            (
                {"use_elbo": False, **settings},
                "use_elbo = False trains the classifier alone, with use_cross_entropy = True and learn_beta = False.",
            )
            for settings in ({"use_cross_entropy": False}, {"learn_beta": True})
        ),
        ({"order": [0, 1]}, "order = [0, 1] must name each of the 10 labels once."),
        ({"distance": 3.0}, "distance = 3.0 goes with the priors 'line' and 'one_hot', not 'circle'."),
    ],
)
def test_bad_settings_make_one_sentence(settings, sentence):
    with pytest.raises(UserError) as failure:
        Experiment.create(**settings)
    assert str(failure.value) == sentence


def test_an_unknown_setting_is_named_with_those_that_exist():
    with pytest.raises(UserError, match=r"'betta' is not a setting: the settings are dataset, profile, .*beta"):
        Experiment.create(betta=1.0)


@given(st.floats(1e-6, 1e6), st.integers(0, 2**31), st.sampled_from(["smoke", "quick", "cpu", "paper"]))
def test_json_gives_the_experiment_back(beta, seed, profile):
    e = Experiment.create(beta=beta, seed=seed, profile=profile, classes=(3, 1))
    assert Experiment.model_validate_json(e.model_dump_json()) == e


def test_an_experiment_of_variables_takes_those_that_are_settings():
    variables = {"beta": 0.5, "epochs": None, "out": "somewhere", "torch": object()}
    assert Experiment.of(variables, dataset="mnist") == Experiment.create(dataset="mnist", beta=0.5)


def test_experiments_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Experiment.create().beta = 2.0


def test_line_prior_has_its_distance():
    p = Experiment.create(prior="line", distance=12.0, classes=(0, 1)).build_prior()
    assert p.means.tolist() == [[-12, 0], [12, 0]]


def test_an_order_moves_the_centers():
    order = (1, 0, *range(2, 10))
    exchanged, plain = (Experiment.create(order=o).build_prior().means for o in (order, None))
    assert exchanged[:2].tolist() == plain[[1, 0]].tolist()
    assert exchanged[2:].tolist() == plain[2:].tolist()


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_seeds_differ_by_purpose_and_number(a, b):
    assert derive_seed(a, "split") != derive_seed(a, "training")
    assert (derive_seed(a, "split") == derive_seed(b, "split")) == (a == b)
    assert 0 <= derive_seed(a, "split") < 2**63
