"""The pages of the package: what autodoc draws of a module."""

from bs4 import BeautifulSoup


def headings(small_book, module):
    html, _ = small_book(f"```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```")
    return {heading["id"]: heading for heading in BeautifulSoup(html, "html.parser").select("dl.py > dt")}


def test_the_fields_of_a_named_tuple_stand_in_its_signature_alone(small_book):
    found = headings(small_book, "exon.model")
    assert "log_variance" in found["exon.model.Output"].text
    assert not [name for name in found if name.startswith("exon.model.Output.")]
    assert "exon.model.EXoN.encode" in found


def test_a_long_value_is_left_to_the_source_and_a_short_one_is_shown(small_book):
    assert "function" not in headings(small_book, "exon.prior")["exon.prior.LAYOUTS"].text
    assert "seed" in headings(small_book, "exon.evaluation.effects")["exon.evaluation.effects.REPLICATES"].text


def test_numbers_in_capitals_are_left_to_the_source(small_book):
    found = headings(small_book, "exon.optimization")
    assert found
    assert "exon.optimization.WARM_UP" not in found
