"""What each camera sees of each object: its box in the picture, the visible share, a pixel well inside.

The share is bop_toolkit's visib_fract = visible pixels / pixels of the whole silhouette, parts outside the image
counted in the silhouette (scripts/calc_gt_info.py, https://github.com/thodan/bop_toolkit), estimated on a grid of
pixels over each object's box. The meshes alone are looked at: a hand or a cable that has no model hides nothing.
One Embree scene a mesh; a ray is turned into the object's frame instead of the object into the ray's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import ConvexHull, QhullError

from bopask.arrays import Array
from bopask.geometry import se3
from bopask.geometry.camera import project, unproject
from bopask.geometry.mesh import Mesh
from bopask.geometry.rays import RayScene
from bopask.nouns import Arrangement, Camera, Model, View

AT_ONCE = 200_000
"""Rays or vertices handled at once: what fits the processor's cache. Changes the speed, never the result."""


@dataclass(frozen=True)
class VisibilityConfig:
    """How closely to look."""

    samples: int = 20
    """Pixels tried along each side of an object's box: 400 rays an instance. On YCB-V the share is then within 0.004
    of a 96 × 96 grid's on average, 0.03 at worst; 16 give 0.006 and 0.07, 24 cost half as much again."""


def look(
    arrangement: Arrangement,
    models: Mapping[int, Model],
    frames: slice | Int[Array, "f"] = slice(None),
    config: VisibilityConfig = VisibilityConfig(),
) -> View:
    """What the chosen frames of an arrangement show.

    visib_fract is the dataset's where it gives one (>= 0), else computed. It is 0, and the anchor NaN, for an object
    that lies outside the image or reaches behind the camera, whatever the dataset says. The anchor is the centre of a
    pixel (whole numbers) whose ray meets the object first.
    """
    block = _Block.of(arrangement, models, np.arange(len(arrangement.frames))[frames])
    share, anchor = np.zeros(block.bbox.shape[:2]), np.full((*block.bbox.shape[:2], 2), np.nan)
    first, last = block.pixels_inside()
    seen: Bool[Array, "F N"] = np.asarray((last >= first).all(-1))
    step = max(1, AT_ONCE // config.samples**2)
    for n in range(seen.shape[1]):
        rows = np.flatnonzero(seen[:, n])
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            share[part, n], anchor[part, n] = _see(block, n, part, first[part, n], last[part, n], config)
    return View(np.where((block.given >= 0) & seen, block.given, share), block.bbox, anchor)


def render_ids_depth(
    camera: Camera, T_cam_obj: Float[Array, "n 4 4"], meshes: Sequence[Mesh]
) -> tuple[Int[Array, "H W"], Float[Array, "H W"]]:
    """One frame, every pixel: the instance seen there (int16, -1 for none) and its depth z (m, 0 for none)."""
    shape = (camera.height, camera.width)
    ids, depth = np.full(shape, -1, np.int16), np.zeros(shape, np.float32)
    window = _window(camera, T_cam_obj, meshes)
    v, u = np.mgrid[window]
    rays_cam = unproject(camera.K, np.stack([u, v], -1).reshape(-1, 2), np.ones(u.size))
    found, z = (a.reshape(u.shape) for a in RayScene(meshes, T_cam_obj).first_hit(np.zeros(3), rays_cam))
    ids[window], depth[window] = found, np.where(found < 0, 0, z)
    return ids, depth


def _window(camera: Camera, T_cam_obj: Float[Array, "n 4 4"], meshes: Sequence[Mesh]) -> tuple[slice, slice]:
    """Rows and columns of the pixels that may show a mesh; all of them where a mesh reaches behind the camera."""
    size = np.array([camera.width, camera.height])
    points = [se3.transform(T, mesh.vertices) for T, mesh in zip(T_cam_obj, meshes, strict=True)]
    pixels = project(camera.K, np.concatenate([*points, np.zeros((0, 3))]))
    if not len(pixels) or np.isnan(pixels).any():
        return slice(0, camera.height), slice(0, camera.width)
    first = np.clip(np.floor(pixels.min(0)), 0, size).astype(int)
    last = np.clip(np.ceil(pixels.max(0)) + 1, first, size).astype(int)
    return slice(first[1], last[1]), slice(first[0], last[0])


@dataclass(frozen=True)
class _Shape:
    """What looking needs of a mesh, once a mesh."""

    mesh: Mesh
    hull: Float[Array, "h 3"]
    scene: RayScene


_SHAPES: dict[int, _Shape] = {}  # by id(mesh); the entry keeps the mesh, so no other can take its id


def _shape_of(mesh: Mesh) -> _Shape:
    if id(mesh) not in _SHAPES:
        used = mesh.vertices[np.unique(mesh.faces)]
        try:
            hull = used[ConvexHull(used).vertices]
        except (QhullError, ValueError):  # flat or nearly empty: every vertex may be outermost
            hull = used
        _SHAPES[id(mesh)] = _Shape(mesh, hull, RayScene([mesh]))
    return _SHAPES[id(mesh)]


@dataclass(frozen=True)
class _Block:
    """The chosen frames as arrays."""

    K: Float[Array, "F 3 3"]
    size: Float[Array, "F 2"]
    given: Float[Array, "F N"]
    T_obj_cam: Float[Array, "F N 4 4"]
    shapes: tuple[_Shape, ...]
    bbox: Float[Array, "F N 4"]
    near: Float[Array, "F N"]
    far: Float[Array, "F N"]

    @classmethod
    def of(cls, arrangement: Arrangement, models: Mapping[int, Model], chosen: Int[Array, "f"]) -> _Block:
        frames = [arrangement.frames[f] for f in chosen]
        slots = arrangement.slots[chosen]
        T_cam_obj = np.stack([frame.T_cam_obj[s] for frame, s in zip(frames, slots, strict=True)])
        K = np.stack([frame.camera.K for frame in frames])
        shapes = tuple(_shape_of(models[int(o)].mesh) for o in arrangement.obj_ids)
        outlines = [_outline(K, T_cam_obj[:, n], shape.hull) for n, shape in enumerate(shapes)]
        bbox, near, far = (np.stack(a, 1) for a in zip(*outlines, strict=True))
        size = np.array([[frame.camera.width, frame.camera.height] for frame in frames])
        given = np.stack([frame.visib_fract[s] for frame, s in zip(frames, slots, strict=True)])
        return cls(K, size, given, se3.inverse(T_cam_obj), shapes, bbox, near, far)

    def pixels_inside(self) -> tuple[Float[Array, "F N 2"], Float[Array, "F N 2"]]:
        """First and last pixel (u, v) of each box within the image; last < first, or NaN, where there is none."""
        return (
            np.maximum(np.ceil(self.bbox[..., :2]), 0),
            np.minimum(np.floor(self.bbox[..., 2:]), self.size[:, None] - 1),
        )

    def may_hide(self, m: int, n: int, rows: Int[Array, "c"]) -> Bool[Array, "c"]:
        """Frames in which object m may stand before object n: boxes overlap and m begins before n ends."""
        a, b = self.bbox[rows, m], self.bbox[rows, n]
        apart = ((a[:, :2] > b[:, 2:]) | (a[:, 2:] < b[:, :2])).any(-1)  # False where m has no box (NaN)
        return np.asarray(~apart & (self.near[rows, m] < self.far[rows, n]) & (self.far[rows, m] > 0))


def _outline(
    K: Float[Array, "F 3 3"], T_cam_obj: Float[Array, "F 4 4"], hull: Float[Array, "h 3"]
) -> tuple[Float[Array, "F 4"], Float[Array, "F"], Float[Array, "F"]]:
    """Box (px) around the projected hull, NaN if a vertex is behind the camera; nearest and farthest z (m)."""
    bbox, near, far = np.empty((len(K), 4)), np.empty(len(K)), np.empty(len(K))
    step = max(1, AT_ONCE // (8 * len(hull)))
    for start in range(0, len(K), step):
        part = slice(start, start + step)
        points_cam = se3.transform(T_cam_obj[part], hull)
        pixels = project(K[part], points_cam)
        u, v, z = np.ascontiguousarray(np.moveaxis(np.concatenate([pixels, points_cam[..., 2:]], -1), -1, 0))
        bbox[part] = np.stack([u.min(-1), v.min(-1), u.max(-1), v.max(-1)], -1)
        near[part], far[part] = z.min(-1), z.max(-1)
    return bbox, near, far


def _see(
    block: _Block,
    n: int,
    rows: Int[Array, "c"],
    first: Float[Array, "c 2"],
    last: Float[Array, "c 2"],
    config: VisibilityConfig,
) -> tuple[Float[Array, "c"], Float[Array, "c 2"]]:
    """Visible share and anchor of object n in some frames, from the pixels first..last of its box in the image."""
    pixels, area = _spread(first, last, config.samples)
    rays_cam = unproject(block.K[rows], pixels, np.ones(pixels.shape[:-1]))
    depth = _cast(block, n, rows, rays_cam)
    own = np.isfinite(depth)
    visible = own & ~_hidden(block, n, rows, rays_cam, depth)
    whole = own.sum(-1) * area + _beyond(block, n, rows, config)
    with np.errstate(invalid="ignore"):  # 0 / 0: no pixel of a very thin object was hit
        share = np.nan_to_num(visible.sum(-1) * area / whole)
    return share, _anchor(visible, pixels, config)


def _spread(
    first: Float[Array, "c 2"], last: Float[Array, "c 2"], samples: int
) -> tuple[Float[Array, "c s*s 2"], Float[Array, "c"]]:
    """A samples × samples grid of whole pixels over first..last, row by row, and the pixels that each stands for."""
    count = last - first + 1
    steps = np.floor((np.arange(samples) + 0.5)[:, None] / samples * count[:, None])
    u, v = np.moveaxis(first[:, None] + steps, -1, 0)
    grid = np.empty((len(first), samples, samples, 2))
    grid[..., 0], grid[..., 1] = u[:, None, :], v[:, :, None]
    return grid.reshape(len(first), -1, 2), count.prod(-1) / samples**2


def _cast(block: _Block, n: int, rows: Int[Array, "c"], rays_cam: Float[Array, "c k 3"]) -> Float[Array, "c k"]:
    """Depth z (m) at which each ray meets object n were it alone; inf where it does not."""
    T = block.T_obj_cam[rows, n]
    return block.shapes[n].scene.first_hit(T[:, None, :3, 3], se3.rotate(T, rays_cam))[1]


def _hidden(
    block: _Block, n: int, rows: Int[Array, "c"], rays_cam: Float[Array, "c k 3"], depth: Float[Array, "c k"]
) -> Bool[Array, "c k"]:
    """Where another object stands before object n."""
    hidden = np.zeros(depth.shape, bool)
    for m in range(len(block.shapes)):
        which = np.flatnonzero(block.may_hide(m, n, rows))
        if m == n or not len(which):
            continue
        row, ray = np.nonzero(np.isfinite(depth[which]) & ~hidden[which])
        T = block.T_obj_cam[rows[which], m]
        directions = se3.rotate(T, rays_cam[which])[row, ray]
        limits = depth[which[row], ray]
        hidden[which[row], ray] = block.shapes[m].scene.blocked(T[row, :3, 3], directions, limits)
    return hidden


def _beyond(block: _Block, n: int, rows: Int[Array, "c"], config: VisibilityConfig) -> Float[Array, "c"]:
    """Pixels of object n's silhouette outside the image; 0 where the dataset gives the share anyway."""
    first, last = np.ceil(block.bbox[rows, n, :2]), np.floor(block.bbox[rows, n, 2:])
    size = block.size[rows]
    cut = np.flatnonzero(((first < 0) | (last > size - 1)).any(-1) & ~(block.given[rows, n] >= 0))
    beyond = np.zeros(len(rows))
    if len(cut):
        pixels, area = _spread(first[cut], last[cut], config.samples)
        outside = ((pixels < 0) | (pixels > size[cut, None] - 1)).any(-1)
        depth = _cast(block, n, rows[cut], unproject(block.K[rows[cut]], pixels, np.ones(pixels.shape[:-1])))
        beyond[cut] = (outside & np.isfinite(depth)).sum(-1) * area
    return beyond


def _anchor(
    visible: Bool[Array, "c s*s"], pixels: Float[Array, "c s*s 2"], config: VisibilityConfig
) -> Float[Array, "c 2"]:
    """Of the pixels deepest inside the visible part, the one nearest its centroid; NaN without any."""
    core = visible.reshape(-1, config.samples, config.samples)
    depth = core.astype(np.uint8)
    while core.any():  # peel one layer at a time
        inner = np.zeros_like(core)
        inner[:, 1:-1, 1:-1] = (
            core[:, 1:-1, 1:-1] & core[:, :-2, 1:-1] & core[:, 2:, 1:-1] & core[:, 1:-1, :-2] & core[:, 1:-1, 2:]
        )
        core = inner
        depth += core
    depth = depth.reshape(visible.shape)
    some = np.asarray(visible.any(-1))
    centroid = (pixels * visible[..., None]).sum(-2) / np.maximum(visible.sum(-1), 1)[:, None]
    off = ((pixels - centroid[:, None]) ** 2).sum(-1)
    off[~visible | (depth < depth.max(-1, keepdims=True))] = np.inf
    anchor = np.take_along_axis(pixels, off.argmin(-1)[:, None, None], -2)[:, 0]
    return np.where(some[:, None], anchor, np.nan)
