"""The household set: each kind, whatever the seed, is a true solid that is what it is said to be."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from bopask.arrays import Array
from bopask.bop.models import Models
from bopask.errors import BopaskError
from bopask.geometry.mesh import Mesh, merge_seams, signed_volume
from bopask.geometry.se3 import rotate, rotation_about, se3, transform
from bopask.synth import kinds
from bopask.synth.kinds import FURNITURE, KINDS, household
from bopask.synth.kinds.labels import Sheet
from bopask.synth.kinds.palette import PAINT
from bopask.synth.prints import lay_out, texel
from bopask.synth.render.stage import Stage, cast, stage
from bopask.synth.shapes import Shape, blocks, lathe, lines
from bopask.synth.texture import to_srgb
from bopask.synth.write import write_models

EACH_KIND = pytest.mark.parametrize("kind", KINDS)
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=4)


@cache
def made(kind: str, seed: int) -> Shape:
    return KINDS[kind](np.random.default_rng(seed))


@cache
def the_set() -> dict[int, Shape]:
    return household(0)


def open_edges(faces: Array) -> int:
    """Directed edges that no neighbour runs the other way: 0 for a closed, consistently wound surface."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    key, back = edges[:, 0] * 1_000_003 + edges[:, 1], edges[:, 1] * 1_000_003 + edges[:, 0]
    return int((~np.isin(key, back)).sum() + len(key) - len(np.unique(key)))


@EACH_KIND
@FEW
@given(seed=SEEDS)
def test_it_is_a_closed_solid_centred_on_its_box(kind: str, seed: int) -> None:
    shape = made(kind, seed)
    solid = merge_seams(shape.mesh)
    assert open_edges(solid.faces) == 0 and signed_volume(solid) > 5e-6
    low, high = shape.mesh.vertices.min(0), shape.mesh.vertices.max(0)
    np.testing.assert_allclose(low, -high, atol=1e-7)
    assert len(shape.mesh.vertices) == len(shape.colors) == len(np.unique(shape.mesh.faces)) <= 4000
    assert (shape.uv is None) == (shape.texture is None)
    if shape.uv is None:
        assert len(solid.vertices) == len(shape.mesh.vertices)
    as_written = (shape.mesh.vertices * 1e3).astype(np.float32).astype(float) / 1e3
    np.testing.assert_array_equal(as_written, shape.mesh.vertices)
    largest, heaviest = (0.8, 12) if kind in FURNITURE else (0.6, 6)
    assert 0.02 < (high - low).max() < largest and 0.005 < shape.mass < heaviest and 0 <= shape.gloss <= 1


@EACH_KIND
@FEW
@given(seed=SEEDS)
def test_its_convex_parts_are_the_solid(kind: str, seed: int) -> None:
    """Every vertex of the mesh is on a part, and the parts have the mesh's volume: nothing is filled in or left out."""
    shape = made(kind, seed)
    hulls = [ConvexHull(part) for part in shape.parts]
    outside = np.full(len(shape.mesh.vertices), np.inf)
    for hull in hulls:
        gap = (shape.mesh.vertices @ hull.equations[:, :3].T + hull.equations[:, 3]).max(1)
        outside = np.minimum(outside, gap)
    assert outside.max() < 5e-5 and len(hulls) <= 64
    assert sum(h.volume for h in hulls) == pytest.approx(signed_volume(shape.mesh), rel=5e-3)


@EACH_KIND
@FEW
@given(seed=SEEDS)
def test_no_part_is_hollow(kind: str, seed: int) -> None:
    """A part's hull is inside the mesh: from points in it, an odd number of surfaces lies ahead, in any direction."""
    shape = made(kind, seed)
    rng = np.random.default_rng(seed)
    inner = np.array([part.mean(0) * 0.9 + 0.1 * rng.dirichlet(np.ones(len(part))) @ part for part in shape.parts])
    direction = rng.normal(size=3)
    a, b, c = np.moveaxis(shape.mesh.triangles, 1, 0)
    normal, offset = np.cross(b - a, c - a), inner[:, None] - a
    det = -(normal @ direction)
    u = np.einsum("nfj,fj->nf", np.cross(offset, direction), c - a) / det
    v = -np.einsum("nfj,fj->nf", np.cross(offset, direction), b - a) / det
    ahead = np.einsum("nfj,fj->nf", offset, normal) / det
    crossed = (u > 0) & (v > 0) & (u + v < 1) & (ahead > 0)
    assert (crossed.sum(1) % 2 == 1).mean() > 0.98


def lifted(shape: Shape) -> Stage:
    """The shape alone in the air, far above the table."""
    return stage([shape], se3(np.eye(3), np.array([0, 0, 5.0]))[None])


def agreement(shape: Shape, scene: Stage, T_obj_obj: Array) -> float:
    """The share of the surface that is met, within 0.5 mm and in the same colour, where the motion takes it.

    Of points that a ray from 1 mm above them meets: not those in a crevice.
    """
    rng = np.random.default_rng(1)
    tri = shape.mesh.triangles
    normal = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    area = np.linalg.norm(normal, axis=1)
    pick = rng.choice(len(tri), 1500, p=area / area.sum())
    p = (tri[pick] * rng.dirichlet(np.ones(3), len(pick))[..., None]).sum(1)
    n, reach, up = normal[pick] / area[pick, None], 1e-3, np.array([0, 0, 5.0])

    def seen(T: Array) -> tuple[Array, Array]:
        d = rotate(T, n)
        hits = cast(scene, transform(T, p) + up + reach * d, -d)
        met = np.abs(hits.distance - reach) < 5e-4
        return met, to_srgb(scene.albedo(hits))

    (here, color), (there, other) = seen(np.eye(4)), seen(T_obj_obj)
    assert here.mean() > 0.97
    return float((there & (np.abs(color - other).max(1) < 20))[here].mean())


def turn(axis: Array, angle: float) -> Array:
    return se3(rotation_about(axis, angle), np.zeros(3))


@EACH_KIND
@settings(max_examples=2)
@given(seed=SEEDS)
def test_its_symmetries_are_true_of_shape_and_print_and_complete(kind: str, seed: int) -> None:
    shape = made(kind, seed)
    scene, listed = lifted(shape), shape.symmetry
    motions = [*listed.discrete]
    for axis, offset in zip(listed.axes, listed.offsets, strict=True):
        np.testing.assert_array_equal(offset, 0)
        motions += [turn(axis, angle) for angle in (0.05, 1.0, 2.9)]
    assert all(agreement(shape, scene, T) > 0.985 for T in motions)
    for axis in np.eye(3):
        T = turn(axis, np.pi)
        known = any(np.allclose(T, S, atol=1e-6) for S in listed.discrete) or any(
            np.allclose(np.abs(axis @ c), 1) for c in listed.axes
        )
        flips = any(np.allclose(S[:3, :3] @ c, -c, atol=1e-6) for S in listed.discrete for c in listed.axes)
        assert known or flips or agreement(shape, scene, T) < 0.985


@EACH_KIND
@FEW
@given(seed=SEEDS)
def test_what_is_said_of_it_is_complete(kind: str, seed: int) -> None:
    about = made(kind, seed).about
    words = (about.name, *about.synonyms, *about.colors, about.category, about.shape, about.material, about.use)
    assert all(word and word == word.strip().lower() for word in words)
    assert about.status == "verified" and about.source == "bopask.synth"
    assert set(about.colors) <= {*PAINT, "silver"} and len(set(about.colors)) == len(about.colors)
    assert not about.name.startswith(("a ", "the "))
    assert bool(about.printed) <= (made(kind, seed).texture is not None)


@EACH_KIND
@FEW
@given(seed=SEEDS)
def test_vertex_colours_are_the_mean_of_the_print(kind: str, seed: int) -> None:
    """Over the whole surface, by area, the colours at the vertices and the texture say the same."""
    shape = made(kind, seed)
    if shape.texture is None or shape.uv is None:
        return
    tri = shape.mesh.triangles
    area = np.linalg.norm(np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0]), axis=1)
    by_vertex = np.average(shape.colors[shape.mesh.faces].mean(1), axis=0, weights=area)
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 60)
    shown = np.mean([texel(shape.texture, w @ shape.uv[shape.mesh.faces]) for w in weights], axis=0)
    np.testing.assert_allclose(by_vertex, np.average(shown, axis=0, weights=area), atol=6)


@EACH_KIND
def test_the_same_generator_makes_the_same_thing_and_another_another(kind: str) -> None:
    one, again, other = (KINDS[kind](np.random.default_rng(n)) for n in (3, 3, 4))
    np.testing.assert_array_equal(one.mesh.vertices, again.mesh.vertices)
    np.testing.assert_array_equal(one.colors, again.colors)
    assert one.about == again.about and one.mass == again.mass
    assert one.texture is None or np.array_equal(one.texture, again.texture)
    assert np.abs(np.ptp(one.mesh.vertices, axis=0) - np.ptp(other.mesh.vertices, axis=0)).max() > 1e-4


def test_there_are_enough_kinds_with_enough_print() -> None:
    assert len(KINDS) >= 26 and set(FURNITURE) <= set(KINDS)
    assert sum(shape.texture is not None for shape in the_set().values()) >= 10
    small = [s for kind, s in zip(KINDS, the_set().values(), strict=True) if kind not in FURNITURE]
    assert np.mean([np.ptp(s.mesh.vertices, axis=0).min() < 0.08 for s in small]) > 0.9  # fits a jaw of 8 cm somewhere


@pytest.mark.parametrize(("seed", "count"), [(0, None), (1, None), (2, 20), (5, 76)])
def test_a_household_holds_no_two_names_that_are_the_same(seed: int, count: int | None) -> None:
    shapes = household(seed, count)
    assert list(shapes) == list(range(1, (count or len(KINDS)) + 1))
    for shape in shapes.values():
        assert len({w.casefold() for w in (shape.name, *shape.synonyms)}) == 1 + len(shape.synonyms)
    said = [w.casefold() for s in shapes.values() for w in (s.name, *s.synonyms)]
    assert len(said) == len(set(said))
    categories = [KINDS[kind](np.random.default_rng(0)).about.category for kind in list(KINDS)[: len(shapes)]]
    assert [s.about.category for s in list(shapes.values())[: len(categories)]] == categories


def test_a_larger_household_begins_with_the_smaller_one() -> None:
    few, more = household(7, 10), household(7, 45)
    assert [s.name for s in few.values()] == [s.name for s in more.values()][:10]


def test_more_objects_than_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "KINDS", {"banana": KINDS["banana"]})
    assert sorted(s.name for s in household(0, 2).values()) == ["green banana", "yellow banana"]
    with pytest.raises(BopaskError, match="only 2 objects"):
        household(0, 3)


def test_written_models_are_read_back(tmp_path: Path) -> None:
    shapes = the_set()
    write_models(tmp_path / "models", shapes)
    models, names = Models(tmp_path / "models"), json.loads((tmp_path / "models" / "names.json").read_text())
    for obj_id, shape in shapes.items():
        model = models[obj_id]
        np.testing.assert_allclose(model.mesh.vertices, shape.mesh.vertices, atol=1e-9)
        np.testing.assert_array_equal(model.mesh.faces, shape.mesh.faces)
        np.testing.assert_allclose(model.symmetry.discrete, shape.symmetry.discrete, atol=1e-8)
        assert open_edges(merge_seams(model.mesh).faces) == 0
        assert names[str(obj_id)]["use"] == shape.about.use and names[str(obj_id)]["name"] == shape.name
        path = tmp_path / "models" / f"obj_{obj_id:06d}.ply"
        read = trimesh.load(path, process=False)
        assert path.with_suffix(".png").exists() == (shape.texture is not None)
        if shape.texture is None:
            np.testing.assert_array_equal(read.visual.vertex_colors[:, :3], shape.colors)
        else:
            assert f"comment TextureFile {path.stem}.png".encode() in path.read_bytes()[:300]
            np.testing.assert_allclose(read.visual.uv, shape.uv, atol=1e-6)
            np.testing.assert_array_equal(np.asarray(read.visual.material.image), shape.texture)
            np.testing.assert_allclose(read.vertices, shape.mesh.vertices * 1e3, atol=1e-4)
    assert models.notes == ()
    first = {p.name: p.read_bytes() for p in (tmp_path / "models").iterdir()}
    write_models(tmp_path / "again", household(0))
    assert {p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()} == first


def test_a_picture_on_a_wall_is_seen_the_right_way_round() -> None:
    """A sheet whose quarters differ, round a can: column 0 is at +x, and it unrolls to the right, seen from outside."""
    sheet = Sheet(200, 100, (0, 0, 0))
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]
    for n, color in enumerate(colors):
        sheet.block(50 * n, 0, 50 * (n + 1), 100, color)
    sheet.band(80, 100, (255, 255, 255))
    loft = lathe([(30, 0), (30, 100)], [(9, 9, 9)] * 2, k=40)
    printed = lay_out(loft.surface(), [loft.wrap(0, 1, sheet.pixels())])
    vertices = loft.surface()[0][printed.rows]
    middle = vertices[printed.faces].mean(1)
    shown = texel(printed.texture, printed.uv[printed.faces].mean(1))
    for n, color in enumerate(colors):
        phi = np.pi / 4 + n * np.pi / 2
        near = (middle @ [np.cos(phi), np.sin(phi), 0] > 0.028) & (np.abs(middle[:, 2] - 0.0333) < 1e-3)
        assert near.any()
        np.testing.assert_allclose(shown[near], np.tile(color, (near.sum(), 1)), atol=1)
    cap = np.abs(middle[:, 2] - 0.1) < 1e-6
    np.testing.assert_allclose(shown[cap], 9, atol=1)


def test_a_cover_reads_from_left_to_right_seen_from_above() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:20, 20:] = 250  # upper right
    loft = lathe([(30, 0), (30, 10), (20, 10)], [(9, 9, 9)] * 3, k=40)
    printed = lay_out(loft.surface(), [loft.cover(1, image)])
    middle = loft.surface()[0][printed.rows][printed.faces].mean(1)
    shown = texel(printed.texture, printed.uv[printed.faces].mean(1)).mean(1)
    top = (np.abs(middle[:, 2] - 0.01) < 1e-6) & (np.abs(middle[:, :2]).min(1) > 2e-3)
    np.testing.assert_array_equal(shown[top] > 125, (middle[top, :2] > 0).all(1))


@given(solid=st.lists(st.booleans(), min_size=12, max_size=12))
def test_blocks_are_filled_by_their_parts(solid: list[bool]) -> None:
    cells = np.array(solid).reshape(2, 3, 2)
    if not cells.any():
        return
    nodes = np.stack(np.meshgrid(*(np.arange(n + 1) / 10 for n in cells.shape), indexing="ij"), -1)
    for straight in (False, True):
        (vertices, faces, _), parts = blocks(nodes, cells, np.zeros(nodes.shape), straight)
        assert signed_volume(Mesh(vertices, faces)) == pytest.approx(cells.sum() / 1e3)
        assert sum(ConvexHull(part).volume for part in parts) == pytest.approx(cells.sum() / 1e3)
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, times = np.unique(edges, axis=0, return_counts=True)
    assert (times % 2 == 0).all()


@given(
    radii=st.lists(st.floats(5, 60), min_size=2, max_size=6),
    steps=st.lists(st.floats(1, 30), min_size=6, max_size=6),
    k=st.integers(3, 24),
)
def test_any_turned_profile_is_a_closed_solid(radii: list[float], steps: list[float], k: int) -> None:
    z = np.cumsum(steps)[: len(radii)]
    loft = lathe(list(zip(radii, z, strict=True)), [(0, 0, 0)] * len(radii), k=k)
    vertices, faces, _ = loft.surface()
    assert open_edges(faces) == 0
    frusta = sum(ConvexHull(loft.solid(i, i + 1)).volume for i in range(len(radii) - 1))
    assert signed_volume(Mesh(vertices, faces)) == pytest.approx(frusta, rel=1e-6)


def test_lines_keep_colour_edges_crisp() -> None:
    x = lines(0.0, 0.1, 0.03, (0.05,))
    assert x[0] == 0 and x[-1] == 0.1 and np.diff(x).max() <= 0.03 + 1e-12
    np.testing.assert_allclose(np.sort(np.abs(x - 0.05))[:2], 1.5e-4)


def test_texel_is_the_pixel_at_its_centre_and_the_edge_beyond() -> None:
    texture = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    j, i = np.mgrid[0:5, 0:7]
    np.testing.assert_allclose(texel(texture, np.stack([(i + 0.5) / 7, 1 - (j + 0.5) / 5], -1)), texture, atol=1e-9)
    np.testing.assert_allclose(texel(texture, np.array([-3.0, 4.0])), texture[0, 0], atol=1e-9)
