"""How a shape is built: rings of points lofted into a watertight mesh, beside the convex parts that fill it exactly.

A ring is k points, counter-clockwise seen from +z. Rings that climb make an outer wall, rings that descend an inner
one: a bowl is one loft, from the foot up, over the rim, and down to the floor. A convex part is what lies between two
rings (`solid`), or, where the solid is hollow, one column of what a polygon of rings sweeps (`shell`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from bopask.arrays import Array
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import rotation_about
from bopask.nouns import Description, Symmetry
from bopask.synth.prints import Print, Surface, lay_out

EPS = 1.5e-4
"""Half the width (m) of a colour edge: two rows of vertices this far on either side of it keep it crisp."""


@dataclass(frozen=True)
class Shape:
    """An object kind: what it looks like, what collides, and what a person would call it."""

    about: Description
    """True for a person who looks at the picture."""
    mesh: Mesh
    """Outward, box centred on the origin, as a PLY keeps it (float32 mm). Watertight once `merge_seams` has joined the
    vertices that a texture's seams split; without a texture as it is (m)."""
    colors: UInt8[Array, "v 3"]
    """sRGB of each vertex; where there is a texture, its mean on the triangles round the vertex."""
    parts: tuple[Float[Array, "_ 3"], ...]
    """Points of convex polyhedra whose union is the mesh's solid (m)."""
    symmetry: Symmetry
    mass: float
    """Kilograms, spread evenly over the parts."""
    gloss: float
    """0 matt .. 1 glazed: how strong its highlight is in a picture."""
    uv: Float[Array, "v 2"] | None = None
    """Texture coordinates of each vertex, (0, 0) the lower left of `texture`; None where `colors` are all there is."""
    texture: UInt8[Array, "h w 3"] | None = None
    """sRGB, first row at the top."""

    @property
    def name(self) -> str:
        return self.about.name

    @property
    def synonyms(self) -> tuple[str, ...]:
        return self.about.synonyms


@dataclass(frozen=True)
class Loft:
    """Rings and their colours before they become a shape."""

    rings: Float[Array, "m k 3"]
    colors: Float[Array, "m k 3"]
    """sRGB 0..255."""
    closed: bool = False
    """The last ring joins the first (a tape roll); otherwise both ends are capped."""

    def solid(self, first: int, last: int) -> Float[Array, "n 3"]:
        """The convex part between two rings, these included."""
        return np.asarray(self.rings[first : last + 1].reshape(-1, 3))

    def shell(self, *polygon: int) -> list[Float[Array, "n 3"]]:
        """One convex part a column, from the profile polygon of these rings."""
        rings = self.rings[list(polygon)]
        after = np.roll(rings, -1, axis=1)
        return [np.concatenate([rings[:, c], after[:, c]]) for c in range(rings.shape[1])]

    def wrap(self, first: int, last: int, image: UInt8[Array, "h w 3"]) -> Print:
        """A print round the wall from ring `first` to ring `last`: from column 0 on, unrolled at true length."""
        m, k, _ = self.rings.shape
        wall = self.rings[first : last + 1]
        step = np.linalg.norm(np.roll(wall, -1, axis=1) - wall, axis=-1).mean(0)
        u = np.append(0, np.cumsum(step)) / step.sum()
        rise = np.linalg.norm(np.diff(wall, axis=0), axis=-1).mean(1)
        v = np.append(0, np.cumsum(rise)) / rise.sum()
        i, c = (x.ravel() for x in np.mgrid[0 : last - first, 0:k])
        low, high, left, right = v[i], v[i + 1], u[c], u[c + 1]
        lower = [[left, low], [right, low], [right, high]]
        upper = [[left, low], [right, high], [left, high]]
        uv = np.concatenate([np.moveaxis(np.array(corners), -1, 0) for corners in (lower, upper)])
        cells = (first + i) * k + c
        return Print(np.concatenate([cells, cells + (m if self.closed else m - 1) * k]), uv, image)

    def cover(self, first: int, image: UInt8[Array, "h w 3"]) -> Print:
        """A print on the flat top: ring `first`, the rings within it and the cap, seen from above, +x to the right."""
        m, k, _ = self.rings.shape
        vertices, faces, _ = self.surface()
        cells = np.arange(first * k, (m - 1) * k)
        rows = np.concatenate([cells, cells + (m - 1) * k, 2 * (m - 1) * k + k + np.arange(k)])
        low, high = (f(self.rings[first, :, :2], axis=0) for f in (np.min, np.max))
        return Print(rows, (vertices[faces[rows]][..., :2] - low) / (high - low), image)

    def surface(self) -> Surface:
        """Vertices (m), outward triangles (two a cell of the wall, the lower right ones first) and vertex colours."""
        m, k, _ = self.rings.shape
        i = np.arange(m if self.closed else m - 1)[:, None]
        c = np.arange(k)[None, :]
        here, above = i * k, (i + 1) % m * k
        right = (c + 1) % k
        corners = [np.broadcast_to(x, (len(i), k)).ravel() for x in (here + c, here + right, above + right, above + c)]
        faces = [np.stack([corners[0], corners[1], corners[2]], 1), np.stack([corners[0], corners[2], corners[3]], 1)]
        vertices, colors = self.rings.reshape(-1, 3), self.colors.reshape(-1, 3)
        if not self.closed:
            around, turn = np.arange(k), np.roll(np.arange(k), -1)
            foot, top = m * k, m * k + 1
            faces.append(np.stack([np.full(k, foot), turn, around], 1))
            faces.append(np.stack([np.full(k, top), (m - 1) * k + around, (m - 1) * k + turn], 1))
            vertices = np.concatenate([vertices, self.rings[[0, -1]].mean(1)])
            colors = np.concatenate([colors, self.colors[[0, -1]].mean(1)])
        return vertices, np.concatenate(faces).astype(np.int32), colors


def cut(loft: Loft, faces: Int[Array, "f 3"], ring: int, column: int, high: int, wide: int) -> tuple[Array, Array]:
    """Takes `high` x `wide` cells out of a loft's wall, the lowest first one at (ring, column).

    Returns:
        The triangles left, and the vertices round the hole, counter-clockwise seen from outside from its lower left.
    """
    k = loft.rings.shape[1]
    block = (np.arange(ring, ring + high + 1)[:, None] * k + np.arange(column, column + wide + 1) % k).ravel()
    gone = np.isin(faces, block).all(1)
    square = [(0, c) for c in range(wide)] + [(r, wide) for r in range(high)]
    square += [(high, c) for c in range(wide, 0, -1)] + [(r, 0) for r in range(high, 0, -1)]
    loop = np.array(square) + [ring, column]
    return faces[~gone], loop[:, 0] * k + loop[:, 1] % k


def sew(
    surface: Surface,
    start: Int[Array, "k"],
    rings: Float[Array, "r k 3"],
    colors: Float[Array, "r 3"],
    end: Array | None,
) -> Surface:
    """Joins rings to the loop of vertices `start`, then to the loop `end`, or closes them with a fan.

    Rings run counter-clockwise seen from where they go, as `start` does seen from outside its hole.
    """
    vertices, faces, paint = surface
    r, k, _ = rings.shape
    ids = np.concatenate([start[None], np.arange(r * k).reshape(r, k) + len(vertices)])
    if end is not None:
        ids = np.concatenate([ids, end[None]])
    after = np.roll(ids, -1, axis=1)
    new = [np.stack([ids[:-1], after[:-1], after[1:]], -1), np.stack([ids[:-1], after[1:], ids[1:]], -1)]
    points, tints = [vertices, rings.reshape(-1, 3)], [paint, np.repeat(colors, k, axis=0)]
    if end is None:
        points.append(rings[-1].mean(0, keepdims=True))
        tints.append(colors[-1:])
        new.append(np.stack([ids[-1], after[-1], np.full(k, len(vertices) + r * k)], -1))
    faces = np.concatenate([faces, *(f.reshape(-1, 3) for f in new)])
    return np.concatenate(points), faces.astype(np.int32), np.concatenate(tints)


def round_loop(
    start: Float[Array, "k 3"], centers: Float[Array, "r 3"], wide: Float[Array, "r 3"], high: Float[Array, "r 3"]
) -> Float[Array, "r k 3"]:
    """Ellipses, given by centre and half axes (m), whose points lie round them as those of the loop `start` do."""
    a, u, v = start.mean(0), wide[0] / np.linalg.norm(wide[0]), high[0] / np.linalg.norm(high[0])
    y, z = (start - a) @ u, (start - a) @ v
    phi = np.arctan2(z / np.abs(z).max(), y / np.abs(y).max())[:, None]
    return np.asarray(centers[:, None] + np.cos(phi) * wide[:, None] + np.sin(phi) * high[:, None])


def bow(
    start: Float[Array, "k 3"], end: Float[Array, "k 3"], reach: float, half: tuple[float, float], steps: int
) -> tuple[Float[Array, "s k 3"], Int[Array, "k"]]:
    """A handle from one hole of a wall round z to another, along half an ellipse that stands out by `reach` (m).

    `half` are the half axes (m) of its section: across, and in the plane of the bow.

    Returns:
        Its rings, the first and last being the holes themselves, and the order in which it takes the points of `end`.
    """
    a, b = start.mean(0), end.mean(0)
    along = (b - a) / np.linalg.norm(b - a)
    outward = (a + b) * [1, 1, 0] / np.linalg.norm((a + b)[:2])
    side = np.cross(along, outward)
    t = np.linspace(0, np.pi, steps)[:, None]
    middle, span = (a + b) / 2, np.linalg.norm(b - a) / 2
    center = middle + reach * np.sin(t) * outward - span * np.cos(t) * along
    tangent = reach * np.cos(t) * outward + span * np.sin(t) * along
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    rings = round_loop(start, center, half[0] * np.tile(side, (steps, 1)), half[1] * np.cross(tangent, side))
    back = np.arange(len(end))[::-1]
    order = min((np.roll(back, n) for n in back), key=lambda o: float(np.linalg.norm(end[o] - rings[-1], axis=1).sum()))
    rings[0], rings[-1] = start, end[order]
    return rings, order


def between(rings: Float[Array, "r k 3"]) -> list[Float[Array, "n 3"]]:
    """One convex part between each ring and the next."""
    return [rings[i : i + 2].reshape(-1, 3) for i in range(len(rings) - 1)]


def blocks(
    nodes: Float[Array, "a b c 3"], solid: Bool[Array, "p q r"], colors: Float[Array, "a b c 3"], straight: bool
) -> tuple[Surface, list[Float[Array, "n 3"]]]:
    """The surface of the solid cells of a bent grid, and the convex parts that fill it.

    Args:
        nodes: corners of the cells (m), right-handed: a along x, b along y, c along z where the grid is not bent.
        solid: which of the (a - 1) x (b - 1) x (c - 1) cells are there; none may touch another by an edge alone.
        colors: sRGB 0..255 of the corners.
        straight: the grid is not bent along its first axis, so that a part may reach through several cells.
    """
    a, b, c, _ = nodes.shape
    ids = np.arange(a * b * c).reshape(a, b, c)
    padded = np.pad(solid, 1)
    quads = []
    for axis in range(3):
        for ahead in (0, 1):
            open_side = solid & ~np.roll(padded, 1 - 2 * ahead, axis)[1:-1, 1:-1, 1:-1]
            cell = np.argwhere(open_side)
            corner = cell + ahead * np.eye(3, dtype=int)[axis]
            e, f = np.eye(3, dtype=int)[[(axis + 1) % 3, (axis + 2) % 3]]
            loop = np.stack([corner, corner + e, corner + e + f, corner + f], 1)
            loop = loop if ahead else loop[:, ::-1]
            quads.append(ids[tuple(np.moveaxis(loop, -1, 0))])
    quad = np.concatenate(quads)
    faces = np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])
    parts = [nodes[box].reshape(-1, 3) for box in _runs(solid, straight)]
    return tidy((nodes.reshape(-1, 3), faces.astype(np.int32), colors.reshape(-1, 3))), parts


def _runs(solid: Bool[Array, "p q r"], straight: bool) -> list[tuple[slice, ...]]:
    """The nodes of boxes of cells that fill `solid`: as long as can be along y, then z, then, if straight, x."""
    left, found = solid.copy(), []
    while left.any():
        low = np.argwhere(left)[0]
        high = low + 1
        for axis in (1, 2, 0) if straight else (1, 2):
            while high[axis] < solid.shape[axis]:
                grown = high + np.eye(3, dtype=int)[axis]
                layer = [slice(x, y) for x, y in zip(low, grown, strict=True)]
                layer[axis] = slice(high[axis], grown[axis])
                if not left[tuple(layer)].all():
                    break
                high = grown
        left[tuple(slice(x, y) for x, y in zip(low, high, strict=True))] = False
        found.append(tuple(slice(x, y + 1) for x, y in zip(low, high, strict=True)))
    return found


LAY = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""The turn that lays what stands along z along x."""


def turned(R: Float[Array, "3 3"], surface: Surface, parts: Sequence[Array]) -> tuple[Surface, list[Array]]:
    """Surface and parts, turned about the origin."""
    vertices, faces, colors = surface
    return (vertices @ R.T, faces, colors), [part @ R.T for part in parts]


def tidy(surface: Surface) -> Surface:
    """Drops the vertices that no triangle uses."""
    vertices, faces, colors = surface
    used, packed = np.unique(faces, return_inverse=True)
    return vertices[used], packed.reshape(-1, 3).astype(np.int32), colors[used]


def lathe(
    profile: Sequence[tuple[float, float]],
    colors: Sequence[Sequence[float]],
    k: int = 48,
    closed: bool = False,
    angle: Float[Array, "k"] | None = None,
) -> Loft:
    """A loft of circles: (radius, z) in mm a ring, one colour a ring; columns at `angle` (rad), else `k` evenly."""
    rz = np.asarray(profile, float) / 1e3
    angle = 2 * np.pi * np.arange(k) / k if angle is None else angle
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(len(angle))], 1)
    rings = rz[:, None, :1] * circle + rz[:, None, 1:] * np.array([0.0, 0.0, 1.0])
    return Loft(rings, np.repeat(np.asarray(colors, float)[:, None], len(angle), axis=1), closed)


def narrowed(k: int, half: float) -> Float[Array, "k"]:
    """Angles (rad) of k columns round z of which the first and last lie within `half` of +x: room for a stem."""
    return np.concatenate([[0.0], np.linspace(half, 2 * np.pi - half, k - 1)])


def lines(low: float, high: float, step: float, edges: Sequence[float] = ()) -> Float[Array, "n"]:
    """Coordinates (m) from low to high at most `step` apart, with a crisp pair on either side of each colour edge."""
    stops = sorted({low, high, *(e + s * EPS for e in edges for s in (-1, 1))})
    pieces = [
        np.linspace(a, b, max(int(np.ceil((b - a) / step - 1e-6)), 1), endpoint=False) for a, b in pairwise(stops)
    ]
    return np.append(np.concatenate(pieces), high)


def rectangle(xs: Float[Array, "a"], ys: Float[Array, "b"]) -> tuple[Float[Array, "k 2"], Int[Array, "k"]]:
    """A ring round a rectangle, and the side of each of its points: 0 front (-y), 1 +x, 2 back, 3 -x."""
    front = np.stack([xs[:-1], np.full(len(xs) - 1, ys[0])], 1)
    right = np.stack([np.full(len(ys) - 1, xs[-1]), ys[:-1]], 1)
    back = np.stack([xs[:0:-1], np.full(len(xs) - 1, ys[-1])], 1)
    left = np.stack([np.full(len(ys) - 1, xs[0]), ys[:0:-1]], 1)
    sides = np.repeat([0, 1, 2, 3], [len(front), len(right), len(back), len(left)])
    return np.concatenate([front, right, back, left]), sides


def turns(axis: Sequence[float], fold: int) -> Float[Array, "_ 4 4"]:
    """The rotations of a `fold`-fold axis through the origin, the identity left out."""
    T = np.tile(np.eye(4), (fold - 1, 1, 1))
    T[:, :3, :3] = rotation_about(np.asarray(axis, float), 2 * np.pi * np.arange(1, fold) / fold)
    return T


def about_x(*discrete: Float[Array, "_ 4 4"]) -> Symmetry:
    """A solid of revolution that lies along x."""
    return replace(round_about(*discrete), axes=np.array([[1.0, 0.0, 0.0]]))


def round_about(*discrete: Float[Array, "_ 4 4"]) -> Symmetry:
    """A solid of revolution about z, with other turns where it also looks the same upside down."""
    return Symmetry(
        discrete=np.concatenate(discrete) if discrete else np.zeros((0, 4, 4)),
        axes=np.array([[0.0, 0.0, 1.0]]),
        offsets=np.zeros((1, 3)),
    )


def finish(
    about: Description,
    surface: Surface,
    parts: Sequence[Float[Array, "_ 3"]],
    *,
    mass: float,
    gloss: float,
    symmetry: Symmetry | None = None,
    prints: Sequence[Print] = (),
) -> Shape:
    """Moves the box's centre to the origin, lays the prints on one texture and packs a shape."""
    vertices, faces, colors = surface
    center = (vertices.min(0) + vertices.max(0)) / 2
    uv, texture = None, None
    if prints:
        printed = lay_out(surface, prints)
        vertices, faces, colors = vertices[printed.rows], printed.faces, printed.colors
        uv, texture = printed.uv, printed.texture
    return Shape(
        about=about,
        mesh=Mesh(((vertices - center) * 1e3).astype(np.float32).astype(float) / 1e3, faces),
        colors=np.clip(np.round(colors), 0, 255).astype(np.uint8),
        parts=tuple(np.unique(np.round(part - center, 9), axis=0) for part in parts),
        symmetry=symmetry or Symmetry(),
        mass=mass,
        gloss=gloss,
        uv=uv,
        texture=texture,
    )
