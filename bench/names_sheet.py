"""Draws every model of a BOP folder from four sides over its name and the words from its mesh and texture alone.

    python bench/names_sheet.py MODELS_FOLDER NAMES.json SHEET.png [--side 130] [--columns 7]

The sheet to check names on, and to judge those words by: looks = all that is certain, "phrase" = said of it alone, or
a dash where nothing tells it apart.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bopask.ask.looks import SAMPLES, looks_of, tell_apart
from bopask.bop.models import Models
from bopask.bop.skin import Skin, read_skin
from bopask.geometry.shape import shape_of
from bopask.view.turntable import seen

VIEWS = ((30, 25), (120, 25), (210, 25), (300, 65))
"""Azimuth and elevation of the camera (degrees), the model's z up."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("names", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--side", type=int, default=130, help="pixels of one view")
    parser.add_argument("--columns", type=int, default=7)
    args = parser.parse_args()
    named = json.loads(args.names.read_text())["objects"] if args.names.exists() else {}
    models = Models(args.models)
    skins = {obj_id: read_skin(models[obj_id]) for obj_id in models}
    looks = {
        o: looks_of(shape_of(skin.mesh), skin.sample(SAMPLES, models[o].sha256)[1] if skin.coloured else None)
        for o, skin in skins.items()
    }
    phrases = tell_apart(looks)
    cells = []
    for obj_id, skin in skins.items():
        size = " x ".join(f"{s * 1000:.0f}" for s in models[obj_id].box.size)
        lines = (f"looks: {looks[obj_id].words}", f'phrase: "{phrases[obj_id]}"' if obj_id in phrases else "phrase: -")
        cells.append(
            cell(skin, f"{obj_id}  {named.get(str(obj_id), {}).get('name', '?')}", (*lines, f"{size} mm"), args.side)
        )
        print(f"{obj_id:3d}  {named.get(str(obj_id), {}).get('name', '?'):20s} {lines[0]:45s} {lines[1]}")
    width, height = cells[0].size
    rows = -(-len(cells) // args.columns)
    sheet = Image.new("RGB", (width * args.columns, height * rows), "white")
    for k, image in enumerate(cells):
        sheet.paste(image, (k % args.columns * width, k // args.columns * height))
    args.sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(128, dither=Image.Dither.NONE).save(args.sheet, optimize=True)


def cell(skin: Skin, title: str, lines: tuple[str, ...], side: int) -> Image.Image:
    """Four views of one model over its name and words."""
    image = Image.new("RGB", (2 * side + 6, 2 * side + 76), "white")
    for k, (azimuth, elevation) in enumerate(VIEWS):
        view = Image.fromarray(np.asarray(seen(skin, azimuth, elevation, side)))
        image.paste(view, (k % 2 * side, k // 2 * side))
    draw = ImageDraw.Draw(image)
    draw.text((6, 2 * side + 2), title, "black", ImageFont.load_default(17))
    for k, line in enumerate(lines):
        draw.text((6, 2 * side + 25 + 15 * k), line, "black" if k < 2 else "gray", ImageFont.load_default(12))
    return image


if __name__ == "__main__":
    main()
