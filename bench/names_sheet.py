"""Draws every textured model of a BOP folder from four sides over its reviewed name: the sheet to check names on.

    python bench/names_sheet.py MODELS_FOLDER NAMES.json SHEET.png [--side 150] [--columns 7]

MODELS_FOLDER holds obj_%06d.ply with texture_u, texture_v and obj_%06d.png, as in BOP's YCB-V.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from PIL import Image, ImageDraw, ImageFont

VIEWS = ((30, 25), (120, 25), (210, 25), (300, 65))
"""Azimuth and elevation of the camera (degrees), the model's z up."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("names", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--side", type=int, default=150, help="pixels of one view")
    parser.add_argument("--columns", type=int, default=7)
    parser.add_argument("--ids", type=int, nargs="*", help="only these objects")
    args = parser.parse_args()
    named = json.loads(args.names.read_text())["objects"] if args.names.exists() else {}
    meshes = [p for p in sorted(args.models.glob("obj_*.ply")) if not args.ids or int(p.stem[4:]) in args.ids]
    cells = [cell(path, named.get(str(int(path.stem[4:])), {}), args.side) for path in meshes]
    width, height = cells[0].size
    rows = -(-len(cells) // args.columns)
    sheet = Image.new("RGB", (width * args.columns, height * rows), "white")
    for k, image in enumerate(cells):
        sheet.paste(image, (k % args.columns * width, k // args.columns * height))
    args.sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(128, dither=Image.Dither.NONE).save(args.sheet, optimize=True)


def cell(path: Path, entry: dict[str, object], side: int) -> Image.Image:
    """Four views of one model over its name and size."""
    mesh = trimesh.load(path, process=False)
    texture = Image.open(path.with_suffix(".png")).convert("RGB")
    image = Image.new("RGB", (2 * side + 6, 2 * side + 46), "white")
    for k, (azimuth, elevation) in enumerate(VIEWS):
        view = Image.fromarray(render(mesh, np.asarray(texture), azimuth, elevation, 2 * side))
        image.paste(view.resize((side, side), Image.Resampling.LANCZOS), (k % 2 * side, k // 2 * side))
    draw = ImageDraw.Draw(image)
    size = " x ".join(f"{s:.0f}" for s in np.ptp(mesh.vertices, axis=0))
    draw.text((6, 2 * side + 2), f"{int(path.stem[4:])}  {entry.get('name', '?')}", "black", ImageFont.load_default(18))
    draw.text((6, 2 * side + 26), f"{size} mm", "gray", ImageFont.load_default(12))
    return image


def render(mesh: trimesh.Trimesh, texture: np.ndarray, azimuth: float, elevation: float, side: int) -> np.ndarray:
    """An orthographic picture (side, side, 3): texture, lit from the camera."""
    a, e = np.deg2rad([azimuth, elevation])
    back = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    up = np.cross(back, right)
    middle, reach = mesh.bounds.mean(0), np.linalg.norm(np.ptp(mesh.vertices, axis=0)) / 2
    scene = EmbreeScene()
    faces = np.asarray(mesh.faces, np.int32)
    TriangleMesh(scene, ((mesh.vertices - middle) / reach).astype(np.float32), faces)
    across, down = np.meshgrid(np.linspace(-1, 1, side), np.linspace(1, -1, side))
    origins = across[..., None] * right + down[..., None] * up + 3 * back
    rays = np.broadcast_to(-back, origins.shape)
    hit = scene.run(*(a.reshape(-1, 3).astype(np.float32) for a in (origins, rays)), output=True)
    on = hit["primID"] >= 0
    face, u, v = hit["primID"][on], hit["u"][on, None], hit["v"][on, None]
    uv = (mesh.visual.uv[faces[face]] * np.stack([1 - u - v, u, v], 1)).sum(1)
    column, row = uv[:, 0] * texture.shape[1], (1 - uv[:, 1]) * texture.shape[0]
    picture = np.full((side * side, 3), 255, np.uint8)
    limit = np.array(texture.shape[:2]) - 1
    row, column = np.clip(np.stack([row, column]).astype(int), 0, limit[:, None])
    normal = hit["Ng"][on] / np.linalg.norm(hit["Ng"][on], axis=1, keepdims=True)
    picture[on] = texture[row, column] * (0.55 + 0.45 * np.abs(normal @ back))[:, None]
    return picture.reshape(side, side, 3)


if __name__ == "__main__":
    main()
