"""The pages of the package: what autodoc draws of a module."""

from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup

from exon import experiment, optimization


def headings(small_book, module):
    html, _ = small_book(f"```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```")
    return {heading["id"]: heading for heading in BeautifulSoup(html, "html.parser").select("dl.py > dt")}


def test_the_fields_of_a_named_tuple_stand_in_its_signature_alone(small_book):
    found = headings(small_book, "exon.model")
    assert "log_variance" in found["exon.model.Output"].text
    assert not [name for name in found if name.startswith("exon.model.Output.")]
    assert "exon.model.EXoN.encode" in found


def test_values_are_shown_unless_they_are_long_or_name_objects(small_book):
    assert "function" not in headings(small_book, "exon.prior")["exon.prior.LAYOUTS"].text
    assert "{" not in headings(small_book, "exon.experiment")["exon.experiment.PROFILES"].text
    assert "test_error_pct" in headings(small_book, "exon.runs.verify")["exon.runs.verify.HEADLINE"].text


def test_numbers_in_capitals_are_left_to_the_source(small_book):
    found = headings(small_book, "exon.optimization")
    assert found
    assert "exon.optimization.WARM_UP" not in found


def test_a_constant_is_shown_as_it_stands_in_the_source(small_book):
    files = {name: Path(name).read_text() for name in ("exon/optimization.py", "exon/experiment.py")}
    page = "```{source} exon.optimization.WARM_UP\n```\n\n```{source} exon.experiment.RECIPES\n```"
    html, warnings = small_book(page, files=files)
    assert warnings == ""
    short, long = (block.text.strip() for block in BeautifulSoup(html, "html.parser").select("pre"))
    assert short == f"WARM_UP = {optimization.WARM_UP}"
    namespace = {"Any": Any}
    exec(long, namespace)
    assert namespace["RECIPES"] == experiment.RECIPES
