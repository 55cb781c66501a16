"""What archives, registries and independent checkers read: CITATION.cff, codemeta.json and codecheck.yml."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

CITATION = yaml.safe_load(Path("CITATION.cff").read_text())
CODEMETA = json.loads(Path("codemeta.json").read_text())
CODECHECK = yaml.safe_load(Path("codecheck.yml").read_text())
PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]
TRACKED = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_citation_follows_the_schema_of_its_format():
    """Citation File Format 1.2.0, https://doi.org/10.5281/zenodo.5171937, CC BY 4.0."""
    schema = json.loads(Path("tests/schemas/cff-1.2.0.json").read_text())
    jsonschema.validate(CITATION, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**CITATION, "licence": "MIT"}, schema)


def test_codemeta_says_what_the_citation_and_the_package_say():
    paper, article = CITATION["preferred-citation"], CODEMETA["referencePublication"]
    assert CODEMETA["@context"] == "https://w3id.org/codemeta/3.0"
    assert CODEMETA["type"] == "SoftwareSourceCode"
    assert CODEMETA["name"] == CITATION["title"]
    assert CODEMETA["description"] == CITATION["abstract"]
    assert CODEMETA["version"] == CITATION["version"] == PROJECT["version"]
    assert CODEMETA["license"] == f"https://spdx.org/licenses/{CITATION['license']}"
    assert CITATION["license"] == PROJECT["license"]
    assert [author["name"] for author in CODEMETA["author"]] == [author["name"] for author in CITATION["authors"]]
    assert CODEMETA["runtimePlatform"] == f"Python {PROJECT['requires-python']}"
    assert (article["name"], article["url"]) == (paper["title"], paper["url"])
    names = [(author["givenName"], author["familyName"]) for author in article["author"]]
    assert names == [(author["given-names"], author["family-names"]) for author in paper["authors"]]


def test_codecheck_holds_what_the_specification_asks_of_authors():
    """https://codecheck.org.uk/spec/config/2.0/; what the checker adds later is checked where it is there."""
    assert "\n---\n" in Path("codecheck.yml").read_text(encoding="utf-8")
    assert CODECHECK["version"] == "https://codecheck.org.uk/spec/config/2.0/"
    paper = CODECHECK["paper"]
    cited = CITATION["preferred-citation"]
    assert paper["title"] == cited["title"]
    names = [f"{author['given-names']} {author['family-names']}" for author in cited["authors"]]
    assert [author["name"] for author in paper["authors"]] == names
    for url in (paper["reference"], *paper["reference-other"]):
        assert re.fullmatch(r"https://doi\.org/10\.\d{4,}/\S+", url)
    assert re.fullmatch(r"\d{4}-\d{3,}", CODECHECK.get("certificate", "2026-001"))


def test_every_output_of_the_manifest_is_stored_and_explained():
    files = [item["file"] for item in CODECHECK["manifest"]]
    assert len(files) == len(set(files)) > 0
    assert set(files) <= set(TRACKED)
    assert all(item["comment"] for item in CODECHECK["manifest"])


def test_the_checkers_commands_exist():
    from typer.main import get_command

    from exon.runs.cli import app

    commands = CODECHECK["exon_companion"]["commands"]
    targets = [command.split()[1] for command in commands if command.startswith("make ")]
    arguments = [command.split(" -m exon ")[1].split() for command in commands if " -m exon " in command]
    assert len(targets) + len(arguments) == len(commands)
    assert all(re.search(rf"^{target}:", Path("Makefile").read_text(), re.MULTILINE) for target in targets)
    assert {name for name, *_ in arguments} <= set(get_command(app).commands)
    ((stored, _, again),) = [rest for name, *rest in arguments if name == "verify"]
    assert f"{stored}/run.json" in [item["file"] for item in CODECHECK["manifest"]]
    assert again == stored.replace("results", "results/own", 1)
