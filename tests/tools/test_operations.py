"""`tools/arithmetic.py`, on digests that are given to it."""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from exon.runs import arithmetic

TOOL = Path(__file__).parents[2] / "tools" / "arithmetic.py"


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """The tool with three operations, and a file of its own."""
    spec = importlib.util.spec_from_file_location("arithmetic_tool", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "STORED", tmp_path / "operations.csv")
    monkeypatch.setattr(module, "elementwise", lambda: iter([("zero", (torch.zeros(2),)), ("one", (torch.ones(2),))]))
    monkeypatch.setattr(module, "layers", lambda: iter([("two", (torch.full((2,), 2.0), torch.zeros(1)))]))
    monkeypatch.setattr(module, "steps", lambda: iter(()))
    return module


@pytest.fixture
def call(tool, monkeypatch, capsys):
    """Call the tool; returns its exit code and what it printed."""

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["arithmetic.py", *arguments])
        try:
            tool.main()
            code = 0
        except SystemExit as ended:
            code = ended.code
        return code, capsys.readouterr().out

    return called


def test_a_digest_is_of_the_bits_of_all_results_in_order(tool):
    content = b"\0\0\x80?" + b"\0\0\0\0"
    one, zero = torch.ones(1), torch.zeros(1)
    assert tool.digest((one, zero)) == hashlib.sha256(content).hexdigest()[:12]
    assert tool.digest((zero, one)) != tool.digest((one, zero))
    assert tool.digest((-zero,)) != tool.digest((zero,))  # equal, and not the same bits
    across = torch.arange(6.0).reshape(2, 3).T
    assert tool.digest((across,)) == tool.digest((across.contiguous(),))


def test_stored_digests_are_those_of_the_operations_here(tool, call):
    assert call("native", "2", "--write", "--processor", "first") == (0, "")
    stored = pd.read_csv(tool.STORED)
    assert list(stored.columns) == ["processor", "arithmetic", "threads", "operation", "sha256"]
    assert stored["operation"].tolist() == ["zero", "one", "two"]
    assert set(stored["processor"]) == {"first"}
    assert call("native", "2", "--processor", "another") == (0, "first: 3 of 3 operations give the same bits\n")


def test_an_operation_with_other_bits_is_named_and_the_code_is_1(tool, call, monkeypatch):
    call("native", "2", "--write", "--processor", "first")
    monkeypatch.setattr(tool, "layers", lambda: iter([("two", (torch.full((2,), 2.1), torch.zeros(1)))]))
    code, printed = call("native", "2", "--processor", "another")
    assert code == 1
    assert printed.splitlines() == ["first: 2 of 3 operations give the same bits", "  two"]


def test_the_same_setting_is_replaced_and_others_stay(tool, call):
    for processor, threads in (("first", "2"), ("another", "2"), ("first", "1"), ("first", "2")):
        call("native", threads, "--write", "--processor", processor)
    stored = pd.read_csv(tool.STORED)
    assert len(stored) == 9
    assert not stored.duplicated(["processor", "arithmetic", "threads", "operation"]).any()
    code, printed = call("native", "1")
    assert (code, printed.count("\n")) == (0, 1)  # with two threads nothing need be the same


def test_a_difference_that_training_does_not_see_is_no_failure(tool, call, monkeypatch):
    monkeypatch.setattr(tool, "NOT_USED", {"one"})
    call("native", "2", "--write", "--processor", "first")
    monkeypatch.setattr(tool, "elementwise", lambda: iter([("zero", (torch.zeros(2),)), ("one", (torch.ones(3),))]))
    assert call("native", "2") == (0, "first: 2 of 3 operations give the same bits\n  one\n")


def test_this_processor_computes_the_stored_bits_in_portable_arithmetic():
    """Two training steps among them; packages other than those of the stored digests may compute otherwise."""
    if not arithmetic.portable_here():
        pytest.skip("not an x86-64 processor with AVX2")
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    result = subprocess.run(
        [sys.executable, TOOL, "portable", "2"], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "56 of 56 operations give the same bits" in result.stdout
