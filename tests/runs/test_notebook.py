import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import small_repository
import torch
from jupyter_client.connect import LocalPortCache

from exon.errors import CellError, UserError
from exon.experiment import Experiment
from exon.runs import cli, notebook, record

NOTEBOOKS = sorted(path.stem for path in Path("notebooks").glob("*.ipynb"))
FAST = {"profile": "smoke", "epochs": 1}
TOO_SMALL = r"too small for batch_size = 128 and width = 1\.0: give a smaller"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The MNIST notebook, executed at profile smoke through the command line."""
    folder = tmp_path_factory.mktemp("smoke")
    out = folder / "results" / "smoke" / "mnist" / "run"
    narrow = ("--set", "epochs=1", "--set", "width=0.25")
    result = exon("run", "mnist", "--profile", "smoke", *narrow, "--out", out, work=folder / "work")
    assert result.returncode == 0, result.stderr
    return out


def exon(*arguments, work, cwd=small_repository.ROOT, **environment):
    variables = {**os.environ, "EXON_WORK": str(work), "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-m", "exon", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=variables, cwd=cwd)


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name != "mnist"])
def test_every_notebook_runs_at_profile_smoke(name, tmp_path):
    notebook.run(name, {**FAST, "width": 0.125}, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").exists()


def test_a_run_folder_is_complete(smoke):
    assert {path.name for path in smoke.iterdir()} == {
        *("run.ipynb", "run.json", "history.csv", "split.json", "model.safetensors", "arrays.safetensors")
    }
    content = record.read(smoke)
    assert content["experiment"]["epochs"] == 1
    assert {"test_error_pct", "kl", "negative_ssim", "center_error_pct", "purity_pct"} <= content["metrics"].keys()


def test_the_executed_notebook_carries_no_trace_of_its_run(smoke):
    content = nbformat.read(smoke / "run.ipynb", as_version=4)
    assert "papermill" not in content.metadata
    assert all("execution" not in cell.metadata for cell in content.cells)
    text = (smoke / "run.ipynb").read_text()
    assert "dc:date" not in text
    assert " at 0x" not in text
    assert not [o for c in content.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    figures = [o for c in content.cells for o in c.get("outputs", []) if "image/svg+xml" in o.get("data", {})]
    assert len(figures) == 6
    assert len(text) < 6e5


def test_the_checkpoint_is_gone_after_the_run(smoke):
    assert not list((smoke.parents[3] / "work").rglob("*.pt"))


def test_verify_finds_the_stored_metrics_again_bit_for_bit(tmp_path):
    folder = small_repository.build(tmp_path)
    run = Path("results/smoke/prior_design/run")
    for arguments in (("run", "prior_design", "--profile", "smoke", "--out", run), ("verify", run)):
        result = exon(*arguments, work=tmp_path / "work", cwd=folder)
        assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("same bits") == len(record.read(folder / run)["metrics"]) - 1 == 2


def test_redraw_makes_figures_and_metrics_anew_without_training(smoke, tmp_path):
    copy = tmp_path / "mnist" / "copy"
    shutil.copytree(smoke, copy)
    (copy / "run.ipynb").write_text("")
    (copy / "arrays.safetensors").unlink()
    result = exon("redraw", copy, work=tmp_path / "work")
    assert result.returncode == 0, result.stderr
    old, new = record.read(smoke), record.read(copy)
    assert new["metrics"] == old["metrics"]  # "seconds" included: that of the first training
    assert record.training_provenance(new) == old["provenance"]
    assert (copy / "history.csv").read_text() == (smoke / "history.csv").read_text()
    assert (copy / "model.safetensors").read_bytes() == (smoke / "model.safetensors").read_bytes()
    assert len(record.arrays(copy)["z"]) == len(record.arrays(copy)["labels"])
    assert (copy / "run.ipynb").stat().st_size > 1e5


def test_verify_says_which_metric_differs(smoke, tmp_path, monkeypatch):
    tampered = tmp_path / "mnist" / "tampered"
    tampered.mkdir(parents=True)
    content = json.loads((smoke / "run.json").read_text())
    content["metrics"]["kl"] += 1e-9
    del content["sha256"]
    (tampered / "run.json").write_text(json.dumps(content))

    def rerun(_name, _parameters, out, **_):
        out.mkdir()
        (out / "run.json").write_text((smoke / "run.json").read_text())

    monkeypatch.setattr(notebook, "run", rerun)
    monkeypatch.setattr(sys, "argv", ["exon", "verify", str(tampered)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"betta": 1.0}, "'betta' is not a parameter of notebooks/mnist.ipynb: its parameters are profile, beta"),
        ({"out": "x"}, "'out' is not a parameter"),
        ({"beta": "half"}, "beta = 'half' is not accepted"),
        ({"beta": 0.0}, "beta = 0.0 is not accepted"),
        ({"keep_weights": "no"}, "keep_weights = 'no' is not accepted: give a bool"),
        ({"profile": "huge"}, "profile = 'huge' is not accepted"),
    ],
)
def test_bad_parameters_stop_before_anything_runs(parameters, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        notebook.run("mnist", parameters, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_stops_it_too(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/run cannot be written .* give a folder that can be"):
        notebook.run("mnist", FAST, tmp_path / "file" / "run")


def test_an_unknown_notebook_is_named(tmp_path):
    with pytest.raises(UserError, match=r"notebook = 'minst' is not known: give one of .*mnist"):
        notebook.run("minst", {}, tmp_path)


def test_another_runs_folder_is_not_overwritten(smoke):
    before = (smoke / "run.json").read_bytes()
    with pytest.raises(UserError, match=r"holds another run \(beta = 1.0, here 2.0\)"):
        notebook.run("mnist", {**FAST, "width": 0.25, "beta": 2.0}, smoke)
    assert (smoke / "run.json").read_bytes() == before


def test_from_a_subfolder_a_run_goes_below_the_root(tmp_path):
    folder = small_repository.build(tmp_path)
    result = exon(
        "run", "prior_design", "--profile", "smoke", "--out", "results/a/b/c", work="", cwd=folder / "notebooks"
    )
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()) == folder / "results/a/b/c/run.ipynb"
    assert (folder / "results/a/b/c/run.json").exists()
    assert not (folder / "notebooks" / "results").exists()
    assert not list(folder.rglob("*.pt"))
    again = exon("verify", "results/a/b/c", "--against", "results/a/b/c", work="", cwd=folder / "notebooks")
    assert "same bits" in again.stdout


def test_a_foreign_checkpoint_is_replaced_under_force(tmp_path):
    folder = small_repository.build(tmp_path)
    run = Path("results/smoke/prior_design/run")
    arguments = ("run", "prior_design", "--profile", "smoke", "--out", run)
    assert exon(*arguments, work=tmp_path / "work", cwd=folder).returncode == 0
    (folder / run / "run.json").unlink()
    checkpoint = tmp_path / "work" / run / "checkpoint.pt"
    checkpoint.parent.mkdir(parents=True)
    torch.save({"experiment": Experiment.create(profile="smoke", seed=2).model_dump_json()}, checkpoint)
    refused = exon(*arguments, work=tmp_path / "work", cwd=folder)
    assert refused.returncode == 2
    assert "another experiment" in refused.stderr
    assert exon(*arguments, "--force", work=tmp_path / "work", cwd=folder).returncode == 0
    assert not checkpoint.exists()


@pytest.fixture
def own_notebook(tmp_path, monkeypatch):
    def write(*cells, tag="parameters"):
        content = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        content.cells[0].metadata["tags"] = [tag]
        (tmp_path / "notebooks").mkdir()
        nbformat.write(content, tmp_path / "notebooks" / "own.ipynb")
        monkeypatch.setattr(notebook, "folder", lambda: tmp_path / "notebooks")

    return write


def test_a_failing_cell_leaves_only_the_failed_notebook(own_notebook, tmp_path):
    own_notebook("beta = 1.0\nout = ''", "1 / 0")
    with pytest.raises(CellError, match=r"Cell 3 of .* failed \(ZeroDivisionError: division by zero\)") as error:
        notebook.run("own", {}, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    failed = Path(re.search("see (.*)\\.$", str(error.value))[1])
    assert "ZeroDivisionError" in failed.read_text()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB.')", f"^The memory is {TOO_SMALL}"),
        ("import os\nos.kill(os.getpid(), 9)", f"^The kernel died, as it does where the memory is {TOO_SMALL}"),
        ("from exon.errors import UserError\nraise UserError('beta = 1.0 is odd.')", r"^beta = 1\.0 is odd\.$"),
    ],
)
def test_a_mistake_or_a_lack_of_memory_in_a_cell_is_one_sentence(own_notebook, tmp_path, cell, said):
    own_notebook("beta = 1.0\nout = ''", cell)
    with pytest.raises(UserError, match=said):
        notebook.run("own", {}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def taken_port(monkeypatch):
    """Jupyter chooses a port that another process has, the first so many times."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        choose, choices = LocalPortCache.find_available_port, []

        def times(count):
            def find(self, ip):
                choices.append(other.getsockname()[1] if len(choices) < count else choose(self, ip))
                return choices[-1]

            monkeypatch.setattr(LocalPortCache, "find_available_port", find)

        yield times


def test_a_kernel_whose_port_was_taken_is_started_again(own_notebook, tmp_path, taken_port):
    own_notebook("beta = 1.0\nout = ''", "raise ValueError('ran')")
    taken_port(1)
    with pytest.raises(CellError, match="ran"):
        notebook.run("own", {}, tmp_path / "run")


def test_a_kernel_that_never_starts_is_said_in_a_sentence(own_notebook, tmp_path, taken_port):
    own_notebook("beta = 1.0\nout = ''")
    taken_port(100)
    with pytest.raises(UserError, match=r"^The kernel of .*own\.ipynb did not start in 3 attempts \(Kernel died"):
        notebook.run("own", {}, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert not [path for path in Path(os.environ["EXON_WORK"]).rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_notebook_without_parameters_cell_is_named(own_notebook, tmp_path):
    own_notebook("beta = 1.0", tag="other")
    with pytest.raises(UserError, match="no cell tagged 'parameters'"):
        notebook.run("own", {}, tmp_path / "run")


def test_a_parameters_cell_that_computes_is_named(own_notebook, tmp_path):
    own_notebook("beta = 1.0 + 1.0")
    with pytest.raises(UserError, match="may only assign literals"):
        notebook.run("own", {}, tmp_path / "run")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_parameters_are_settings_of_the_experiment(name):
    source = notebook.find(name)
    assert notebook.check(source, {}).profile == "quick"
    assert "out" in notebook.parameter_defaults(source)


def test_the_command_sets_only_what_differs():
    e = Experiment.create(profile="cpu", beta=0.5, use_sci=False, seed=3)
    expected = "python -m exon run mnist --profile cpu --set beta=0.5 --set seed=3 --set use_sci=false --out results/x"
    assert notebook.command("mnist", e, "results/x") == expected


def test_the_command_of_a_run_on_the_sample_sets_the_source_alone():
    e = Experiment.create(profile="quick", source="sample")
    assert notebook.command("mnist", e, "x") == "python -m exon run mnist --profile quick --set source=sample --out x"
    assert notebook.command("mnist", Experiment.create(profile="smoke"), "x").count("--set") == 0


def test_the_command_of_a_recipe_gives_the_experiment_back():
    source = notebook.find("cifar10")
    for own in ({"recipe": "short"}, {"recipe": "short", "width": 0.125, "crop_share": 0.0}, {"ema_decay": 0.9}):
        e = notebook.check(source, {"profile": "cpu", **own})
        assert notebook.check(source, notebook.parameters_of("cifar10", e)) == e
    wide = Experiment.create(dataset="cifar10", profile="gpu")
    assert notebook.command("cifar10", wide, "x").count("--set") == 0
    assert "--set accuracy_score=true --out" in notebook.command("cifar10", wide, "x", accuracy_score=True)


def test_the_command_is_safe_for_a_shell():
    e = notebook.check(notebook.find("prior_design"), {"distance": 8.0, "classes": [0, 7], "profile": "cpu"})
    assert "--set distance=8.0 --set 'classes=[0, 7]'" in notebook.command("prior_design", e, "x")
