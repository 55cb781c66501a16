import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exon.errors import UserError
from exon.evaluation import traits

LABELS = torch.arange(600) % 3


def line(slope, at=14, rows=range(5, 20)):
    """A line of white pixels through a black image, whose x moves by slope for each row."""
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    for row in rows:
        image[0, 0, row, at + round(slope * (row - 12))] = 255
    return image


@given(slope=st.sampled_from([-1, 0, 1]), at=st.integers(10, 18), up=st.integers(-5, 5))
def test_a_line_slants_by_its_slope_wherever_it_is(slope, at, up):
    found = traits.traits(line(slope, at).roll(up, dims=2))
    rows = torch.arange(5.0, 20)
    assert found["slant"].item() == pytest.approx(slope)
    assert found["width"].item() == pytest.approx(abs(slope) * rows.std(correction=0).item())
    assert found["brightness"].item() == pytest.approx(15 / 28**2)


def test_an_empty_image_has_no_slant_and_no_width():
    found = traits.traits(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    assert {name: value.item() for name, value in found.items()} == {"brightness": 0, "slant": 0, "width": 0}


def test_colours_are_warm_by_red_and_cold_by_blue():
    images = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)
    images[0, 0], images[1, 2], images[2, :, :16] = 255, 255, 255
    found = traits.traits(images)
    assert found["warmth"].tolist() == [1, -1, 0]
    assert found["brightness"].tolist() == pytest.approx([1 / 3, 1 / 3, 0.5])
    assert found["contrast"].tolist() == pytest.approx([0, 0, 0.5], abs=1e-3)


def test_codes_that_determine_a_trait_tell_it_and_others_do_not():
    generator = torch.Generator().manual_seed(0)
    t, other = torch.randn(2, 600, generator=generator).double()
    z = torch.stack([t, 10.0 * LABELS], dim=1)
    assert traits.neighbour_correlation(z, LABELS, t) > 0.98
    assert abs(traits.neighbour_correlation(z, LABELS, other)) < 0.1
    assert abs(traits.neighbour_correlation(z, LABELS, other + 10 * LABELS)) < 0.1  # by the label alone


def test_the_mean_over_neighbours_is_of_the_nearest():
    """On a line of four points with t = 0, 0, 3, 3 the nearest other ones have 0, 0, 3, 3; with the label's mean off, r = 1."""
    z = torch.tensor([[0.0], [1.0], [5.0], [6.0]])
    t = torch.tensor([0.0, 0.0, 3.0, 3.0])
    assert traits.neighbour_correlation(z, torch.zeros(4).long(), t, neighbours=1) == pytest.approx(1)
    assert traits.neighbour_correlation(z, torch.zeros(4).long(), t.flip(0), neighbours=1) == pytest.approx(1)
    apart = torch.tensor([0.0, 3.0, 0.0, 3.0])
    assert traits.neighbour_correlation(z, torch.zeros(4).long(), apart, neighbours=1) == pytest.approx(-1)


def test_a_label_without_enough_neighbours_is_named():
    labels = torch.tensor([0] * 20 + [1] * 10)
    with pytest.raises(UserError, match="label 1 has 10 images: give more than 10"):
        traits.neighbour_correlation(torch.randn(30, 2), labels, torch.randn(30))


def test_every_trait_is_summarized():
    z = torch.randn(600, 2, generator=torch.Generator().manual_seed(0))
    for channels, names in ((1, {"brightness", "slant", "width"}), (3, {"brightness", "contrast", "warmth"})):
        images = torch.randint(256, (600, channels, 32, 32), dtype=torch.uint8)
        assert traits.summarize(z, LABELS, images).keys() == {f"trait_{name}" for name in names}
