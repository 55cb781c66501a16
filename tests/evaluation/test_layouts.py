"""Layouts of the centers, from records and codes made for the purpose."""

import json
import math

import pytest
import safetensors.torch
import torch

from exon import prior
from exon.evaluation import layouts
from exon.evaluation.claims import CLAIMS
from exon.experiment import Experiment

EXCHANGED = (5, 1, 2, 3, 4, 0, 6, 7, 8, 9)


def write(root, name, order=None, layout="circle", at=None, placement=0.2):
    """A run whose codes of label k all lie at the center at[k] of its layout, in the layout's own order."""
    folder = root / name
    folder.mkdir()
    e = Experiment.create(profile="cpu", prior=layout, order=order)
    content = {"experiment": e.model_dump(mode="json"), "provenance": {}}
    (folder / "run.json").write_text(json.dumps(content | {"metrics": {"placement_error_pct": placement}}))
    if at is not None:
        labels = torch.arange(10).repeat(2)
        z = prior.LAYOUTS[layout]().means[torch.tensor(at)[labels]]
        arrays = {"z": z.half(), "labels": labels.to(torch.uint8)}
        safetensors.torch.save_file(arrays, folder / "arrays.safetensors")
    return folder


@pytest.mark.parametrize(
    ("settings", "title"),
    [
        ({"prior": "circle"}, "circle"),
        ({"prior": "grid"}, "two rows"),
        ({"prior": "circle", "order": EXCHANGED}, "circle, 0 and 5 exchanged"),
        ({"prior": "row", "order": (1, 2, 0, *range(3, 10))}, "row, 2 0 1 3 4 5 6 7 8 9"),
    ],
)
def test_a_layout_is_called_by_its_shape_and_order(settings, title):
    assert layouts.title(Experiment.create(**settings)) == title


def test_only_labels_that_moved_tell_whether_codes_follow(tmp_path):
    runs = [
        write(tmp_path, "circle", at=range(10)),
        write(tmp_path, "follows", EXCHANGED, at=EXCHANGED),
        write(tmp_path, "stays", (*EXCHANGED[:8], 9, 8), at=range(10)),
        write(tmp_path, "half", (9, *range(9)), at=[9, 0, 1, 2, 3, *range(5, 10)]),
        write(tmp_path, "rows", layout="grid"),
    ]
    found = layouts.summary(runs)
    shares = found[["assigned_pct", "own_order_pct"]].to_numpy().tolist()
    assert [[round(value) for value in row] for row in shares[1:4]] == [[100, 0], [0, 100], [50, 50]]
    assert all(math.isnan(value) for row in (shares[0], shares[4]) for value in row)
    assert found["placement_error_pct"].tolist() == [0.2] * 5


def test_claims_are_refuted_by_codes_that_stay_and_by_a_layout_that_misplaces(tmp_path):
    follows, placed = CLAIMS["codes-follow-the-order"], CLAIMS["placed-in-every-layout"]
    one = write(tmp_path, "follows", EXCHANGED, at=EXCHANGED)
    other = write(tmp_path, "stays", (1, 0, *range(2, 10)), at=range(10), placement=1.5)
    assert follows.holds(follows.evidence([one]))
    assert not follows.holds(follows.evidence([one, other]))
    assert placed.holds(placed.evidence([one]))
    again = write(tmp_path, "again", EXCHANGED, at=range(10), placement=0.3)
    assert not follows.holds(follows.evidence([again, one]))  # two runs of one layout both count
    assert placed.evidence([again, one]).to_dict() == {"highest": 0.3, "layouts": 1}
    assert not placed.holds(placed.evidence([one, other]))
