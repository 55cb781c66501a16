"""Comparisons of runs without the claims."""

import pytest

from exon.evaluation import replication


@pytest.fixture
def no_claims(monkeypatch):
    """For tests that look at none: checking them takes most of the time."""
    monkeypatch.setattr(replication, "CLAIMS", {})
