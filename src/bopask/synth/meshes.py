"""Any folder of meshes becomes shapes. The unit is stated, never guessed; what cannot be used is refused by name.

PLY, OBJ, STL and GLB by trimesh, with texture or vertex colours. A GLB has y up (glTF 2.0, 3.4): it is turned to z up;
the other formats say nothing and are left as they are. No symmetry is claimed of a mesh that tells none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from jaxtyping import Float, UInt8
from scipy.spatial import ConvexHull, QhullError

from bopask.arrays import Array
from bopask.errors import InputError
from bopask.geometry.mesh import Mesh, merge_seams, signed_volume
from bopask.geometry.parts import VERSION, Cut, closed, convex_parts, packed, unpacked
from bopask.geometry.weight import mass_of
from bopask.nouns import Description, Skip, Symmetry
from bopask.store.cache import Cache
from bopask.store.files import key_of
from bopask.synth.shapes import Shape

UNITS: Mapping[str, float] = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
"""Metres of one unit."""
FORMATS = (".ply", ".obj", ".glb", ".stl")
SMALLEST, LARGEST = 0.005, 1.5
"""Largest side (m) of what can lie on a table."""
MOST_FACES = 200_000
SOLID = 1e-4
"""A closed surface whose volume is less than this share of its hull's encloses nothing."""
GLOSS = 0.3
Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""R_zup_yup."""
BOP = re.compile(r"obj_(\d+)")


def import_meshes(folder: Path, unit: str | None, parts_cache: Cache) -> tuple[dict[int, Shape], tuple[Skip, ...]]:
    """The shapes of a folder by obj_id, and notes on those that are not quite right.

    An obj_id is the number in `obj_000012.ply`, or where not all files are called so, the place in the order of names.
    Names come from `names.json` in the folder, by file name without ending or by obj_id; an object without one is
    called ''. A mesh that stays open when its seams are merged is used, its parts cut from a closed stand-in: a note of
    stage 'meshes' and reason 'open_mesh' says so.

    Args:
        unit: a key of UNITS.
        parts_cache: keeps the convex parts by content.
    Raises:
        InputError: no unit, no mesh, or one that is damaged, empty, flat, too detailed, or of a size that no thing on a
            table has in this unit.
        MissingExtra: without coacd, for a mesh that is not convex and not in the cache.
    """
    if unit is None or unit not in UNITS:
        wrong = f"the unit of the meshes is {'not stated' if unit is None else f'{unit!r}'}"
        raise InputError(folder, wrong, f"Say --unit with one of {', '.join(UNITS)}: it is never guessed")
    paths = _files(folder)
    names = _names(folder / "names.json", paths)
    made = {i: _shape(path, unit, names.get(i, ("",)), parts_cache) for i, path in paths.items()}
    notes = tuple(Skip(paths[i].name, "meshes", "open_mesh") for i, (_, whole) in made.items() if not whole)
    return {i: shape for i, (shape, _) in made.items()}, notes


def _files(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        raise InputError(folder, "is not a folder", "Name a folder of PLY, OBJ, GLB or STL files")
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in FORMATS)
    if not found:
        raise InputError(folder, "holds no mesh", "Name a folder of PLY, OBJ, GLB or STL files")
    twice = [stem for stem, n in Counter(p.stem for p in found).items() if n > 1]
    if twice:
        raise InputError(folder, f"holds {twice[0]!r} in several formats", "Keep one file an object")
    numbers = [BOP.fullmatch(p.stem) for p in found]
    if all(numbers):
        return {int(m[1]): p for m, p in zip(numbers, found, strict=True) if m}
    return dict(enumerate(found, start=1))


def _names(path: Path, paths: Mapping[int, Path]) -> dict[int, tuple[str, ...]]:
    """Name and synonyms by obj_id; {} without the file."""
    if not path.exists():
        return {}
    fix = 'Give a JSON object {"<file without ending>": {"name": "red mug", "synonyms": []}}'
    keys = {key: i for i, p in paths.items() for key in (str(i), p.stem)}
    try:
        table = orjson.loads(path.read_bytes())
        rows = {key: {"name": row} if isinstance(row, str) else row for key, row in table.items()}
        named = {keys[key]: (row["name"], *row.get("synonyms", ())) for key, row in rows.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(path, f"cannot be read as names ({error})", fix) from error
    except KeyError as error:
        raise InputError(path, f"there is no mesh or no field {error}", fix) from error
    words = Counter(word for name in named.values() for word in name)
    wrong = [word for word, n in words.items() if n > 1 or not isinstance(word, str) or not word.strip()]
    if wrong:
        raise InputError(path, f"{wrong[0]!r} is not a name of one object", "Tell the objects apart")
    return named


def _shape(path: Path, unit: str, names: tuple[str, ...], cache: Cache) -> tuple[Shape, bool]:
    """A file's shape, and whether its mesh is closed."""
    raw = _load(path)
    mesh = _checked(path, raw)
    _fits(path, mesh, unit)
    vertices = mesh.vertices * UNITS[unit]
    if path.suffix.lower() == ".glb":
        vertices = vertices @ Y_UP.T
    vertices -= (vertices.min(0) + vertices.max(0)) / 2
    mesh = Mesh((vertices * 1e3).astype(np.float32).astype(float) / 1e3, mesh.faces)  # as a PLY in mm keeps them
    solid = merge_seams(mesh)
    whole = closed(solid)
    hull, volume = _hull(path, solid), signed_volume(solid)
    if (whole or _rimless(solid)) and abs(volume) < SOLID * hull.volume:
        raise InputError(path, "the mesh encloses no volume", "Give it a thickness, or leave it out")
    if whole and volume < 0:
        mesh = Mesh(mesh.vertices, np.ascontiguousarray(mesh.faces[:, ::-1]))
    parts = _parts(path, mesh, hull, whole and abs(volume) > 0.999 * hull.volume, cache)
    colors, uv, texture = _paint(path, raw)
    shape = Shape(
        about=Description(names[0], names[1:], source=path.name),
        mesh=mesh,
        colors=colors,
        parts=parts,
        symmetry=Symmetry(),
        mass=mass_of(sum(ConvexHull(part).volume for part in parts)),
        gloss=GLOSS,
        uv=uv,
        texture=texture,
    )
    return shape, whole


def _load(path: Path) -> Any:
    import trimesh  # 0.3 s: only those who need a mesh pay for it

    try:
        return trimesh.load(path, force="mesh", process=False)
    except Exception as error:  # a damaged file fails in trimesh in any way at all
        raise InputError(path, f"the mesh cannot be read ({error})", "Export it again") from error


def _checked(path: Path, raw: Any) -> Mesh:
    """The mesh as the file has it."""
    vertices = np.array(getattr(raw, "vertices", ()), float).reshape(-1, 3)
    faces = np.array(getattr(raw, "faces", ())).reshape(-1, 3)
    if not len(vertices) or not len(faces):
        raise InputError(path, "the mesh has no faces", "Leave it out, or export it as triangles")
    if not np.isfinite(vertices).all():
        raise InputError(path, "the mesh holds NaN or infinity", "Repair it")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError(path, "a face names a vertex that is not there", "Export it again")
    if len(faces) > MOST_FACES:
        fix = "Decimate it first, for example to 20,000 (Blender's Decimate, MeshLab's quadric edge collapse)"
        raise InputError(path, f"the mesh has {len(faces):,} faces, more than {MOST_FACES:,}", fix)
    return Mesh(vertices, faces.astype(np.int32))


def _fits(path: Path, mesh: Mesh, unit: str) -> None:
    """Refuses what no thing on a table measures, and says in which unit it would fit."""
    side = float(np.ptp(mesh.vertices[np.unique(mesh.faces)], axis=0).max())
    good = [name for name, metres in UNITS.items() if SMALLEST <= side * metres <= LARGEST]
    if unit not in good:
        would = ", ".join(f"{1e3 * side * UNITS[name]:.4g} mm if it is in {name}" for name in good)
        fix = f"It would be {would}: state that unit" if good else "No unit makes it fit: scale it or leave it out"
        limits = f"{1e3 * SMALLEST:.0f} to {1e3 * LARGEST:.0f} mm"
        wrong = f"its largest side is {1e3 * side * UNITS[unit]:.4g} mm if its unit is {unit}, not {limits}"
        raise InputError(path, wrong, fix)


def _hull(path: Path, mesh: Mesh) -> ConvexHull:
    try:
        return ConvexHull(mesh.vertices)
    except (QhullError, ValueError) as error:
        raise InputError(
            path, "the mesh is flat: it encloses no volume", "Give it a thickness, or leave it out"
        ) from error


def _rimless(mesh: Mesh) -> bool:
    """Every edge is run along as often one way as the other: its volume is known, though sheets may meet at an edge."""
    edges = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    _, edge = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
    return not np.bincount(edge.reshape(-1), np.where(edges[:, 0] < edges[:, 1], 1, -1)).any()


def _parts(path: Path, mesh: Mesh, hull: ConvexHull, convex: bool, cache: Cache) -> tuple[Float[Array, "_ 3"], ...]:
    """The hull itself where the mesh is convex, else what CoACD cuts it into."""
    if convex:
        return (hull.points[hull.vertices],)
    cut = Cut()
    key = key_of(VERSION, mesh.vertices.tobytes().hex(), mesh.faces.tobytes().hex(), asdict(cut))
    return tuple(unpacked(cache.arrays("parts", key, lambda: packed(convex_parts(mesh, cut, path, "synth")))))


def _paint(
    path: Path, raw: Any
) -> tuple[UInt8[Array, "v 3"], Float[Array, "v 2"] | None, UInt8[Array, "h w 3"] | None]:
    """Vertex colours; and texture coordinates with the texture, where the file has both."""
    visual = raw.visual
    uv = getattr(visual, "uv", None)
    material = getattr(visual, "material", None)
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if uv is None or image is None or not len(uv):
        plain = visual.to_color() if visual.kind == "texture" else visual
        return np.array(plain.vertex_colors, np.uint8).reshape(-1, 4)[:, :3], None, None
    uv = np.array(uv, float)[:, :2]
    if not np.isfinite(uv).all():
        raise InputError(path, "its texture coordinates hold NaN", "Unwrap it again")
    texture = np.asarray(image.convert("RGB"), np.uint8)
    size = np.array(texture.shape[1::-1])
    column, row = np.minimum((uv % 1.0 * size).astype(int), size - 1).T
    return texture[size[1] - 1 - row, column], uv, texture
