import numpy as np
import pandas as pd
import pytest

from exon.evaluation.effects import effects
from exon.evaluation.primary import AT_CHANCE, FAMILY, PRIMARY, TERMS, primary_effects, simultaneous
from exon.evaluation.tables import CELLS, FACTORS


@pytest.fixture
def table():
    generator = np.random.default_rng(1)
    rows = [(*cell, *generator.normal(50, 5, len(PRIMARY))) for cell in CELLS for _ in range(3)]
    return pd.DataFrame(rows, columns=[*FACTORS, *PRIMARY])


def test_the_chance_of_any_error_is_shared_among_all_primary_intervals():
    assert FAMILY == 20
    assert (1 - simultaneous()) * FAMILY == pytest.approx(0.05)
    assert simultaneous(0.9) == pytest.approx(1 - 0.1 / 20)


def test_every_effect_has_its_own_and_its_simultaneous_interval(table):
    found = primary_effects(table).set_index(["outcome", "term"])
    assert len(found) == FAMILY
    for outcome in PRIMARY:
        alone, together = effects(table, *FACTORS, outcome), effects(table, *FACTORS, outcome, 1 - 0.05 / 20)
        rows = found.loc[outcome].loc[list(TERMS)]
        assert rows[["effect", "low", "high"]].to_numpy() == pytest.approx(alone.to_numpy())
        assert rows[["low_all", "high_all"]].to_numpy() == pytest.approx(together[["low", "high"]].to_numpy())


def test_only_effects_between_cells_that_could_have_any_outcome_are_free_of_construction(table):
    found = primary_effects(table)
    free = found[~found["by_construction"]].groupby("outcome")["term"].agg(list).to_dict()
    assert free == {"purity_pct": list(TERMS), "test_error_pct": ["use_kl, use_cross_entropy on"]}
    assert set().union(*AT_CHANCE.values()) < set(CELLS)
