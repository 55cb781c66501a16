"""The primary outcomes of the ablation, and their effects with intervals that hold all together."""

import pandas as pd

from exon.evaluation.effects import contrasts, effects
from exon.evaluation.tables import FACTORS

PRIMARY = ("center_error_pct", "generation_error_pct", "purity_pct", "test_error_pct")
"""One outcome for each thing that the paper says of the latent space. Codes lie at their centers, images drawn at a center
show its label, labels are apart, and they are classified. All other outcomes are exploratory."""

TERMS = {
    "use_kl, use_cross_entropy on": "KL, cross-entropy on",
    "use_kl, use_cross_entropy off": "KL, cross-entropy off",
    "use_cross_entropy, use_kl on": "cross-entropy, KL on",
    "use_cross_entropy, use_kl off": "cross-entropy, KL off",
    "interaction": "interaction",
}
"""The rows of `effects` of the ablation's two factors -> what they are called."""

FAMILY = len(PRIMARY) * len(TERMS)
"""How many intervals are to hold together."""

NO_LABELS = {(False, True), (False, False)}
AT_CHANCE = {
    "center_error_pct": {*NO_LABELS, (True, False)},
    "generation_error_pct": {*NO_LABELS, (True, False)},
    "test_error_pct": NO_LABELS,
}
"""The cells, as levels of `FACTORS`, in which an outcome is near chance by construction. No label, or not the prior, is in
their objective, so that nothing ties a label to a class of the classifier or to a center."""


def simultaneous(level: float = 0.95) -> float:
    """The level of each primary interval for all of them to hold with at least this probability (Bonferroni):

    1 - (1 - level) / FAMILY.
    """
    return 1 - (1 - level) / FAMILY


def level_of(outcome: str) -> float:
    """The level of an outcome's intervals where one stands alone: `simultaneous` of a primary outcome, 0.95 of any other."""
    return simultaneous() if outcome in PRIMARY else 0.95


def primary_effects(table: pd.DataFrame) -> pd.DataFrame:
    """Every effect on every primary outcome.

    Args:
        table: as of `effects`.

    Returns:
        One row for each: outcome, term (a key of `TERMS`), effect; low, high, the 95 % interval by itself; low_all, high_all,
        the one that holds together with all others; by_construction, whether a cell that enters is near chance by
        construction.
    """
    cells = contrasts(*FACTORS)
    parts = []
    for outcome in PRIMARY:
        alone = effects(table, *FACTORS, outcome)
        together = effects(table, *FACTORS, outcome, simultaneous())[["low", "high"]].add_suffix("_all")
        at_chance = AT_CHANCE.get(outcome, set())
        constructed = [not at_chance.isdisjoint(cells[term]) for term in alone.index]
        part = alone.join(together).assign(outcome=outcome, by_construction=constructed)
        parts.append(part.rename_axis("term").reset_index())
    return pd.concat(parts, ignore_index=True)
