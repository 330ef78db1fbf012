"""Draws one answer of each task on its image, as one picture: docs/answers.jpg is made from the embedded sample.

make demo && .venv/bin/python bench/answers_sheet.py build/demo docs/answers.jpg --seed 0
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from bopask.store.dataset import bop_root_of
from bopask.view.draw import draw_row
from bopask.view.report import row_image, sample_rows

ORDER = ("pose", "grasp", "trajectory", "rearrangement", "spatial", "depth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="output folder of bopask generate")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-task", type=int, default=1)
    args = parser.parse_args()
    rows = sample_rows(args.out, args.per_task, args.seed)
    rows.sort(key=lambda row: ORDER.index(row["task"]))
    pictures = [draw_row(row, row_image(row, bop_root_of(args.out))) for row in rows]
    width, height = (max(side) for side in zip(*(p.size for p in pictures), strict=True))
    columns = 3
    sheet = Image.new("RGB", (width * columns, height * -(-len(pictures) // columns)), "#0d1117")
    for i, picture in enumerate(pictures):
        sheet.paste(picture.convert("RGB"), (width * (i % columns), height * (i // columns)))
    sheet.thumbnail((1500, 1500 * len(pictures)))
    sheet.save(args.picture, quality=85)


if __name__ == "__main__":
    main()
