"""Pictures of a folder that `bopask synth` made, as one sheet: docs/synth.jpg.

    python bench/synth_sheet.py FOLDER docs/synth.jpg [--split train] [--pictures 24] [--columns 6]

One picture of each of so many scenes, spread over the folder; not chosen by eye.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--width", type=int, default=320, help="of each (px)")
    args = parser.parse_args()
    scenes = sorted(p for p in (args.folder / args.split).iterdir() if p.is_dir())
    chosen = [scenes[i] for i in np.linspace(0, len(scenes) - 1, args.pictures).round().astype(int)]
    pictures = []
    for k, scene in enumerate(chosen):
        files = sorted((scene / "rgb").iterdir())
        pictures.append(Image.open(files[k % len(files)]))
    wide, tall = args.width, round(args.width * pictures[0].height / pictures[0].width)
    sheet = Image.new("RGB", (wide * args.columns, tall * -(-len(pictures) // args.columns)))
    for k, picture in enumerate(pictures):
        small = picture.resize((wide, tall), Image.Resampling.LANCZOS)
        sheet.paste(small, (wide * (k % args.columns), tall * (k // args.columns)))
    sheet.save(args.picture, quality=85, optimize=True)


if __name__ == "__main__":
    main()
