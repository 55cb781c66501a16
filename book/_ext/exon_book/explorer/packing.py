"""The files that the explorers load: scripts, since a page that is opened as a file may load nothing else.

Each calls exonFiles.register(name, content). `data` in the content is a string of bytes in base64, and other numbers say where in
it a tensor begins. Weights are float32, or 12-bit integers of which each row has its own scale (weight = integer * scale).
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn


class Packing:
    """A string of bytes to which arrays are added."""

    def __init__(self) -> None:
        self.content = bytearray()

    def add(self, array: np.ndarray) -> int:
        """Append an array, at a multiple of four; returns where it begins."""
        place = len(self.content)
        self.content += array.tobytes()
        self.content += bytes(-len(self.content) % 4)
        return place

    def add_layer(self, layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, exact: bool = False) -> dict[str, Any]:
        """Append a layer's weights; returns their shape, with the channels that come out first, and where they begin.

        Args:
            exact: as float32, almost three times as large; else as integers with scales.
        """
        weight, stride = layer.weight.detach(), 1
        if isinstance(layer, nn.ConvTranspose2d):
            weight, stride = weight.transpose(0, 1), layer.stride[0]
        assert layer.bias is not None
        place = {"shape": list(weight.shape), "stride": stride, "bias": self.add(layer.bias.detach().numpy())}
        if exact:
            return place | {"weight": self.add(weight.numpy())}
        scale, integers = quantize(weight)
        return place | {"scale": self.add(scale), "weight": self.add(in_twelve_bits(integers))}

    def text(self) -> str:
        """All bytes in base64."""
        return base64.b64encode(self.content).decode()


def quantize(weight: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """(rows, ...) -> the scale of each row, float32, and round(weight / scale), -2047 to 2047, int16 (rows, columns)."""
    flat = weight.detach().reshape(len(weight), -1).double().numpy()
    scale = (np.abs(flat).max(1) / 2047).clip(1e-12).astype(np.float32)
    return scale, np.rint(flat / scale[:, None].astype(np.float64)).astype(np.int16)


def in_twelve_bits(integers: np.ndarray) -> np.ndarray:
    """Two integers in three bytes: the low eight bits of the first, its high four below the low four of the second, the rest."""
    values = integers.ravel().astype(np.uint16) & 0xFFF
    a, b = np.append(values, np.zeros(len(values) % 2, np.uint16)).reshape(-1, 2).T
    return np.stack([a & 0xFF, a >> 8 | (b & 0xF) << 4, b >> 4], axis=1).astype(np.uint8)


def write_script(folder: Path, name: str, content: dict[str, Any]) -> None:
    """Write folder/<name>.js."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(content, separators=(",", ":"))
    (folder / f"{name}.js").write_text(f"exonFiles.register({json.dumps(name)}, {text});\n")
