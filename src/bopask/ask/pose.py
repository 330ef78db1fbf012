"""Pose: the 8 projected corners of an object's cuboid, in the order of `geometry.box`.

Paper section 3: pose, 2dbbox.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bopask.ask import text
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block

ORDER = (
    " Answer with eight [x, y] pixel coordinates in the {width}x{height} image: the bottom face first, then the top"
    " face, each counter-clockwise seen from above, starting at the front-left corner."
)
TEMPLATES = tuple(
    body + ORDER
    for body in (
        "What are the eight cuboid corners of the {a}?",
        "Where do the eight corners of the bounding cuboid of the {a} appear in the image?",
        "Mark the eight corners of the 3D bounding box around the {a}.",
        "Give the projected corners of the cuboid that encloses the {a}.",
        "Outline the {a} with its 3D bounding box. Where are the box's eight corners?",
        "Estimate the pose of the {a} as the eight image points of its cuboid.",
        "Fit a cuboid to the {a} and list its eight corners.",
        "Which eight pixels are the corners of the box that tightly encloses the {a}?",
        "Localise the {a} in 3D: what are the image positions of its cuboid corners?",
        "Draw the cuboid of the {a}. Which corner points does it have?",
    )
)


def ask(block: Block) -> Iterator[Asked | Skipped]:
    if block.layout.world is None:
        return  # which face is the bottom?
    pixels = block.pixels(block.corners_cam)
    on_image = block.inside(pixels)
    yield Skipped("answer_outside_image", int((block.askable & ~on_image).sum()))
    frame, a = np.nonzero(block.askable & on_image)
    T_cam_box, size = block.cuboids
    points = pixels[frame, a]
    yield Asked(
        subtask="cuboid",
        templates=TEMPLATES,
        frame=frame,
        instances=a[:, None],
        evidence=text.json_object(
            T_cam_box=text.matrix(T_cam_box[frame, a]),
            size_m=text.vector(size[frame, a], 6),
            visib_fract=text.number(block.view.visib_fract[frame, a], 4),
        ),
        points=points,
        answer=text.points(points),
    )
