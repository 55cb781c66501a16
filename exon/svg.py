"""Smaller SVG figures: the pictures inside them with a palette instead of four bytes for every pixel."""

import base64
import io
import re

import numpy as np
from PIL import Image

PNG = re.compile(r"(data:image/png;base64,)\s*([A-Za-z0-9+/=\s]+)")


def compact(svg: str) -> str:
    """The same figure, pixel for pixel: every PNG inside it that has at most 256 colours is written with a palette.

    Matplotlib writes all of them as RGBA; scatter plots of ten colours and sheets of grey digits need half of that.
    """
    return PNG.sub(lambda match: match[1] + _smaller(match[2]), svg)


def _smaller(encoded: str) -> str:
    original = base64.b64decode(encoded)
    pixels = np.asarray(Image.open(io.BytesIO(original)).convert("RGBA"))
    colors, index = np.unique(pixels.reshape(-1, 4), axis=0, return_inverse=True)
    if len(colors) <= 256:
        image = Image.fromarray(index.reshape(pixels.shape[:2]).astype(np.uint8), "P")
        image.putpalette(colors[:, :3].tobytes())
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True, transparency=colors[:, 3].tobytes())
        original = min(original, buffer.getvalue(), key=len)
    return base64.b64encode(original).decode()
