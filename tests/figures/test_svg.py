import base64
import io
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from exon.figures.svg import compact


def figure(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG")
    encoded = base64.encodebytes(buffer.getvalue()).decode()
    return f'<svg><image xlink:href="data:image/png;base64,\n{encoded}" id="a"/><text>data</text></svg>'


def picture(svg):
    encoded = re.search(r'base64,\s*([^"]+)"', svg)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"))


@pytest.mark.parametrize("colours", [1, 11, 256])
def test_few_colours_take_less_room_and_stay_the_same(colours):
    generator = np.random.default_rng(0)
    palette = generator.integers(0, 256, (colours, 4), dtype=np.uint8)
    pixels = palette[generator.integers(0, colours, (64, 80))]
    before = figure(pixels)
    after = compact(before)
    assert len(after) < len(before)
    np.testing.assert_array_equal(picture(after), pixels)
    assert after.endswith('" id="a"/><text>data</text></svg>')
    assert compact(after) == after


def smooth(alpha):
    row, column = np.mgrid[0:64, 0:80]
    colors = np.stack([3 * row, 2 * column, row + column]) + np.random.default_rng(0).integers(0, 4, (3, 64, 80))
    return np.stack([*colors, np.full_like(row, alpha)], axis=2).astype(np.uint8)


def test_many_colours_become_a_photograph_that_looks_the_same():
    before, after = figure(smooth(255)), compact(figure(smooth(255)))
    assert "data:image/jpeg" in after
    assert len(after) < len(before)
    assert np.abs(picture(after).astype(int) - smooth(255)).mean() < 3
    assert compact(after) == after


def test_transparent_pictures_of_many_colours_stay_as_they_are():
    np.testing.assert_array_equal(picture(compact(figure(smooth(128)))), smooth(128))


def drawing(svg):
    """Tags, attributes and text, white space in them as the XML and SVG standards read it."""
    return [
        (element.tag, {name: value.split() for name, value in element.items()}, (element.text or "").split())
        for element in ElementTree.fromstring(svg).iter()
    ]


def test_a_figure_of_matplotlib_is_one_line_and_the_same_drawing():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [2, 1])
    axes.set_title("a title")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    before, after = buffer.getvalue(), compact(buffer.getvalue())
    assert "\n" not in after.strip()
    assert len(after) < len(before)
    assert drawing(after) == drawing(before)
    assert compact(after) == after


def test_space_within_a_line_stays():
    assert compact("<svg><text>a  b</text> <text> </text></svg>") == "<svg><text>a  b</text> <text> </text></svg>"
