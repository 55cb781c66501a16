"""Smaller SVG figures: the pictures inside them with a palette, or as photographs."""

import base64
import io
import re

import numpy as np
from PIL import Image

PNG = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")
QUALITY = 85


def compact(svg: str) -> str:
    """The same figure with smaller pictures inside.

    Matplotlib writes them all as RGBA PNG. One of at most 256 colours (scatter plots of ten colours, sheets of grey digits)
    stays as it is, pixel for pixel, with a palette; an opaque one of more colours (CIFAR-10 images) becomes a JPEG of
    quality 85.
    """
    return PNG.sub(lambda match: _smaller(match[1]), svg)


def _smaller(encoded: str) -> str:
    original = base64.b64decode(encoded)
    picture = Image.open(io.BytesIO(original)).convert("RGBA")
    pixels = np.asarray(picture)
    colors, index = np.unique(pixels.reshape(-1, 4), axis=0, return_inverse=True)
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
