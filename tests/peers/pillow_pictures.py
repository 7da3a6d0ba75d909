#!/usr/bin/env python3
"""Writes tests/golden/pictures: small pictures of every kind that an import reads, and what Pillow makes of them.

Needs pillow (13.0). Usage: pillow_pictures.py DIR
"""

import json
import pathlib
import random
import sys

import PIL
from PIL import Image


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    draw = random.Random(7)
    width, height = 11, 7
    smooth = [
        ((x * 23) % 256, (y * 36 + 10 * x) % 256, (255 - x * 11 - y * 9) % 256) for y in range(height) for x in range(width)
    ]
    colours = Image.new("RGB", (width, height))
    colours.putdata(smooth)
    noise = Image.new("L", (width, height))
    noise.putdata([draw.randrange(256) for _ in range(width * height)])
    deep = Image.new("I;16", (width, height))
    deep.putdata([draw.randrange(65536) for _ in range(width * height)])
    opacity = noise.point(lambda value: value // 2 + 64)
    clear = colours.copy()
    clear.putalpha(opacity)
    veiled = noise.copy().convert("LA")
    veiled.putalpha(opacity)
    pictures = {
        "grey.png": noise,
        "grey16.png": deep,
        "colours.png": colours,
        "palette.png": colours.quantize(16),
        "bits.png": noise.convert("1"),
        "transparent.png": clear,
        "veiled.png": veiled,
        "colours.jpg": colours,
        "sampled.jpg": colours,
        "progressive.jpg": colours,
        "grey.jpg": noise,
    }
    options = {
        "colours.jpg": {"quality": 95, "subsampling": 0},
        "sampled.jpg": {"quality": 90, "subsampling": 2},
        "progressive.jpg": {"quality": 95, "progressive": True, "subsampling": 0},
        "grey.jpg": {"quality": 95},
    }
    found = {}
    for name, picture in pictures.items():
        picture.save(out / name, **options.get(name, {}))
        found[name] = {str(size): values(Image.open(out / name), size) for size in (None, 5, 16)}
    golden = {"script": "tests/peers/pillow_pictures.py", "pillow": PIL.__version__, "pictures": found}
    (out / "golden.json").write_text(json.dumps(golden) + "\n")


def values(picture, size):
    """Grey or colours, laid over white, as one list a channel; stretched to a square where a size is given."""
    if picture.mode == "I;16":
        picture = Image.frombytes("L", picture.size, picture.tobytes()[1::2])
    if "A" in picture.mode:
        ground = Image.new("RGBA", picture.size, "white")
        coloured = picture.mode == "RGBA"
        picture = Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB" if coloured else "L")
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB" if picture.mode == "P" else "L")
    if size:
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    return {"size": list(picture.size), "channels": [list(band.getdata()) for band in picture.split()]}


if __name__ == "__main__":
    main()
