from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exon.errors import UserError
from exon.runs import grid

HEAD = "notebook: mnist\nprofile: smoke\nruns:\n"


def load(folder, text, profile=None):
    path = folder / "grid.yaml"
    path.write_text(text)
    return grid.load(path, grid.Asked(profile))


def grid_of(folder, item, **asked):
    """The runs of a grid with one item, at profile smoke, as the command line asks for them."""
    path = folder / "grid.yaml"
    path.write_text(HEAD + item)
    return grid.load(path, grid.Asked(**asked))


def test_lists_are_crossed_and_single_values_shared(tmp_path):
    runs = load(tmp_path, HEAD + "  - beta: [0.5, 1.0]\n    seed: [1, 2]\n    labels: 50\n")
    assert [run.name for run in runs] == [f"beta-{b}_seed-{s}" for b in ("0.5", "1") for s in (1, 2)]
    assert {(run.experiment.beta, run.experiment.seed) for run in runs} == {(0.5, 1), (0.5, 2), (1.0, 1), (1.0, 2)}
    assert {run.experiment.labels for run in runs} == {50}
    assert runs[0].folder == Path("results/smoke/mnist/beta-0.5_seed-1")


def test_a_name_is_a_template(tmp_path):
    runs = load(tmp_path, HEAD + "  - name: b{beta}-{use_kl}\n    beta: [2.0]\n    use_kl: [true, false]\n")
    assert [run.name for run in runs] == ["b2-true", "b2-false"]


def test_another_profile_can_be_asked_for(tmp_path):
    (run,) = load(tmp_path, HEAD + "  - beta: [1.0]\n", profile="quick")
    assert run.experiment.profile == "quick"
    assert run.folder.parts[1] == "quick"


def test_other_seeds_and_settings_stand_in_the_names(tmp_path):
    item = "  - name: b{beta}\n    beta: [0.5, 2.0]\n    labels: 50\n"
    runs = grid_of(tmp_path, item, seeds=[11, 12], settings={"use_kl": False, "keep_weights": True})
    assert [run.name for run in runs] == [f"b{b}_use_kl-false_seed-{s}" for b in ("0.5", "2") for s in (11, 12)]
    assert {(run.experiment.seed, run.experiment.use_kl, run.experiment.labels) for run in runs} == {
        (11, False, 50),
        (12, False, 50),
    }
    assert all(run.parameters["keep_weights"] for run in runs)


def test_seeds_and_settings_replace_those_of_the_file(tmp_path):
    runs = grid_of(tmp_path, "  - beta: [0.5, 2.0]\n    seed: [1, 2, 3]\n", seeds=[11], settings={"beta": 5.0})
    assert [(run.name, run.experiment.beta, run.experiment.seed) for run in runs] == [("beta-5_seed-11", 5.0, 11)]


def test_runs_belong_to_a_root(tmp_path):
    (run,) = grid_of(tmp_path, "  - beta: [0.5]\n", root=tmp_path / "mine")
    assert run.folder == tmp_path / "mine" / "smoke" / "mnist" / "beta-0.5"
    assert grid.arguments(run).endswith(f"--out {run.folder}")


def test_another_profile_brings_its_own_scale(tmp_path):
    item = "  - beta: [1.0]\n    epochs: 7\n    labels: 50\n"
    (own,) = grid_of(tmp_path, item, profile="smoke")
    assert (own.experiment.epochs, own.replaced) == (7, {})
    (run,) = grid_of(tmp_path, item, profile="paper")
    assert (run.experiment.epochs, run.replaced) == (100, {"epochs": 7})
    assert run.experiment.labels == 50  # the sample sets that too, but it is no scale
    (run,) = grid_of(tmp_path, item, profile="paper", settings={"epochs": 5})
    assert run.experiment.epochs == 5


@pytest.mark.parametrize("item", ["  - epochs: [7]\n", "  - name: e{epochs}\n    epochs: 7\n"])
def test_a_scale_that_the_grid_varies_or_names_stays(tmp_path, item):
    (run,) = grid_of(tmp_path, item, profile="paper")
    assert run.experiment.epochs == 7


def test_the_ablation_at_the_authors_scale_has_their_epochs():
    assert {run.experiment.epochs for run in grid.load("ablation", grid.Asked("paper"))} == {100}
    assert {run.experiment.epochs for run in grid.load("ablation")} == {10}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (HEAD + "  - beta: [1.0]\n    gamma: [1]\n", 5, "'gamma' is not a parameter"),
        (HEAD + "  - beta: []\n", 4, "beta has no levels"),
        (HEAD + "  - beta: [1.0, 2.0]\n  - beta: [3.0, 1.0]\n", 5, "two runs of the name 'beta-1'"),
        (HEAD + "  - seed: [1]\n    beta:\n      - 1.0\n      - 0.0\n", 7, "beta = 0.0 is not accepted"),
        (HEAD + "  - beta: [1.0]\n    beta: [2.0]\n", 5, "'beta' stands there twice"),
        (HEAD + "  - beta: one\n    name: x\n", 4, "beta = 'one' is not accepted"),
        (HEAD + "  - labels: 50\n", 4, "needs a name"),
        (HEAD + "  - name: x{gamma}\n    beta: [1.0]\n", 4, "may only use the item's own keys"),
        (HEAD + "  - 3\n", 4, "names with values"),
        (HEAD + "  - beta: [1.0\n", 5, "expected"),
        ("notebook: mnist\nprofile: smoke\n", 1, "'runs' is missing"),
        ("notebook: mnist\nprofile: smoke\nruns: []\n", 3, "at least one item"),
        ("notebook: mnist\nprofil: smoke\nruns: []\n", 2, "'profil' is not a key"),
        ("notebook: nothing\nprofile: smoke\nruns:\n  - beta: [1.0]\n", 1, "notebook = 'nothing' is not known"),
        ("notebook: mnist\nprofile: fast\nruns:\n  - beta: [1.0]\n", 2, "profile = 'fast' is not accepted"),
        (
            HEAD + "  - name: ../../escape\n    seed: 1\n",
            4,
            "name '../../escape' is not accepted: give letters, digits",
        ),
        (HEAD + "  - name: a b\n    seed: 1\n", 4, "name 'a b' is not accepted"),
        (HEAD + "  - name: .hidden\n    seed: 1\n", 4, "name '.hidden' is not accepted"),
        ("notebook: ../notebooks/mnist\nprofile: smoke\nruns:\n  - beta: [1.0]\n", 1, "is not known"),
        ("", 1, "names with values"),
    ],
)
def test_a_bad_grid_names_the_line(tmp_path, text, line, reason):
    with pytest.raises(UserError) as error:
        load(tmp_path, text)
    assert f"grid.yaml, line {line}: " in str(error.value)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_grid_is_named():
    with pytest.raises(UserError, match=r"grid = 'nothing' is not known: give one of .*beta"):
        grid.load("nothing")


def test_a_folder_that_holds_another_run_stops_the_grid(tmp_path, monkeypatch):
    stored = Path("results/quick/mnist/beta-1_seed-1").resolve()
    (tmp_path / "notebooks").symlink_to(Path("notebooks").resolve())
    folder = tmp_path / "results" / "quick" / "mnist" / "beta-1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text((stored / "run.json").read_text())
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path, HEAD + "  - beta: [1.0]\n", "quick")
    with pytest.raises(UserError, match=r"line 4: .*beta-1 holds another run \(labels = 100, here 50\)"):
        load(tmp_path, HEAD + "  - beta: [1.0]\n    labels: 50\n", "quick")


@given(st.floats(1e-3, 1e3), st.integers(0, 99))
def test_the_arguments_give_the_same_experiment(beta, seed):
    import shlex

    from exon.runs import notebook

    run = grid.Run("mnist", "r", {"beta": beta, "seed": seed, "use_sci": False}, None)
    run = grid.Run(run.notebook, run.name, run.parameters, notebook.check(notebook.find("mnist"), run.parameters))
    words = shlex.split(grid.arguments(run))
    settings = dict(notebook.parse_setting(words[i + 1]) for i, word in enumerate(words) if word == "--set")
    profile = words[words.index("--profile") + 1]
    assert notebook.check(notebook.find("mnist"), {"profile": profile, **settings}) == run.experiment


@pytest.mark.parametrize("path", sorted(Path("notebooks/grids").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_grid_is_valid_at_every_profile(path):
    for profile in (None, "smoke", "quick", "paper"):
        runs = grid.load(path, grid.Asked(profile))
        assert len({run.folder for run in runs}) == len(runs)


def test_a_list_in_a_name_is_one_word(tmp_path):
    text = "notebook: prior_design\nprofile: smoke\nruns:\n  - classes: [[0, 1], [3, 5]]\n"
    assert [run.name for run in load(tmp_path, text)] == ["classes-0-1", "classes-3-5"]


def test_a_grid_that_is_no_text_is_named(tmp_path):
    for content in (b"notebook: \xff", b"notebook: \x01"):
        (tmp_path / "grid.yaml").write_bytes(content)
        with pytest.raises(UserError, match=r"grid\.yaml is not a text of YAML \(") as error:
            grid.load(tmp_path / "grid.yaml")
        assert "\n" not in str(error.value)


def test_a_pattern_that_names_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"grid = 'beta/zzz\*' names no run: give a grid, or a pattern as in"):
        grid.select("beta/zzz*")
    (tmp_path / "a grid.yaml").write_text("notebook: mnist\nprofile: smoke\nruns:\n  - beta: [2.0]\n")
    assert [run.name for run in grid.select(str(tmp_path / "a grid.yaml"))] == ["beta-2"]


def test_a_pattern_of_the_file_chooses_runs_with_other_seeds_and_settings_too():
    """Whichever item of the file a name comes from; the new names are known as well."""
    for pattern, names in {
        "beta/beta-1_seed-2": ["beta-1_seed-11"],
        "beta/beta-1_seed-1": ["beta-1_seed-11"],
        "beta/beta-5_seed-2": None,
        "beta/beta-*_seed-11": [run.name for run in grid.load("beta", grid.Asked(seeds=[11]))],
        "ablation_paths/kl_weight-0.1": ["kl_weight-0.1_seed-11"],
    }.items():
        if names is None:
            with pytest.raises(UserError, match="names no run"):
                grid.select(pattern, grid.Asked(seeds=[11]))
        else:
            assert [run.name for run in grid.select(pattern, grid.Asked(seeds=[11]))] == names
    settings = {"use_cross_entropy": False, "labels": 50}
    (run,) = grid.select("ablation/v3_ce-true_kl-true_*", grid.Asked(settings=settings))[:1]
    assert run.name == "v3_ce-false_kl-true_seed-1_labels-50"
