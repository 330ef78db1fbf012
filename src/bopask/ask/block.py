"""Block: everything a task may look at, for F frames of one layout, as arrays.

Knows the geometry of a view (who is visible, which way the viewer is); knows nothing of any task or wording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.ask import text
from bopask.ask.referring.form import Form, Referred
from bopask.ask.text import Text
from bopask.geometry import box, camera, se3
from bopask.nouns import Arrangement, Layout, Model, Priors, View

Once = TypeVar("Once")


def frame_poses(arrangement: Arrangement, frames: Int[Array, "F"]) -> Float[Array, "F N 4 4"]:
    """T_cam_obj of every frame's own ground truth, in the layout's order of objects."""
    return np.stack([arrangement.frames[f].T_cam_obj[arrangement.slots[f]] for f in frames])


@dataclass(frozen=True)
class AskConfig:
    """What is asked and what is too doubtful to ask."""

    min_visib: float = 0.3
    """An object is asked about when at least this share of its silhouette is visible."""
    min_size: float = 12.0
    """...and its silhouette's box is at least this many pixels in its longer side."""
    margin: float = 0.02
    """Metres by which a relation must hold beyond the objects' own extents; less is doubtful and not asked.

    Rendered masks and depth agree with every label down to -10 mm (bench/relations.py), and a real sensor's distances
    differ from those of the poses by up to 17 mm for one object, 21 mm for two: 20 mm leave 30.
    """
    margin_px: float = 6.0
    """Pixels by which image positions must differ before 'left' or 'leftmost' is said."""


@dataclass(frozen=True)
class Block:
    """F frames of a layout with N objects."""

    layout: Layout
    priors: Priors
    frames: Int[Array, "F"]
    """Indices into layout.arrangement.frames."""
    models: Mapping[int, Model]
    view: View
    forms: tuple[Form, ...]
    """Referring phrases, as 'leftmost can of soup', by what they mean."""
    phrase: Int[Array, "F N"]
    """Index into `forms`; -1 where no phrase means that object alone."""
    config: AskConfig
    kin: Bool[Array, "N N"] | None = None
    """Objects that one noun may cover; None: those of one obj_id."""
    told: dict[str, Any] = field(default_factory=dict)
    """What is the same in every frame of the layout: blocks of one layout share it."""

    def once(self, what: str, tell: Callable[[], Once]) -> Once:
        """What `tell` gives, told once a layout."""
        if what not in self.told:
            self.told[what] = tell()
        return cast(Once, self.told[what])

    def called(self, referred: Referred) -> Block:
        """The same block with its objects' phrases."""
        return replace(self, forms=referred.forms, phrase=referred.code, kin=referred.alike)

    @property
    def n(self) -> int:
        return len(self.layout.obj_ids)

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        return tuple(form.text for form in self.forms)

    @cached_property
    def alike(self) -> Bool[Array, "N N"]:
        return np.equal.outer(self.layout.obj_ids, self.layout.obj_ids) if self.kin is None else self.kin

    def told_from(self, *sides: str) -> Bool[Array, "F N N"]:
        """Pairs of look-alikes of which a phrase counts one from such a side: its words tell where the other is."""
        counted = np.array([form.ordinal is not None and form.ordinal[0] in sides for form in self.forms] + [False])
        return self.alike & (counted[self.phrase][:, :, None] | counted[self.phrase][:, None, :])

    @cached_property
    def by_landmark(self) -> Bool[Array, "F N"]:
        """Whether an object's phrase speaks of another: 'the can behind the red bowl'."""
        return np.array([form.relation is not None for form in self.forms] + [False])[self.phrase]

    @cached_property
    def orders(self) -> tuple[Int[Array, "O N"], Int[Array, "F"]]:
        """The distinct orders in which the frames' scene_gt list the objects, and which of them each frame has.

        Evidence names objects by their row in scene_gt: `orders[0][o][n]` is that of object n. Text that speaks of
        objects is written once an order, not once a frame.
        """
        slots = np.stack([self.layout.arrangement.slots[f] for f in self.frames])
        distinct, which = np.unique(slots, axis=0, return_inverse=True)
        return distinct, which.reshape(-1)

    @cached_property
    def K(self) -> Float[Array, "F 3 3"]:
        return np.stack([self.layout.arrangement.frames[f].camera.K for f in self.frames])

    @cached_property
    def size(self) -> Float[Array, "F 2"]:
        """Width and height of each image (px)."""
        cameras = [self.layout.arrangement.frames[f].camera for f in self.frames]
        return np.array([[c.width, c.height] for c in cameras], float)

    @cached_property
    def bbox_text(self) -> Text:
        """'[u0, v0, u1, v1]' of object n in frame f at f * N + n, whole pixels."""
        return text.vector(np.nan_to_num(self.view.bbox.reshape(-1, 4)), 0)

    @cached_property
    def T_cam_obj(self) -> Float[Array, "F N 4 4"]:
        return frame_poses(self.layout.arrangement, self.frames)

    @cached_property
    def T_world_cam(self) -> Float[Array, "F 4 4"]:
        return self.layout.T_world_cam[self.frames]

    @cached_property
    def T_cam_world(self) -> Float[Array, "F 4 4"]:
        return se3.inverse(self.T_world_cam)

    @cached_property
    def toward_viewer(self) -> Float[Array, "F 3"]:
        """Horizontal unit direction from the scene to the viewer, world frame.

        The horizontal part of (image down - optical axis): right for a level camera, and still defined for one that
        looks straight down, where the bottom of the picture is the viewer's side.
        """
        direction = (self.T_world_cam[:, :3, 1] - self.T_world_cam[:, :3, 2]) * np.array([1.0, 1.0, 0.0])
        return direction / np.maximum(np.linalg.norm(direction, axis=-1, keepdims=True), 1e-9)

    @cached_property
    def cuboids(self) -> tuple[Float[Array, "F N 4 4"], Float[Array, "F N 3"]]:
        """T_cam_box and size of every cuboid, axes named so that corners come in the documented order.

        Without a world the axes are the model's own, and only the extent of the box may be used.
        """
        R_obj_box = np.stack([self.models[int(o)].box.T_ref_box for o in self.layout.obj_ids])
        size = np.stack([self.models[int(o)].box.size for o in self.layout.obj_ids])
        T_cam_box = self.T_cam_obj @ R_obj_box
        if self.layout.world is None:
            return T_cam_box, np.broadcast_to(size, (len(self.frames), self.n, 3))
        R_world_cam = self.T_world_cam[:, None, :3, :3]
        R_world_box = R_world_cam @ T_cam_box[..., :3, :3]
        viewer = np.broadcast_to(self.toward_viewer[:, None], (*R_world_box.shape[:2], 3))
        for n, obj_id in enumerate(self.layout.obj_ids):
            axis = round_axis(self.models[int(obj_id)])
            if axis is not None:
                R_world_box[:, n] = box.spin(R_world_box[:, n], axis, viewer[:, n])
                across = axis < 0.5
                size[n, across] = size[n, across].max()
        R_world_box, ordered = box.order_axes(R_world_box, size, viewer)
        T_cam_box = se3.se3(np.swapaxes(R_world_cam, -1, -2) @ R_world_box, T_cam_box[..., :3, 3])
        return T_cam_box, ordered

    @cached_property
    def corners_cam(self) -> Float[Array, "F N 8 3"]:
        return box.corners_of(*self.cuboids)

    @cached_property
    def corners_world(self) -> Float[Array, "F N 8 3"]:
        """By each frame's own poses."""
        return se3.transform(self.T_world_cam[:, None], self.corners_cam)

    @cached_property
    def extremes_cam(self) -> Float[Array, "F N d 3"]:
        """The points of each mesh that reach farthest."""
        points = np.stack([self.models[int(o)].extremes for o in self.layout.obj_ids])
        return se3.transform(self.T_cam_obj, np.broadcast_to(points, (len(self.frames), *points.shape)))

    def pixels(self, points_cam: Float[Array, "F ... 3"]) -> Float[Array, "F ... 2"]:
        """Pixels of points in each frame's camera; NaN at or behind it."""
        flat = points_cam.reshape(len(self.frames), -1, 3)
        return camera.project(self.K, flat).reshape(*points_cam.shape[:-1], 2)

    def inside(self, pixels: Float[Array, "F ... p 2"]) -> Bool[Array, "F ..."]:
        """True where all p pixels lie on the image."""
        size = self.size.reshape(-1, *([1] * (pixels.ndim - 2)), 2)
        with np.errstate(invalid="ignore"):
            return np.asarray(((pixels >= -0.5) & (pixels <= size - 0.5)).all((-1, -2)))

    @cached_property
    def askable(self) -> Bool[Array, "F N"]:
        """Named without ambiguity, visible enough, large enough."""
        bbox = np.nan_to_num(self.view.bbox)
        extent = np.maximum(bbox[..., 2] - bbox[..., 0], bbox[..., 3] - bbox[..., 1])
        return (
            (self.phrase >= 0)
            & (self.view.visib_fract >= self.config.min_visib)
            & (extent >= self.config.min_size)
            & np.isfinite(self.view.anchor).all(-1)
        )


def round_axis(model: Model) -> Float[Array, "3"] | None:
    """The coordinate axis about which the object looks the same at every angle, or None.

    An axis that is not along a coordinate axis of the box, or does not pass its centre, leaves the box as it is.
    """
    for axis, offset in zip(model.symmetry.axes, model.symmetry.offsets, strict=True):
        direction = np.abs(axis / np.linalg.norm(axis))
        beside = (offset - model.box.T_ref_box[:3, 3]) * (direction < 0.5)
        if direction.max() > 0.999 and np.linalg.norm(beside) < 0.005:
            return np.asarray((direction > 0.5).astype(float))
    return None
