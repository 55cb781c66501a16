import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exon import metrics, prior
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


@pytest.mark.parametrize("neighbours", [1, 3, 10])
def test_neighbours_are_the_nearest_of_the_own_label(neighbours):
    """Labels overlap, and the trait goes up in one and down in another; beside a loop over all pairs."""
    z = torch.randn(90, 1, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.arange(90) % 3
    t = z[:, 0] * torch.tensor([1.0, -1.0, 0.0])[labels] + torch.arange(90) / 50
    own, near = [], []
    for i in range(90):
        same = [j for j in range(90) if labels[j] == labels[i]]
        others = sorted((abs(z[i, 0] - z[j, 0]).item(), j) for j in same if j != i)
        own.append(t[i] - t[same].mean())
        near.append(torch.stack([t[j] for _, j in others[:neighbours]]).mean())
    near = torch.stack(near)
    for label in range(3):
        near[labels == label] -= near[labels == label].mean()
    expected = torch.corrcoef(torch.stack([torch.stack(own), near]))[0, 1].item()
    assert traits.neighbour_correlation(z, labels, t, neighbours) == pytest.approx(expected)


def test_codes_at_the_center_of_another_label_can_be_left_out():
    mixture = prior.circle()
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(600) % 10
    codes = mixture.sample(labels, generator)
    images = torch.randint(256, (600, 1, 28, 28), dtype=torch.uint8, generator=generator)
    numbers = traits.summarize(codes, labels, images, mixture)
    assert {f"own_{name}" for name in numbers if name.startswith("trait_")} <= numbers.keys()
    home = metrics.nearest_center(codes, mixture) == labels
    slant = traits.neighbour_correlation(codes[home], labels[home], traits.traits(images)["slant"][home])
    assert numbers["own_trait_slant"] == pytest.approx(slant)
    swapped = traits.summarize(codes, (labels + 1) % 10, images, mixture)  # none is left
    assert swapped.keys() == {name for name in numbers if name.startswith("trait_")}


def test_a_label_without_enough_neighbours_is_named():
    labels = torch.tensor([0] * 20 + [1] * 10)
    with pytest.raises(UserError, match="label 1 has 10 images: give more than 10"):
        traits.neighbour_correlation(torch.randn(30, 2), labels, torch.randn(30))


def test_every_trait_is_summarized():
    z = torch.randn(600, 2, generator=torch.Generator().manual_seed(0))
    for channels, names in ((1, {"brightness", "slant", "width"}), (3, {"brightness", "contrast", "warmth"})):
        images = torch.randint(256, (600, channels, 32, 32), dtype=torch.uint8)
        assert traits.summarize(z, LABELS, images).keys() == {f"trait_{name}" for name in names}


def test_too_few_images_of_a_label_leave_traits_out():
    images = torch.randint(256, (600, 1, 28, 28), dtype=torch.uint8)
    few = torch.cat([LABELS[LABELS < 2], torch.full((10,), 2)])
    assert traits.summarize(torch.randn(len(few), 2), few, images[: len(few)]) == {}
