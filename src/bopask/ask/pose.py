"""Pose: the 8 projected corners of an object's cuboid, in the order of `geometry.box`.

Paper section 3: pose, 2dbbox. Two orders are right where the viewer stands near the diagonal between two sides of the
box; any turn about its axis is right for an object that is round about it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from bopask.arrays import Array
from bopask.ask import text
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block, round_axis
from bopask.geometry import box

ORDER = (
    " Answer with eight [x, y] pixel coordinates in the {width}x{height} image: the bottom face first, then the top"
    " face, each counter-clockwise seen from above, starting at the front-left corner."
)
TEMPLATES = tuple(
    body + ORDER
    for body in (
        "What are the eight cuboid corners of the {a}?",
        "Where do the eight corners of the bounding cuboid of the {a} appear in the image?",
        "Which eight pixels are the corners of the box that tightly encloses the {a}?",
        "At which image points do the corners of the tightest cuboid around the {a} lie?",
        "How does the cuboid around the {a} project into the image?",
        "How is the {a} placed in space, told by the corners of its cuboid?",
        "Mark the eight corners of the 3D bounding box around the {a}.",
        "Give the projected corners of the cuboid that encloses the {a}.",
        "Fit a cuboid to the {a} and list its eight corners.",
        "Estimate the pose of the {a} as the eight image points of its cuboid.",
        "Outline the {a} with its 3D bounding box.",
        "Find the {a}, then give the image positions of its eight cuboid corners.",
        "Put a tight cuboid around the {a} and say where its corners fall in the image.",
        "Recover the position and orientation of the {a} by the corners of its 3D bounding box.",
        "A robot needs the 6D pose of the {a}. Where are the corners of its cuboid?",
        "A robot arm must know how the {a} is oriented. State the eight corners of its bounding cuboid.",
        "Before it reaches out, a robot localises the {a} in 3D. Which corner points describe its cuboid?",
        "You are the vision system of a robot. Report the {a} as a projected 3D box.",
        "If the {a} were packed into the tightest box along its own axes, where would the eight corners be?",
        "If you drew the 3D bounding box of the {a} over the image, which eight corner points would you draw?",
        "When the cuboid of the {a} is projected into the image, where do its eight corners fall?",
        "To place a virtual box exactly around the {a}, which eight image points are needed?",
        "Suppose that a transparent box fits the {a} exactly. Where in the image are its corners?",
        "Given this view, what are the projected corners of the oriented bounding box of the {a}?",
    )
)


NEAR_TIE = float(np.radians(10.0))
"""A viewer so near (rad) to the diagonal between two sides may take either for the front."""


def ask(block: Block) -> Iterator[Asked | Skipped]:
    if block.layout.world is None:
        return  # which face is the bottom?
    pixels = block.pixels(block.corners_cam)
    on_image = block.inside(pixels)
    yield Skipped("answer_outside_image", int((block.askable & ~on_image).sum()))
    frame, a = np.nonzero(block.askable & on_image)

    def evidence(facts: Int[Array, "r"]) -> text.Text:
        at = frame[facts], a[facts]
        T_cam_box, size = block.cuboids
        return text.open_object(
            T_cam_box=text.matrix(T_cam_box[at]),
            size_m=text.vector(size[at], 6),
            visib_fract=text.number(block.view.visib_fract[at], 4),
            accept_orders=text.take(ORDERS, other_front(block)[at]),
            round_axis=text.take(AXES, round_about(block)[at]),
        )

    yield Asked("cuboid", TEMPLATES, frame, a[:, None], evidence, pixels[frame, a])


ORDERS = tuple(str([box.TURNED[0].tolist(), *([p.tolist()] if k else [])]) for k, p in enumerate(box.TURNED))
"""JSON of the accepted orders of corners: as stated, or also from the side on the right, or on the left."""
AXES = ("0", "1", "2", "null")


def other_front(block: Block) -> Int[Array, "F N"]:
    """Which other side may be the front: 0 none, 1 the right one, 2 the left one."""
    R_world_box = block.T_world_cam[:, None, :3, :3] @ block.cuboids[0][..., :3, :3]
    return box.other_front(R_world_box, block.toward_viewer[:, None], NEAR_TIE)


def round_about(block: Block) -> Int[Array, "F N"]:
    """The box axis about which each object looks the same at every angle; 3 where there is none."""
    about = np.full((len(block.frames), block.n), len(AXES) - 1)
    for n, obj_id in enumerate(block.layout.obj_ids):
        axis = round_axis(block.models[int(obj_id)])
        if axis is not None:
            R_obj_box = block.models[int(obj_id)].box.T_ref_box[:3, :3]
            axis_cam = block.T_cam_obj[:, n, :3, :3] @ (R_obj_box @ axis)
            about[:, n] = np.abs((axis_cam[:, :, None] * block.cuboids[0][:, n, :3, :3]).sum(1)).argmax(-1)
    return about
