import copy
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from exon import prior
from exon.figures import compare, plots


def test_a_sheet_lies_as_the_points_do(device):
    images = -torch.ones(9, 1, 4, 4, device=device)
    images[2] = 1.0  # first row from the top, last column
    _, axis = plt.subplots()
    plots.sheet(axis, images, limit=15)
    (picture,) = axis.images
    pixels = np.asarray(picture.get_array())
    assert pixels[:4, 8:].min() == 1
    assert pixels.sum() == 16
    assert picture.get_extent() == [-22.5, 22.5, -22.5, 22.5]
    assert picture.origin == "upper"


def test_the_sheet_keeps_images_within_half_a_shade():
    images = torch.rand(4, 1, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    _, axis = plt.subplots()
    plots.sheet(axis, images, limit=1)
    pixels = torch.from_numpy(np.asarray(axis.images[0].get_array()))
    assert (pixels[:5, :5] - (images[0, 0] + 1) / 2).abs().max() <= 1 / 62 + 1e-6


def test_curves_are_means_in_a_band_and_the_authors_only_over_the_same_epochs():
    columns = ["test_error_pct", *compare.TERMS]
    seeds = [
        pd.DataFrame({"beta": 5.0, "seed": seed, "epoch": [1, 2], **dict.fromkeys(columns, values)})
        for seed, values in ((1, [9, 7]), (2, [5, 6]))
    ]
    here = pd.concat([*seeds, seeds[0].assign(beta=0.1)], ignore_index=True)
    authors = pd.DataFrame({"beta": 5.0, "epoch": [1, 2, 3], **{name: [7, 6, 5] for name in columns}})
    figure = compare.curves(here, authors)
    for axis in figure.axes:
        lines = [line for line in axis.lines if len(line.get_xdata())]
        weak, mean, theirs = (line.get_xydata().tolist() for line in lines)
        assert weak == [[1, 9], [2, 7]]
        assert mean == [[1, 7], [2, 6.5]]
        assert theirs == [[1, 7], [2, 6]]
        band = axis.collections[1].get_paths()[0].vertices
        assert (band[:, 1].min(), band[:, 1].max()) == (5, 9)
        shades = [tuple(line.get_color()) for line in lines]
        assert shades[1] == shades[2] != shades[0]
        assert lines[2].get_linestyle() == "--"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        r"$\beta$ = 0.1 (n = 1)",
        r"$\beta$ = 5 (n = 2)",
        "authors",
    ]


def test_figures_of_the_plane_are_the_same_from_every_device(device):
    """The codes and predictions lie on the device of the model; the labels and the prior on the CPU."""
    p = prior.circle()
    z, labels = p.means.repeat(2, 1), torch.arange(20) % 10
    points = plots.latent_scatter(z.to(device), labels, p).axes[0].collections[0]
    np.testing.assert_allclose(points.get_offsets(), z)
    path = plots.prior_path(z, labels, p.means[:3].to(device), p).axes[0].lines[0]
    np.testing.assert_allclose(path.get_xydata(), p.means[:3])
    there = copy.deepcopy(p).to(device)
    picture = plots.class_map(torch.arange(9).to(device), limit=3, prior=there).axes[0].images[0]
    np.testing.assert_array_equal(picture.get_array(), np.arange(9).reshape(3, 3))
    images = torch.linspace(-1, 1, 4).view(4, 1, 1, 1).expand(4, 1, 2, 2)
    row = plots.image_row(images.to(device), list("abcd"))
    assert [axis.images[0].get_array().mean() for axis in row.axes] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_panels_are_as_many_as_there_are_titles():
    p = prior.line(4.0)
    z, labels = torch.randn(20, 2), torch.arange(20) % 2
    figure = compare.latent_panels(dict.fromkeys("abc", (z, labels, p)), limit=10)
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left") or axis.get_title() for axis in shown] == ["a", "b", "c"]


def test_rows_of_images_keep_their_order_and_colours(device):
    red = torch.tensor([1.0, -1.0, -1.0]).view(3, 1, 1).expand(3, 3, 3)
    images = torch.stack([-torch.ones(3, 3, 3), torch.zeros(3, 3, 3), red]).to(device)
    (first, second) = plots.image_rows({"up": images, "down": images.flip(0)}).axes
    np.testing.assert_allclose(np.asarray(first.images[0].get_array())[0, ::3], [[0, 0, 0], [0.5] * 3, [1, 0, 0]])
    np.testing.assert_allclose(np.asarray(second.images[0].get_array())[0, ::3], [[1, 0, 0], [0.5] * 3, [0, 0, 0]])
    assert second.get_ylabel() == "down"


def test_bars_show_every_dimension_and_in_order(device):
    values = torch.tensor([3.0, 0.0, 1.5]).to(device)
    plain, ordered = plots.v_nat_bars(values).axes
    assert list(plain.patches[0].get_data().values) == [3.0, 0.0, 1.5]
    assert list(ordered.patches[0].get_data().values) == [0.0, 1.5, 3.0]
    strips = plots.v_nat_classes(torch.stack([values, 2 * values]), ["a", "b"]).axes
    assert list(strips[1].patches[0].get_data().values) == [6.0, 0.0, 3.0]
    assert list(strips[1].patches[0].get_data().edges) == [-0.5, 0.5, 1.5, 2.5]


def test_the_correlation_matrix_shows_each_pair_once(device):
    matrix = torch.tensor([[1.0, 0.25, 0.5], [0.25, 1.0, 0.75], [0.5, 0.75, 1.0]]).to(device)
    axis = plots.correlation(matrix, ["a", "b", "c"]).axes[0]
    shown = {(text.get_position(), text.get_text()) for text in axis.texts}
    assert shown == {((0, 1), "0.250"), ((0, 2), "0.500"), ((1, 2), "0.750")}


def test_a_heat_map_shows_its_numbers():
    numbers = pd.DataFrame({"a": [3.04, 1.0], "b": [0.0, 7.5]}, index=pd.Index([0, 1], name="digit"))
    axis = compare.heat(numbers, "V-nat").axes[0]
    assert [text.get_text() for text in axis.texts] == ["3.0", "0.0", "1.0", "7.5"]
    assert axis.get_ylabel() == "digit"
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b"]


def test_bands_lie_in_the_order_of_their_names_from_zero_on():
    values = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    axis = compare.bands(values, ["cat", "dog"], "V-nat").axes[0]
    (image,) = axis.get_images()
    assert image.get_array().tolist() == values.tolist()
    assert image.get_clim() == (0, 6)
    assert image.origin == "upper"
    assert [label.get_text() for label in axis.get_yticklabels()] == ["cat", "dog"]


def test_codes_stand_beside_their_decoded_plane():
    p = prior.circle()
    images = -torch.ones(4, 1, 2, 2)
    panels = {name: (p.means, torch.arange(10), p, images) for name in ("a", "b")}
    left, right, below, _ = compare.planes(panels, limits=(24, 15)).axes
    assert (left.get_title(), below.get_title()) == ("a", "b")
    assert left.get_xlim() == (-24, 24)
    np.testing.assert_allclose(left.collections[0].get_offsets(), p.means, rtol=1e-6)
    assert right.images[0].get_extent() == [-30, 30, -30, 30]


def test_curves_share_the_step():
    columns = ["test_error_pct", *compare.TERMS]
    here = pd.DataFrame({"step": [100, 200], **{name: [2.0, 1.0] for name in columns}})
    authors = pd.DataFrame({"step": [390], **{name: [0.5] for name in columns}})
    longer = here.assign(step=[300, 600])
    for axis in compare.step_curves({"small": here, "large": longer}, authors).axes:
        small, large, dashed = axis.lines
        np.testing.assert_allclose(small.get_xydata(), [[100, 2], [200, 1]])
        np.testing.assert_allclose(large.get_xydata(), [[300, 2], [600, 1]])
        assert [line.get_label() for line in axis.lines] == ["small", "large", "authors"]
        np.testing.assert_allclose(dashed.get_xydata(), [[390, 0.5]])


def test_a_ratio_is_drawn_for_every_run_in_the_row_of_its_kind():
    table = pd.DataFrame([[5.0, 6.0, 8.0], [0.5, 0.7, 0.9]], ["activated", "random"], ["small", "large", "large"])
    (axis,) = compare.ratios(table, "ratio").axes
    small, large = axis.collections
    np.testing.assert_allclose(small.get_offsets(), [[5, -0.12], [0.5, 0.88]])
    np.testing.assert_allclose(sorted(large.get_offsets().tolist()), [[0.7, 1.12], [0.9, 1.12], [6, 0.12], [8, 0.12]])
    assert [marks.get_label() for marks in axis.collections] == ["small", "large"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["activated", "random"]


def test_in_one_column_every_panel_is_below_the_one_before_and_keeps_its_words():
    figure, axes = compare.two_columns(3, sharey=True)
    for index, axis in enumerate(axes):
        axis.plot([0, 1], [0, index], label=f"line {index}")
        axis.set(title=f"panel {index}")
    lines = [axis.lines[0] for axis in axes]
    figure.legend(lines, [line.get_label() for line in lines], loc="outside lower center", ncols=3)
    width, height = 4.0, figure.get_figheight()
    compare.one_column(figure, width)
    figure.canvas.draw()
    boxes = [axis.get_position() for axis in axes]
    assert all(below.y1 < above.y0 for above, below in itertools.pairwise(boxes))
    assert len({round(box.x0, 6) for box in boxes}) == 1
    assert figure.get_figwidth() == width
    assert figure.get_figheight() > height
    assert [axis.get_title() for axis in axes] == ["panel 0", "panel 1", "panel 2"]
    assert all(any(label.get_text() for label in axis.get_yticklabels() if label.get_visible()) for axis in axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["line 0", "line 1", "line 2"]
    assert legend.get_window_extent().width <= figure.bbox.width


def test_a_single_panel_is_only_made_narrow():
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    compare.one_column(figure, 4.0)
    assert figure.get_size_inches().tolist() == [4.0, 3.0]
    assert figure.axes == [axis]
