"""Spatial relations (yes/no): left / right, in front of / behind, above / below, left / right of one who faces.

Left, right, front and behind are the viewer's: left and right along the camera's x, front and behind along the
horizontal direction away from the viewer. Above and below are the world's, and only said where one object stands on
the other or over it (overlap in plan); higher and lower compare the tops of any two. Left and right of one who stands
at an object and faces another are in `facing`, distances between objects in `nearer`, one of three in `superlatives`.
Paper section 3: spatial reasoning, relative position.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.ask import facing, nearer
from bopask.ask.asked import Asked, Skipped
from bopask.ask.block import Block
from bopask.ask.relations import (
    CAMERA,
    LOOKING,
    Facts,
    along,
    ask_relation,
    before,
    decided,
    phrase_relation,
    solid,
    without_hints,
)
from bopask.ask.superlatives import between, superlative
from bopask.geometry import se3
from bopask.geometry.mesh import Mesh
from bopask.geometry.rays import RayScene

TEMPLATES = (
    "Is the {a} {rel} the {b}{view}?",
    "Would you say that the {a} is {rel} the {b}{view}?",
    "Can you confirm that the {a} is located {rel} the {b}{view}?",
    "Is it true that the {a} is {rel} the {b}{view}?",
    "Looking at the scene, is the {a} {rel} the {b}{view}?",
    "Do you see the {a} {rel} the {b}{view}?",
    "Relative to the {b}, is the {a} placed {rel} it{view}?",
    "Can the {a} be found {rel} the {b}{view}?",
    "Consider the {a} and the {b}. Is the {a} {rel} the {b}{view}?",
    "Check the arrangement: is the {a} {rel} the {b}{view}?",
    "Has the {a} its place {rel} the {b}{view}?",
    "Take the {b} as the reference. Is the {a} {rel} it{view}?",
    "Find the {b}, then the {a}. Is the {a} {rel} the {b}{view}?",
    "If someone looks for the {a}, will they find it {rel} the {b}{view}?",
)
WORLD = ", where up is away from the surface that everything rests on"
SIDEWAYS = (
    "From the camera's point of view, is the {a} {rel} the {b}?",
    "Seen by the camera, is the {a} found {rel} the {b}?",
    "In the camera's view of the scene, is the {a} situated {rel} the {b}?",
    "Through the camera, does the {a} appear {rel} the {b}?",
    "A robot looks through this camera. Does it see the {a} {rel} the {b}?",
    "A robot that shares the camera's view is told that the {a} is {rel} the {b}. Is that right?",
    "If you take the camera's point of view, is the {a} {rel} the {b}?",
    "When the scene is looked at from the camera, is it the case that the {a} is {rel} the {b}?",
)
"""Of left and right."""
LENGTHWAYS = (
    "As seen by the camera, is the {a} {rel} the {b}?",
    "For a viewer at the camera, is the {a} placed {rel} the {b}?",
    "In the camera's view of the scene, is the {a} situated {rel} the {b}?",
    "Looking from the camera into the scene, is the {a} {rel} the {b}?",
    "A robot looks through this camera. Is the {a} {rel} the {b} for it?",
    "A robot at the camera is told that the {a} is {rel} the {b}. Is that right?",
    "If you take the camera's point of view, is the {a} {rel} the {b}?",
    "When one looks from the camera, is it the case that the {a} is {rel} the {b}?",
)
"""Of front and behind."""
UPRIGHT = (
    "With up pointing away from the surface that everything rests on, is the {a} {rel} the {b}?",
    "Up is away from the supporting surface. Is the {a} {rel} the {b}?",
    "In the world, where up is away from the supporting surface, is the {a} located {rel} the {b}?",
    "Measured upwards from the supporting surface, is the {a} {rel} the {b}?",
    "A robot takes the supporting surface as the ground. Is the {a} {rel} the {b} for it?",
    "A robot whose up is away from the supporting surface notes that the {a} is {rel} the {b}. Is that right?",
    "If up is away from the surface under all the objects, is the {a} {rel} the {b}?",
    "Whatever the camera's tilt, with up away from the supporting surface, is the {a} {rel} the {b}?",
)
"""Of above and below."""
WORDS = {
    relation: phrase_relation(TEMPLATES + own, rel=rel, view=view)
    for relation, rel, view, own in (
        ("left", "to the left of", CAMERA, SIDEWAYS),
        ("right", "to the right of", CAMERA, SIDEWAYS),
        ("front", "in front of", LOOKING, LENGTHWAYS),
        ("behind", "behind", LOOKING, LENGTHWAYS),
        ("above", "above", WORLD, UPRIGHT),
        ("below", "below", WORLD, UPRIGHT),
    )
}
"""Every wording names the frame it is meant in."""
TOPS = (
    "Is the top of the {a} {rel} above the surface that everything rests on than the top of the {b}?",
    "Is it true that the top of the {a} is {rel} above the surface than the top of the {b}?",
    "Is the highest point of the {a} {rel} above the supporting surface than that of the {b}?",
    "Does the top of the {a} reach {rel} above the supporting surface than the top of the {b}?",
    "Would you say that the top of the {a} is {rel} above the surface than that of the {b}?",
    "Can you confirm that the highest point of the {a} lies {rel} above the surface than that of the {b}?",
    "Has the {a} its top {rel} above the surface than the {b} has its own?",
    "Measured from the supporting surface, is the top of the {a} {rel} than the top of the {b}?",
    "Measured straight up from the surface, is the {a} {rel} at its top than the {b}?",
    "Relative to the supporting surface, is the top of the {a} {rel} than that of the {b}?",
    "Judging by height above the surface, is the top of the {a} {rel} than that of the {b}?",
    "With the supporting surface as zero, is the top of the {a} {rel} than the top of the {b}?",
    "Compare two heights above the surface. Is the top of the {a} {rel} than that of the {b}?",
    "Look at how far things reach up from the surface: is the top of the {a} {rel} than that of the {b}?",
    "Check the heights above the surface: is the top of the {a} {rel} than the top of the {b}?",
    "Of the {b} and the {a}, is the top of the {a} the {rel} one above the surface?",
    "Between the {b} and the {a}, is it the {a} whose top is {rel} above the surface?",
    "Decide whether this holds: above the surface, the top of the {a} is {rel} than the top of the {b}. Does it?",
    "A robot measures heights above the surface. Does it find the top of the {a} {rel} than the top of the {b}?",
    "If heights are measured upwards from the surface, is the top of the {a} {rel} than that of the {b}?",
    "Suppose that the surface is the ground. Is the top of the {a} {rel} than the top of the {b}?",
    "When heights start at the surface, is the top of the {a} found {rel} than that of the {b}?",
)
"""Of higher and lower."""
HIGHER, LOWER = (phrase_relation(TOPS, rel=rel) for rel in ("higher", "lower"))
UP: Float[Array, "3"] = np.array([0.0, 0.0, 1.0])
OVER = 0.01
"""An object over another may reach this far (m) below the other's top: real poses interpenetrate."""


def ask(block: Block) -> Iterator[Asked | Skipped]:
    left, skipped = left_of(block)
    left, hints = without_hints(block, left, "left", "right")
    yield from (skipped, *hints)
    yield ask_relation(block, "left", WORDS["left"], left, "camera")
    yield ask_relation(block, "right", WORDS["right"], left.turned, "camera")
    yield from superlative(block, "leftmost", left)
    yield from superlative(block, "rightmost", left.turned)
    yield from between(block, left)
    if block.layout.world is None:
        return
    front, skipped = in_front_of(block)
    front, hints = without_hints(block, front, "near", "far", "top", "bottom")
    yield from (skipped, *hints)
    yield ask_relation(block, "front", WORDS["front"], front, "camera")
    yield ask_relation(block, "behind", WORDS["behind"], front.turned, "camera")
    yield from superlative(block, "foremost", front)
    yield from superlative(block, "hindmost", front.turned)
    above, hints = without_hints(block, above_of(block), "top", "bottom")
    yield from hints
    yield ask_relation(block, "above", WORDS["above"], above, "world")
    yield ask_relation(block, "below", WORDS["below"], above.turned, "world")
    higher, skipped = higher_than(block)
    higher, hints = without_hints(block, higher, "top", "bottom", "large", "small")
    yield from (skipped, *hints)
    yield ask_relation(block, "higher", HIGHER, higher, "world")
    yield ask_relation(block, "lower", LOWER, higher.turned, "world")
    yield from nearer.ask(block)
    yield from facing.ask(block)


def left_of(block: Block) -> tuple[Facts, Skipped]:
    """Left along the camera's x in metres, and in pixels too: perspective can turn one against the other."""
    bbox = np.nan_to_num(block.view.bbox)
    u = (bbox[..., 0] + bbox[..., 2]) / 2
    seen = u[:, None, :] - u[:, :, None] >= block.config.margin_px
    return decided(block, before(*along(block.corners_cam[..., 0])), seen & solid(block, block.extremes_cam[..., 0]))


def in_front_of(block: Block) -> tuple[Facts, Skipped]:
    """Nearer to the viewer along the support, nearer to the camera too, and more before the other than beside it.

    Both by the margin: a low thing before a tall one, seen from above, may be the farther from the camera.
    """
    away = -(block.corners_world * block.toward_viewer[:, None, None, :]).sum(-1)
    aside = (block.corners_world * np.cross(block.toward_viewer, UP)[:, None, None, :]).sum(-1)
    behind, beside = (x.mean(-1)[:, None, :] - x.mean(-1)[:, :, None] for x in (away, aside))
    z = block.corners_cam[..., 2].mean(-1)
    nearer = z[:, None, :] - z[:, :, None] >= block.config.margin
    awayward = -np.einsum("fij,fi->fj", block.T_world_cam[:, :3, :3], block.toward_viewer)  # camera frame
    agrees = solid(block, np.einsum("fndi,fi->fnd", block.extremes_cam, awayward))
    return decided(block, before(*along(away)), nearer & (behind >= np.abs(beside)) & agrees)


def above_of(block: Block) -> Facts:
    """Standing on the other, or over it: the vertical line through the middle of one meets the other.

    Told from the meshes in the layout, once for all frames: boxes overlap in plan where objects need not.
    """
    above, margin = block.once("above", lambda: stacked(block))
    shape = (len(block.frames), block.n, block.n)
    return Facts(np.broadcast_to(above, shape), np.broadcast_to(margin, shape))


def higher_than(block: Block) -> tuple[Facts, Skipped]:
    """The highest point of one lies above that of the other, by the margin: the same in every frame."""
    tops = block.once("tops", lambda: highest(block))
    margin = np.broadcast_to(tops[:, None] - tops, (len(block.frames), block.n, block.n))
    return decided(block, margin, True)


def highest(block: Block) -> Float[Array, "N"]:
    """World z (m) of each object's highest vertex."""
    models = [block.models[int(o)] for o in block.layout.obj_ids]
    placed = zip(block.layout.T_world_obj, models, strict=True)
    return np.array([(model.mesh.vertices @ T[2, :3]).max() + T[2, 3] for T, model in placed])


def stacked(block: Block) -> tuple[Bool[Array, "N N"], Float[Array, "N N"]]:
    """Who stands over whom in the layout, and the gap between them (m)."""
    world = [
        Mesh(se3.transform(T, model.mesh.vertices), model.mesh.faces)
        for T, model in zip(block.layout.T_world_obj, (block.models[int(o)] for o in block.layout.obj_ids), strict=True)
    ]
    low, high = (np.stack([end(mesh.vertices, 0) for mesh in world]) for end in (np.min, np.max))
    middle = (low + high) / 2
    margin = low[:, None, 2] - high[None, :, 2]
    above = (middle[:, None, 2] > high[None, :, 2]) & ((margin >= -OVER) | block.priors.stands_on)
    for a, b in zip(*np.nonzero(above), strict=True):
        above[a, b] = meets(world[b], middle[a]) or meets(world[a], middle[b])
    return above, margin


def meets(mesh_world: Mesh, point_world: Float[Array, "3"]) -> bool:
    """True when the vertical line through a point meets the mesh."""
    top = np.append(point_world[:2], mesh_world.vertices[:, 2].max() + 1.0)
    return bool(RayScene([mesh_world]).first_hit(top, np.array([0.0, 0.0, -1.0]))[0] >= 0)
