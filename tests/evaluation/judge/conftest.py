import pytest

from exon import data


@pytest.fixture(scope="session")
def cifar10():
    """The embedded sample."""
    return data.load("cifar10", "sample")
