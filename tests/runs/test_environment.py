import os

import pytest

from exon.runs.environment import environment


@pytest.fixture(autouse=True)
def _variables(monkeypatch):
    monkeypatch.setenv("EXON_THERE", "before")
    monkeypatch.delenv("EXON_NEW", raising=False)
    monkeypatch.setenv("EXON_OTHER", "other")


def test_variables_are_set_and_unset_for_a_while():
    with environment({"EXON_THERE": None, "EXON_NEW": "new"}):
        assert "EXON_THERE" not in os.environ
        assert os.environ["EXON_NEW"] == "new"
        assert os.environ["EXON_OTHER"] == "other"
    assert os.environ["EXON_THERE"] == "before"
    assert "EXON_NEW" not in os.environ


def test_what_was_never_set_may_be_unset():
    with environment({"EXON_NEW": None}):
        assert "EXON_NEW" not in os.environ
    assert "EXON_NEW" not in os.environ


def test_they_are_put_back_also_when_the_block_fails_and_whatever_it_set():
    def fail():
        with environment({"EXON_THERE": "after", "EXON_NEW": "new"}):
            os.environ["EXON_THERE"] = "changed in the block"
            del os.environ["EXON_NEW"]
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert os.environ["EXON_THERE"] == "before"
    assert "EXON_NEW" not in os.environ


def test_one_within_another_puts_back_what_that_set():
    with environment({"EXON_THERE": "outer"}):
        with environment({"EXON_THERE": "inner"}):
            assert os.environ["EXON_THERE"] == "inner"
        assert os.environ["EXON_THERE"] == "outer"
    assert os.environ["EXON_THERE"] == "before"
