"""Smaller SVG figures: no line breaks, the pictures inside them with a palette or as photographs."""

import base64
import io
import re

import numpy as np
from PIL import Image

PNG = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")
QUALITY = 85


def compact(svg: str) -> str:
    """The same figure on one line, with smaller pictures inside.

    A notebook stores each line of an output as a string of its own, and Matplotlib begins one for every point of a glyph:
    joined by a space, the same drawing takes a quarter less. Between elements nothing is left.

    Matplotlib writes all pictures as RGBA PNG. One of at most 256 colours (scatter plots of ten colours, sheets of grey digits)
    stays as it is, pixel for pixel, with a palette; an opaque one of more colours (CIFAR-10 images) becomes a JPEG of
    quality 85.
    """
    svg = PNG.sub(lambda match: _smaller(match[1]), svg)
    svg = re.sub(r">\s*\n\s*<", "><", svg)
    return re.sub(r"\s*\n\s*", " ", svg)


def _smaller(encoded: str) -> str:
    original = base64.b64decode(encoded)
    picture = Image.open(io.BytesIO(original)).convert("RGBA")
    pixels = np.asarray(picture)
    packed, index = np.unique(np.ascontiguousarray(pixels).view(">u4").astype(np.uint32), return_inverse=True)
    colors = packed.astype(">u4").view(np.uint8).reshape(-1, 4)
    buffer, kind = io.BytesIO(), "png"
    if len(colors) <= 256:
        image = Image.fromarray(index.reshape(pixels.shape[:2]).astype(np.uint8), "P")
        image.putpalette(colors[:, :3].tobytes())
        image.save(buffer, "PNG", optimize=True, transparency=colors[:, 3].tobytes())
    elif pixels[..., 3].min() == 255:
        kind = "jpeg"
        picture.convert("RGB").save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    content = buffer.getvalue()
    if not content or len(content) >= len(original):
        content, kind = original, "png"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
