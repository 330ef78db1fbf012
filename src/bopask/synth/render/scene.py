"""What is photographed and under which light. World frame: table top z = 0, +z up, metres."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from jaxtyping import Float, Int, UInt8

from bopask.arrays import Array
from bopask.nouns import Camera
from bopask.synth.render.materials import FLOORS, TABLES, WALLS
from bopask.synth.render.stage import TABLE_SIZE
from bopask.synth.shapes import Shape

ROOM = (2.6, -0.74)
"""Half the width of the room and the height of its floor (m): beyond the range of the depth sensor."""

# The faces of a box by the corners below, counter-clockwise seen from outside; and along which axes each lies.
_QUADS = ((1, 3, 7, 5), (2, 0, 4, 6), (3, 2, 6, 7), (0, 1, 5, 4), (4, 5, 7, 6), (0, 2, 3, 1))
_ALONG = ((1, 2), (1, 2), (0, 2), (0, 2), (0, 1), (0, 1))

HALVES = np.array([[0, 1, 2], [0, 2, 3]])
"""A quad's two triangles."""


@dataclass(frozen=True)
class Fixture:
    """A box of furniture that stands still: a table top, a board of a shelf, a wall of a bin."""

    T_world_box: Float[Array, "4 4"]
    """Origin at the box's centre."""
    size: Float[Array, "3"]
    """Edge lengths (m)."""
    material: str = ""
    """One of `materials.SURFACES`; "" for the look's table material."""

    def quads(self) -> tuple[Float[Array, "6 4 3"], Float[Array, "6 4 2"]]:
        """Corners of the six sides in the world, counter-clockwise from outside, and in the plane of their side (m)."""
        signs = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)]) / 2
        local = (signs * self.size)[np.array(_QUADS)]
        flat = np.stack([side[:, axes] for side, axes in zip(local, _ALONG, strict=True)])
        return local @ self.T_world_box[:3, :3].T + self.T_world_box[:3, 3], flat

    def triangles(self) -> Float[Array, "12 3 3"]:
        """The same as triangles."""
        return self.quads()[0][:, HALVES].reshape(12, 3, 3)


def box(center: tuple[float, float, float], size: tuple[float, float, float], material: str = "") -> Fixture:
    """A fixture that is parallel to the world's axes."""
    T = np.eye(4)
    T[:3, 3] = center
    return Fixture(T, np.array(size), material)


def table() -> tuple[Fixture, ...]:
    """The standard table: a top of 1.2 x 0.8 m whose upper side is z = 0, on four legs."""
    x, y, z = TABLE_SIZE
    tall = -ROOM[1] - z
    legs = [(sx * (x / 2 - 0.06), sy * (y / 2 - 0.06), -z - tall / 2) for sx in (-1, 1) for sy in (-1, 1)]
    return (box((0, 0, -z / 2), TABLE_SIZE), *(box(at, (0.06, 0.06, tall)) for at in legs))


@dataclass(frozen=True)
class Scene:
    """A settled layout."""

    shapes: tuple[Shape, ...]
    T_world_obj: Float[Array, "n 4 4"]
    fixtures: tuple[Fixture, ...]

    def triangles(self) -> tuple[Float[Array, "f 3 3"], Int[Array, "f"]]:
        """All triangles in the world (m), and the instance of each; -1 for fixtures."""
        soups = [fixture.triangles() for fixture in self.fixtures]
        owners = [np.full(12, -1)] * len(self.fixtures)
        for i, (shape, T) in enumerate(zip(self.shapes, self.T_world_obj, strict=True)):
            soups.append((shape.mesh.vertices @ T[:3, :3].T + T[:3, 3])[shape.mesh.faces])
            owners.append(np.full(len(shape.mesh.faces), i))
        return np.concatenate(soups), np.concatenate(owners)


@dataclass(frozen=True)
class Lamp:
    """A lamp far away enough to shine in parallel."""

    towards: Float[Array, "3"]
    """Unit vector from the table to the lamp."""
    color: Float[Array, "3"]
    """Linear strength by channel: what arrives on a surface that faces it."""
    softness: float
    """Half the angle it is seen under (rad): how blurred its shadows are."""


@dataclass(frozen=True)
class Look:
    """All that makes two pictures of one layout differ: materials, light, and what the camera does to it."""

    table: str
    floor: str
    wall: str
    tint: Float[Array, "3 3"]
    """Factors on the colours of table, floor and walls."""
    shift: Float[Array, "2"]
    """Where on the material's pattern the furniture was cut out (m)."""
    lamps: tuple[Lamp, ...]
    fill: Float[Array, "3"]
    """Linear light from all sides, by channel: what arrives on a surface that nothing stands near."""
    seed: int
    """Of what is random in each picture: sensor noise, a ray tracer's samples."""


def _warmth(cool: float) -> Float[Array, "3"]:
    """A factor a channel: -1 warm as a bulb .. 0 neutral .. 1 blue as the sky."""
    return np.array([1 - 0.20 * cool, 1 - 0.02 * abs(cool), 1 + 0.24 * cool])


def _lamp(rng: np.random.Generator, strength: float) -> Lamp:
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(32, 68))
    towards = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    return Lamp(np.array(towards), strength * _warmth(rng.uniform(-1, 0.7)), np.radians(rng.uniform(1.0, 9.0)))


def draw_look(rng: np.random.Generator, table: str | None = None) -> Look:
    """A look drawn at random: one key lamp, up to two weaker ones, and fill. `table` fixes the table's material.

    The light on the table is about 1 in all; more than half of it comes from lamps.
    """
    shares = np.array([1.0, *rng.uniform(0.15, 0.5, rng.integers(0, 3))])
    direct = rng.uniform(0.58, 0.85)
    lamps = [_lamp(rng, share) for share in shares]
    arriving = sum(share * lamp.towards[2] for share, lamp in zip(shares, lamps, strict=True))
    return Look(
        table=table or str(rng.choice(sorted(TABLES))),
        floor=str(rng.choice(sorted(FLOORS))),
        wall=str(rng.choice(sorted(WALLS))),
        tint=[[1.0], [0.85], [0.9]] - np.array([[0.12], [0.3], [0.3]]) * rng.random((3, 1)) - 0.06 * rng.random((3, 3)),
        shift=rng.uniform(0, 4, 2),
        lamps=tuple(replace(lamp, color=lamp.color * direct / arriving) for lamp in lamps),
        fill=(1 - direct) * _warmth(rng.uniform(-0.3, 0.6)),
        seed=int(rng.integers(2**63)),
    )


def room(look: Look) -> list[tuple[Fixture, str, Float[Array, "3"]]]:
    """Floor and walls as thin boxes, each with its material and tint."""
    half, low = ROOM
    high, middle = 2 * half - 1, half - 0.5 + low
    floor = [(box((0, 0, low - 0.01), (2 * half, 2 * half, 0.02)), look.floor, look.tint[1])]
    sides = [((s * half, 0.0, middle), (0.02, 2 * half, high)) for s in (-1, 1)]
    sides += [((0.0, s * half, middle), (2 * half, 0.02, high)) for s in (-1, 1)]
    return floor + [(box(at, size), look.wall, look.tint[2]) for at, size in sides]


Shot: TypeAlias = Callable[[Float[Array, "4 4"]], UInt8[Array, "h w 3"]]
"""T_world_cam -> the picture from there."""


class Renderer(Protocol):
    """Makes pictures of scenes. Implemented by frozen dataclasses: `gl.GL`, `rays.Rays`, `blender.Blender`."""

    def open(self, scene: Scene, look: Look, camera: Camera) -> AbstractContextManager[Shot]:
        """Prepares a scene once, for pictures from many places; frees it on exit."""
        ...
