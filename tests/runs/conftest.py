"""The command line, called in this process."""

import sys

import pytest

from exon.runs import cli


@pytest.fixture
def exon(monkeypatch, capsys):
    """Call the command line; returns its exit code and what it printed."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["exon", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call
