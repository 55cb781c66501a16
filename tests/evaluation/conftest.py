"""Comparisons of runs without the claims, and what the claims find on the stored records."""

from pathlib import Path

import pytest

from exon.evaluation import replication
from exon.evaluation.claims import check_all


@pytest.fixture
def no_claims(monkeypatch):
    """For tests that look at none: checking them takes most of the time."""
    monkeypatch.setattr(replication, "CLAIMS", {})


@pytest.fixture(scope="session")
def findings():
    """What is found on each claim, by its name."""
    return {finding.claim.name: finding for finding in check_all(Path("results"))}
