"""A BOP reader and a ray caster that share nothing with bopask, by the public toolkit's documents alone.

bop_toolkit: docs/bop_datasets_format.md, scripts/calc_gt_info.py, calc_gt_masks.py, calc_gt_coco.py. Millimetres and
pixels as on disk; pixel (0, 0) is the centre of the top-left one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray
TABLE = (1200.0, 800.0, 35.0)
"""What the README of a synthetic folder calls the table; its upper side is z = 0 of w2c. Its legs: see `table`."""
LEGS, FLOOR = 60.0, -740.0
SAME_DEPTH = 0.5
"""Millimetres."""


@dataclass(frozen=True)
class Ply:
    vertices: Array
    faces: Array
    colors: Array
    uv: Array | None
    texture: Path | None

    @property
    def welded(self) -> Array:
        """Faces over the places of vertices: seams of a texture split vertices."""
        return np.unique(self.vertices, axis=0, return_inverse=True)[1].reshape(-1)[self.faces]


def read_ply(path: Path) -> Ply:
    head, body = path.read_bytes().split(b"end_header\n", 1)
    lines = [line.split() for line in head.decode("ascii").splitlines()]
    assert lines[0] == ["ply"] and lines[1] == ["format", "binary_little_endian", "1.0"]
    sizes = {line[1]: int(line[2]) for line in lines if line[0] == "element"}
    kinds = {"float": "<f4", "uchar": "u1"}
    vertex = np.dtype([(line[2], kinds[line[1]]) for line in lines if line[0] == "property" and line[1] != "list"])
    assert [line[1:] for line in lines if line[:2] == ["property", "list"]] == [
        ["list", "uchar", "int", "vertex_indices"]
    ]
    table = np.frombuffer(body, vertex, sizes["vertex"])
    face = np.dtype([("n", "u1"), ("v", "<i4", 3)])
    faces = np.frombuffer(body, face, sizes["face"], vertex.itemsize * sizes["vertex"])
    assert len(body) == vertex.itemsize * sizes["vertex"] + face.itemsize * sizes["face"] and (faces["n"] == 3).all()
    named = [line[2] for line in lines if line[:2] == ["comment", "TextureFile"]]
    uv = np.stack([table["texture_u"], table["texture_v"]], 1) if named else None
    points, colors = (np.stack([table[a] for a in names], 1) for names in (("x", "y", "z"), ("red", "green", "blue")))
    return Ply(points.astype(float), faces["v"].astype(int), colors, uv, path.parent / named[0] if named else None)


@dataclass(frozen=True)
class Frame:
    """One image with everything that is said of it."""

    scene: Path
    image_id: int
    camera: Mapping[str, Any]
    gt: Sequence[Mapping[str, Any]]
    info: Sequence[Mapping[str, Any]]

    def image(self, kind: str, suffix: str = "png", instance: int | None = None) -> Array:
        name = f"{self.image_id:06d}" + ("" if instance is None else f"_{instance:06d}")
        return np.asarray(Image.open(self.scene / kind / f"{name}.{suffix}"))

    @property
    def K(self) -> Array:
        return np.reshape(self.camera["cam_K"], (3, 3))

    @cached_property
    def depth(self) -> Array:
        """Millimetres along the optical axis; 0 where there is none."""
        return self.image("depth").astype(float) * self.camera["depth_scale"]

    def masks(self, kind: str) -> Array:
        """mask or mask_visib of all instances."""
        found = np.array([self.image(kind, instance=i) for i in range(len(self.gt))])
        assert found.dtype == np.uint8 and set(np.unique(found)) <= {0, 255}
        return found > 0

    @property
    def w2c(self) -> tuple[Array, Array]:
        return np.reshape(self.camera["cam_R_w2c"], (3, 3)), np.array(self.camera["cam_t_w2c"])


@dataclass(frozen=True)
class Bop:
    """A dataset folder, scenewise."""

    folder: Path
    split: str

    def json(self, *parts: str) -> Any:
        return json.loads(self.folder.joinpath(*parts).read_text(encoding="utf-8"))

    @cached_property
    def camera(self) -> dict[str, Any]:
        return self.json("camera.json")

    @cached_property
    def models_info(self) -> dict[int, dict[str, Any]]:
        return {int(i): row for i, row in self.json("models", "models_info.json").items()}

    @cached_property
    def models(self) -> dict[int, Ply]:
        found = {int(p.stem[4:]): read_ply(p) for p in sorted((self.folder / "models").glob("obj_??????.ply"))}
        assert set(found) == set(self.models_info)
        return found

    @cached_property
    def scenes(self) -> list[Path]:
        return sorted(p for p in (self.folder / self.split).iterdir() if p.is_dir())

    def frames(self, scene: Path) -> Iterator[Frame]:
        tables = [json.loads((scene / f"scene_{name}.json").read_text()) for name in ("camera", "gt", "gt_info")]
        assert set(tables[0]) == set(tables[1]) == set(tables[2])
        for key in tables[0]:
            yield Frame(scene, int(key), *(table[key] for table in tables))

    def triangles(self, frame: Frame) -> tuple[Array, Array]:
        """In the camera (mm), and the instance of each: -1 for the table."""
        soups = []
        for row in frame.gt:
            model = self.models[row["obj_id"]]
            points = model.vertices @ np.reshape(row["cam_R_m2c"], (3, 3)).T + row["cam_t_m2c"]
            soups.append(points[model.faces])
        R, t = frame.w2c
        soups.append(table() @ R.T + t)
        return np.concatenate(soups), np.repeat([*range(len(frame.gt)), -1], [len(s) for s in soups])


def table() -> Array:
    """Triangles of the table in the world: a top on four legs."""
    x, y, z = TABLE
    legs = [(sx * (x / 2 - LEGS), sy * (y / 2 - LEGS)) for sx in (-1, 1) for sy in (-1, 1)]
    half = LEGS / 2
    boxes = [((-x / 2, -y / 2, -z), (x / 2, y / 2, 0.0))]
    boxes += [((u - half, v - half, FLOOR), (u + half, v + half, -z)) for u, v in legs]
    soup = []
    for low, high in boxes:
        corner = np.array([[(low, high)[b][axis] for axis, b in enumerate(bits)] for bits in np.ndindex(2, 2, 2)])
        for a, b, c, d in ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)):
            soup += [corner[[a, b, c]], corner[[a, c, d]]]
    return np.array(soup)


def cast(
    triangles: Array, owner: Array, K: Array, size: tuple[int, int], beyond: int = 1
) -> tuple[Array, Array, Array]:
    """Rays through pixel centres against triangles in the camera (mm), in double precision.

    Each ray is tried on the triangles whose projection's bounding box holds its pixel: no tree, no library.

    Returns:
        Depth (h w; 0 for none), owner of what is met first (h w; -2 for none), and of every owner from 0 the pixels
        that it covers alone, on a canvas that reaches `beyond` whole images further on every side.
    """
    w, h = size
    W, H, left, top = w * (1 + 2 * beyond), h * (1 + 2 * beyond), w * beyond, h * beyond
    z = triangles[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        uv = np.einsum("ij,fkj->fki", K, triangles)[..., :2] / z[..., None]
    low = np.ceil(uv.min(1) - 1e-9) + [left, top]
    high = np.floor(uv.max(1) + 1e-9) + [left, top]
    near = (z <= 1.0).any(1)
    low[near], high[near] = 0, [W - 1, H - 1]
    low, high = np.clip(low, 0, None).astype(int), np.minimum(high, [W - 1, H - 1]).astype(int)
    furniture = owner < 0  # nobody asks for its silhouette
    low[furniture] = np.maximum(low[furniture], [left, top])
    high[furniture] = np.minimum(high[furniture], [left + w - 1, top + h - 1])
    reach = (high - low + 1).max(1)
    use = ((high >= low).all(1)) & (z > 1.0).any(1)
    to_ray = np.linalg.inv(K)
    alone = np.zeros((int(owner.max()) + 1, H, W), bool)
    hits = []
    for side in (1, 2, 4, 8, 16, 32, 64):
        here = np.flatnonzero(use & (reach <= side) & (reach > side // 2))
        for k in np.array_split(here, len(here) * side * side // 500_000 + 1):
            hits.append(_meet(triangles[k], k, low[k], high[k], (side, side), to_ray, (left, top)))
    for k in np.flatnonzero(use & (reach > 64))[:, None]:
        wide, tall = (high - low + 1)[k[0]]
        hits.append(_meet(triangles[k], k, low[k], high[k], (int(wide), int(tall)), to_ray, (left, top)))
    t, face, u, v = (np.concatenate(x) for x in zip(*hits, strict=True))
    thing = owner[face]
    alone[thing[thing >= 0], v[thing >= 0], u[thing >= 0]] = True
    inside = (u >= left) & (u < left + w) & (v >= top) & (v < top + h)
    t, thing, u, v = t[inside], thing[inside], u[inside] - left, v[inside] - top
    order = np.argsort(-t, kind="stable")  # the nearest is written last
    depth, ids = np.zeros((h, w)), np.full((h, w), -2)
    depth[v[order], u[order]], ids[v[order], u[order]] = t[order], thing[order]
    return depth, ids, alone


def _meet(
    triangles: Array, k: Array, low: Array, high: Array, window: tuple[int, int], to_ray: Array, corner: tuple[int, int]
) -> tuple[Array, Array, Array, Array]:
    """Möller and Trumbore: depth, triangle and pixel of every ray that meets one of these triangles."""
    u, v = low[:, 0, None, None] + np.arange(window[0]), low[:, 1, None, None] + np.arange(window[1])[:, None]
    u, v = np.broadcast_arrays(u, v)
    ray = np.stack([u - corner[0], v - corner[1], np.ones_like(u)], -1) @ to_ray.T
    a, b, c = np.moveaxis(triangles, 1, 0)
    e1, e2 = ((x - a)[:, None, None] for x in (b, c))
    p = np.cross(ray, e2)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / (p * e1).sum(-1)
        q = np.cross(-a, (b - a))[:, None, None]
        s = (p * -a[:, None, None]).sum(-1) * inverse
        r = (ray * q).sum(-1) * inverse
        t = (e2 * q).sum(-1) * inverse
        met = (s >= 0) & (r >= 0) & (s + r <= 1) & (t > 0) & np.isfinite(inverse)
    met &= (u <= high[:, 0, None, None]) & (v <= high[:, 1, None, None])
    return t[met], np.broadcast_to(k[:, None, None], u.shape)[met], u[met], v[met]


@dataclass(frozen=True)
class Compared:
    """A frame's files against rays cast apart; shares of the pixels."""

    visible: float
    """Least over instances and for no instance: share of pixels on which mask_visib says what the ray met first."""
    silhouettes: float
    """Likewise of mask."""
    depth: float
    """Share of pixels within SAME_DEPTH, or without depth in both."""
    worst: float
    """Largest depth error (mm) where both see the same thing, off its edges."""
    boxes: int
    """Largest difference of bbox_obj or bbox_visib (px)."""
    counts: float
    """Largest difference of px_count_all, as a share of it, of instances of at least 500 pixels."""


def compared(bop: Bop, frame: Frame) -> Compared:
    """Casts all rays of a frame; `depth` and `worst` speak of exact depth (not of --holes)."""
    h, w = frame.depth.shape
    depth, ids, alone = cast(*bop.triangles(frame), frame.K, (w, h))
    visible = ids == np.arange(len(frame.gt))[:, None, None]
    masks, whole = frame.masks("mask_visib"), frame.masks("mask")
    named = np.where(masks.any(0), masks.argmax(0), -1)
    off = np.abs(depth - frame.depth)
    inner = (named == np.maximum(ids, -1)) & (off < 3)  # not where one of the two sees past an edge
    boxes, counts = [0], [0.0]
    for i, row in enumerate(frame.info):
        if visible[i].any() and row["px_count_visib"]:
            boxes.append(np.abs(bbox(alone[i]) - [w, h, 0, 0] - row["bbox_obj"]).max())
            boxes.append(np.abs(bbox(visible[i]) - row["bbox_visib"]).max())
        if row["px_count_all"] >= 500:
            counts.append(abs(int(alone[i].sum()) - row["px_count_all"]) / row["px_count_all"])
    return Compared(
        visible=float((named == np.maximum(ids, -1)).mean()),
        silhouettes=float((whole == alone[:, h : 2 * h, w : 2 * w]).mean((1, 2)).min(initial=1)),
        depth=float(((off <= SAME_DEPTH) & ((depth > 0) == (frame.depth > 0))).mean()),
        worst=float(off[inner].max()),
        boxes=int(max(boxes)),
        counts=max(counts),
    )


def bbox(mask: Array) -> Array:
    """x, y, width, height as calc_gt_info has it: the last pixel minus the first."""
    v, u = np.nonzero(mask)
    return np.array([u.min(), v.min(), np.ptp(u), np.ptp(v)])


def decoded(rle: Mapping[str, Any]) -> Array:
    """COCO's uncompressed run lengths: down the columns, zeros first."""
    h, w = rle["size"]
    counts = np.array(rle["counts"])
    assert counts.sum() == h * w and (counts[1:] > 0).all()
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(w, h).T


def support(points: Array, directions: Array) -> Array:
    """How far points reach along each direction: of a symmetric object the same after the symmetry."""
    return (points @ directions.T).max(0)


def turned(axis: Sequence[float], offset: Sequence[float], angle: float) -> tuple[Array, Array]:
    """Rotation and translation (mm) of a continuous symmetry of models_info.json."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    R = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return R, np.asarray(offset) - R @ offset
