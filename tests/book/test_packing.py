"""Weights that the extension packs are those that the browser unpacks."""

import numpy as np
import pytest
import torch
from exon_book.explorer.packing import Packing
from torch import nn

READ = """(content) => {
    const data = Uint8Array.from(atob(content.data), (character) => character.charCodeAt(0)).buffer;
    const { decoder } = exonNetworks.mnist({ ...content, data });
    return decoder.map(({ weight, bias }) => ({ weight: [...weight], bias: [...bias] }));
}"""
NO_CODES = {"unit": 1, "count": 0, "codes": 0, "labels": 0, "classifier": []}


@pytest.fixture
def unpacked(browser):
    page = browser.new_page()
    page.add_script_tag(path="book/_static/explorer/networks.js")
    yield lambda content: page.evaluate(READ, content)
    page.close()


@pytest.mark.parametrize("columns", [1, 3, 4])
def test_the_browser_unpacks_what_was_packed(unpacked, columns):
    """Of each row to half a step of 2047 from 0 to its largest weight; also an odd number of weights, and a row of zeros."""
    layer = nn.Linear(columns, 5)
    with torch.no_grad():
        layer.weight.mul_(torch.tensor([[1.0], [-1.0], [100.0], [1e-3], [0.0]]))
    packing = Packing()
    places = [packing.add_layer(layer), packing.add_layer(layer, exact=True)]
    rounded, exact = unpacked({**NO_CODES, "decoder": places, "data": packing.text()})
    weight = layer.weight.detach().numpy()
    step = np.abs(weight).max(1, keepdims=True) / 2047
    assert (np.abs(np.reshape(rounded["weight"], weight.shape) - weight) <= 0.51 * step).all()
    assert exact["weight"] == weight.ravel().tolist()
    assert exact["bias"] == rounded["bias"] == layer.bias.tolist()
