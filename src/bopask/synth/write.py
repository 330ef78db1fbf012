"""Writes what the simulator made as a BOP folder, scenewise: millimetres on disk, float32 PLY, 16-bit depth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from bopask.arrays import Array
from bopask.nouns import Camera
from bopask.synth.render.truth import Sight
from bopask.synth.shapes import Shape

DEPTH_SCALE = 0.1
"""Millimetres of one unit of the depth image."""
JPEG_QUALITY = 92
PACKED = 3
"""Of zlib: twice as fast as the default, a tenth larger."""


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """One entry a line: readable, and a change shows as a small diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
    path.write_text(f"{{\n{body}\n}}\n", encoding="utf-8")


def write_ply(path: Path, shape: Shape) -> None:
    """Binary little-endian PLY: x y z (float32 mm), red green blue, triangles; texture_u texture_v and a PNG beside it.

    Where there is a texture, its seams split vertices: `bopask.geometry.mesh.merge_seams` makes the mesh watertight.
    """
    printed = [("t", "<f4", 2)] if shape.uv is not None else []
    vertex = np.dtype([("p", "<f4", 3), ("c", "u1", 3), *printed])
    face = np.dtype([("n", "u1"), ("v", "<i4", 3)])
    vertices, faces = np.empty(len(shape.mesh.vertices), vertex), np.empty(len(shape.mesh.faces), face)
    vertices["p"], vertices["c"] = shape.mesh.vertices * 1e3, shape.colors
    faces["n"], faces["v"] = 3, shape.mesh.faces
    path.parent.mkdir(parents=True, exist_ok=True)
    if shape.uv is not None and shape.texture is not None:
        vertices["t"] = shape.uv
        Image.fromarray(shape.texture).save(path.with_suffix(".png"), optimize=True)
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        "comment made by bopask.synth",
        *([f"comment TextureFile {path.stem}.png"] if printed else []),
        f"element vertex {len(vertices)}",
    ]
    lines += [f"property float {a}" for a in "xyz"] + [f"property uchar {c}" for c in ("red", "green", "blue")]
    lines += [f"property float texture_{a}" for a in "uv"] if printed else []
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    path.write_bytes("\n".join(lines).encode() + b"\n" + vertices.tobytes() + faces.tobytes())


def model_info(shape: Shape) -> dict[str, Any]:
    """A row of models_info.json (mm)."""
    points = shape.mesh.vertices * 1e3
    low, size = points.min(0), np.ptp(points, axis=0)
    diameter = float(pdist(points[ConvexHull(points).vertices]).max())
    row: dict[str, Any] = {"diameter": round(diameter, 4)}
    row |= {f"min_{a}": round(float(v), 4) for a, v in zip("xyz", low, strict=True)}
    row |= {f"size_{a}": round(float(v), 4) for a, v in zip("xyz", size, strict=True)}
    symmetry = shape.symmetry
    if len(symmetry.discrete):
        in_mm = symmetry.discrete.copy()
        in_mm[:, :3, 3] *= 1e3
        row["symmetries_discrete"] = [(np.round(T, 9) + 0.0).ravel().tolist() for T in in_mm]
    if len(symmetry.axes):
        pairs = zip(symmetry.axes, symmetry.offsets * 1e3, strict=True)
        row["symmetries_continuous"] = [{"axis": a.tolist(), "offset": o.tolist()} for a, o in pairs]
    return row


def write_models(folder: Path, shapes: Mapping[int, Shape]) -> None:
    """models/: meshes, models_info.json, and names.json (ours: what is said of each object)."""
    for i, shape in shapes.items():
        write_ply(folder / f"obj_{i:06d}.ply", shape)
    write_json(folder / "models_info.json", {str(i): model_info(s) for i, s in shapes.items()})
    write_json(folder / "names.json", {str(i): asdict(s.about) for i, s in shapes.items() if s.name})


def write_camera(path: Path, camera: Camera) -> None:
    """camera.json: the intrinsics that all pictures share."""
    K = camera.K
    keys = {"cx": K[0, 2], "cy": K[1, 2], "depth_scale": DEPTH_SCALE, "fx": K[0, 0], "fy": K[1, 1]}
    write_json(path, {**keys, "height": camera.height, "width": camera.width})


def rounded(T: Float[Array, "... 4 4"]) -> Float[Array, "... 4 4"]:
    """Poses as the JSON keeps them: rotations to 1e-9, translations to 1e-5 mm. Pictures are taken of these."""
    T = np.array(T)
    T[..., :3, :3] = np.round(T[..., :3, :3], 9)
    T[..., :3, 3] = np.round(T[..., :3, 3], 8)
    return T


def _pose(T: Float[Array, "4 4"], R_key: str, t_key: str) -> dict[str, Any]:
    return {R_key: (T[:3, :3] + 0.0).ravel().tolist(), t_key: np.round(T[:3, 3] * 1e3, 5).tolist()}


def camera_row(camera: Camera, T_cam_world: Float[Array, "4 4"]) -> dict[str, Any]:
    """A row of scene_camera.json; the world is the table: z = 0 on its top, +z up."""
    row = {"cam_K": camera.K.ravel().tolist(), "depth_scale": DEPTH_SCALE}
    return row | _pose(T_cam_world, "cam_R_w2c", "cam_t_w2c")


def gt_rows(obj_ids: Sequence[int], T_cam_obj: Float[Array, "n 4 4"]) -> list[dict[str, Any]]:
    """A row of scene_gt.json."""
    return [_pose(T, "cam_R_m2c", "cam_t_m2c") | {"obj_id": i} for i, T in zip(obj_ids, T_cam_obj, strict=True)]


def info_rows(sight: Sight) -> list[dict[str, Any]]:
    """A row of scene_gt_info.json."""
    return [
        {
            "bbox_obj": sight.bbox_obj[i].tolist(),
            "bbox_visib": sight.bbox_visib[i].tolist(),
            "px_count_all": int(sight.px_count_all[i]),
            "px_count_valid": int(sight.px_count_valid[i]),
            "px_count_visib": int(sight.px_count_visib[i]),
            "visib_fract": round(float(sight.px_count_visib[i] / max(sight.px_count_all[i], 1)), 6),
        }
        for i in range(len(sight.masks))
    ]


def write_images(scene: Path, frame: int, rgb: UInt8[Array, "h w 3"], depth: Float[Array, "h w"], sight: Sight) -> None:
    """rgb/*.jpg, depth/*.png (units of DEPTH_SCALE mm), mask/*.png and mask_visib/*.png of one frame."""
    for name in ("rgb", "depth", "mask", "mask_visib"):
        (scene / name).mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(scene / "rgb" / f"{frame:06d}.jpg", quality=JPEG_QUALITY, optimize=True)
    units = np.round(depth * 1e3 / DEPTH_SCALE)
    units = np.where(units < 2**16, units, 0).astype(np.uint16)
    Image.fromarray(units).save(scene / "depth" / f"{frame:06d}.png", compress_level=PACKED)
    for name, masks in (("mask", sight.silhouettes), ("mask_visib", sight.masks)):
        for i, mask in enumerate(masks):
            path = scene / name / f"{frame:06d}_{i:06d}.png"
            Image.fromarray(mask.astype(np.uint8) * 255).save(path, compress_level=PACKED)


@dataclass
class Coco:
    """scene_gt_coco.json as bop_toolkit's calc_gt_coco writes it: visible masks as uncompressed run lengths."""

    camera: Camera
    shapes: Mapping[int, Shape]
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    def add(self, frame: int, obj_ids: Sequence[int], sight: Sight) -> None:
        """One picture; instances of which nothing is visible have no annotation."""
        size = {"width": self.camera.width, "height": self.camera.height}
        self.images.append({"id": frame, "file_name": f"rgb/{frame:06d}.jpg", **size})
        for i, obj_id in enumerate(obj_ids):
            if sight.masks[i].any():
                self.annotations.append(
                    {
                        "id": len(self.annotations) + 1,
                        "image_id": frame,
                        "category_id": obj_id,
                        "iscrowd": 0,
                        "area": int(sight.px_count_visib[i]),
                        "bbox": sight.bbox_obj[i].tolist(),
                        "segmentation": {
                            "counts": run_lengths(sight.masks[i]),
                            "size": [self.camera.height, self.camera.width],
                        },
                        "ignore": bool(sight.px_count_visib[i] < 0.1 * sight.px_count_all[i]),
                        **size,
                    }
                )

    def write(self, path: Path) -> None:
        """One category, picture or annotation a line."""
        categories = [{"id": i, "name": str(i), "supercategory": "bopask"} for i in self.shapes]
        parts = {"categories": categories, "images": self.images, "annotations": self.annotations}
        lists = (
            f'"{name}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]"
            for name, rows in parts.items()
        )
        path.write_text("{" + ",\n".join(lists) + "}\n", encoding="utf-8")


def run_lengths(mask: Bool[Array, "h w"]) -> list[int]:
    """COCO's run lengths of a mask: down the columns, zeros first."""
    flat = np.concatenate([[False], mask.ravel(order="F"), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], edges, [mask.size]])).tolist() if len(edges) else [mask.size]
