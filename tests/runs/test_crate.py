"""The RO-Crate, read back with rocrate: what its three profiles require, and that it says what the records say."""

import importlib.util
import json
import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from rocrate.rocrate import ROCrate

from exon.errors import UserError
from exon.runs import crate, grid, record

RUN = Path("results/quick/mnist/beta-1_seed-1")


@pytest.fixture
def repository(tmp_path):
    """A folder that looks like the repository, with one record of its own."""
    for name in ("notebooks", "Snakefile", "CITATION.cff", "README.md", "codecheck.yml", "constraints.txt"):
        (tmp_path / name).symlink_to(Path(name).absolute())
    folder = tmp_path / RUN
    folder.mkdir(parents=True)
    for part in ("run.json", "run.ipynb", "history.csv"):
        (folder / part).symlink_to((RUN / part).absolute())
    (folder / "notes.txt").write_text("")
    return tmp_path


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The crate of the stored records, written and read back."""
    path = tmp_path_factory.mktemp("crate") / "ro-crate-metadata.json"
    path.write_text(json.dumps(crate.describe(Path()).metadata.generate()))
    return ROCrate(path)


def profiles(entity):
    return {profile.id for profile in entity["conformsTo"]}


def test_the_root_says_what_the_profiles_require(read):
    root = read.root_dataset
    assert profiles(root) == set(crate.PROFILES)
    assert root["name"] == "EXoN companion"
    assert root["description"]
    assert root["license"].id == "https://spdx.org/licenses/MIT"
    assert root["datePublished"] == max(action["endTime"] for action in root["mentions"])
    assert "https://w3id.org/ro/crate/1.1" in [str(getattr(p, "id", p)) for p in read.metadata["conformsTo"]]


def test_the_workflow_is_the_snakefile_and_the_notebooks_are_its_parts(read):
    workflow = read.mainEntity
    assert workflow.id == "Snakefile"
    assert set(workflow.type) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert workflow["programmingLanguage"]["name"] == "Snakemake"
    assert workflow["license"] == read.root_dataset["license"]
    assert {part.id for part in workflow["hasPart"]} == {p.as_posix() for p in Path("notebooks").glob("*.ipynb")}


def test_every_record_is_an_execution_of_its_notebook(read):
    folders = [path.parent for path in Path("results").glob("*/*/*/run.json")]
    actions = {action["result"].id: action for action in read.root_dataset["mentions"] if action.id.count("/")}
    assert set(actions) == {f"{folder.as_posix()}/" for folder in folders}
    for folder in folders:
        action, content = actions[f"{folder.as_posix()}/"], record.read(folder)
        assert action.type == "CreateAction"
        assert action["instrument"].id == f"notebooks/{folder.parent.name}.ipynb"
        assert action["endTime"] == content["provenance"]["finished"]
        data, *settings = action["object"]
        assert data["identifier"] == f"sha256:{content['provenance']['data']['sha256']}"
        stored = {name: value for name, value in content["experiment"].items() if value is not None}
        assert {setting["name"]: setting["value"] for setting in settings} == stored
        assert action["environment"]["value"] == record.training_provenance(content)["threads"]


def test_every_grid_with_records_is_an_execution_of_the_workflow(read):
    actions = {action.id: action for action in read.root_dataset["mentions"] if action["instrument"] == read.mainEntity}
    assert actions
    for name, action in actions.items():
        (source,) = [action["object"]] if not isinstance(action["object"], list) else action["object"]
        assert name == f"#grid-{Path(source.id).stem}"
        finished = {f"{run.folder.as_posix()}/" for run in grid.load(source.id) if run.done}
        results = action["result"] if isinstance(action["result"], list) else [action["result"]]
        assert {made.id for made in results} == finished


def test_every_file_of_the_crate_exists_at_its_place(read):
    entities = read.data_entities
    assert {"codecheck.yml", f"{RUN.as_posix()}/run.json"} <= {entity.id for entity in entities}
    for entity in entities:
        path = Path(unquote(entity.id))
        assert path.is_dir() if entity.type == "Dataset" else path.stat().st_size == int(entity["contentSize"])


def test_the_command_writes_one_file_and_the_same_one_again(repository, monkeypatch):
    monkeypatch.chdir(repository / "results")
    before = {name for _, _, names in os.walk(repository) for name in names}
    path = crate.write(repository)
    first = path.read_bytes()
    assert crate.write(repository).read_bytes() == first
    assert {name for _, _, names in os.walk(repository) for name in names} - before == {path.name}
    graph = {entity["@id"]: entity for entity in json.loads(first)["@graph"]}
    parts = [part["@id"].rsplit("/")[-1] for part in graph[f"{RUN.as_posix()}/"]["hasPart"]]
    assert parts == ["run.ipynb", "run.json", "history.csv"]


def test_a_folder_without_records_is_refused(repository):
    (repository / RUN / "run.json").unlink()
    with pytest.raises(UserError, match="holds no record: run an experiment first"):
        crate.describe(repository)


def test_a_record_of_no_notebook_is_refused(repository):
    (repository / RUN.parent).rename(repository / RUN.parents[1] / "svhn")
    with pytest.raises(UserError, match="'svhn'"):
        crate.describe(repository)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install -e "\.\[archive\]"'):
        crate.describe(Path())
