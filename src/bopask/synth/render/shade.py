"""Lights a picture of surfaces: lamps with soft shadows, light from all sides, highlights. By rays; linear light.

Who is lit by what is asked at every second pixel, with few rays each whose directions differ from pixel to pixel in a
4 x 4 pattern; averaging over the pattern, on the same surface only, takes the grain away. Normals are exact everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.ndimage import gaussian_filter

from bopask.arrays import Array
from bopask.geometry.se3 import inverse
from bopask.nouns import Camera
from bopask.synth.render.scene import Lamp, Look, Scene, room
from bopask.synth.render.stage import corner_normals
from bopask.synth.render.truth import Truth, directions
from bopask.synth.texture import to_linear, to_srgb

LAMP_RAYS, SKY_RAYS = 2, 4
"""Rays of each coarse pixel to every lamp, and to the light from all sides."""
FAR, NEAR = 1.2, 0.3
"""What stands further off (m) throws no shadow, or does not dim the light from all sides."""
BOUNCED = 0.3
"""Light that comes back from what dims it, as a share."""
LIFT = 1e-3
"""Rays start this far (m) off the surface: a coarse mesh must not shade itself where light grazes it."""
FURNITURE_GLOSS = 0.12
EDGE = 0.7
"""Blur of the light (pixels), not of what it falls on: GL's edges are antialiased, so must their light be."""
_LINEAR = to_linear(np.arange(256.0)[:, None] * np.ones(3))[:, 0].astype(np.float32)
_GOLDEN = 0.6180339887


@dataclass(frozen=True)
class Light:
    """A scene under its lamps, ready to be asked how bright each pixel is."""

    truth: Truth
    """Objects, furniture and room."""
    normals: Float[Array, "f 3 3"]
    """Shading normals at the corners."""
    gloss: Float[Array, "f"]
    look: Look

    @staticmethod
    def on(scene: Scene, look: Look) -> Light:
        """Prepares a scene once, for all views."""
        triangles, owners = scene.triangles()
        walls = np.concatenate([fixture.triangles() for fixture, *_ in room(look)])
        soup, instance = np.concatenate([triangles, walls]), np.append(owners, np.full(len(walls), -1))
        flat = np.cross(soup[:, 1] - soup[:, 0], soup[:, 2] - soup[:, 0])
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30)
        normals = np.repeat(flat[:, None], 3, axis=1)
        gloss = np.where(instance < 0, FURNITURE_GLOSS, 0.0)
        for i, shape in enumerate(scene.shapes):
            normals[instance == i] = corner_normals(soup[instance == i], shape.mesh.faces)
            gloss[instance == i] = shape.gloss
        return Light(Truth(soup, instance), normals, gloss, look)

    def lit(
        self, surfaces: UInt8[Array, "h w 3"], camera: Camera, T_cam_world: Float[Array, "4 4"]
    ) -> UInt8[Array, "h w 3"]:
        """The picture: `surfaces` is the colour (sRGB) of what each pixel shows, evenly lit."""
        view = self.view(camera, T_cam_world)
        *lamps_seen, sky_seen = _spread(self.arriving(view), view)
        sky_seen *= 0.8 + 0.2 * view.normals[2]  # the ceiling is brighter than the floor
        facing = -_dot(view.normals, view.rays)
        up = view.rays[2] + 2 * facing * view.normals[2]  # of the mirrored ray: dark table below, bright ceiling above
        fresnel = view.gloss * (0.04 + 0.5 * np.maximum(1 - facing, 0) ** 5)
        mirrored = sky_seen * fresnel * (0.9 + 0.9 * np.clip(2 * up, -1, 1))
        diffuse = [sky_seen * np.float32(strength) for strength in self.look.fill]
        shine = [mirrored * np.float32(strength) for strength in self.look.fill + 0.4]
        sharpness = 20 + 100 * view.gloss
        for lamp, seen in zip(self.look.lamps, lamps_seen, strict=True):
            towards = lamp.towards.astype(np.float32)
            facing = np.maximum(_dot(view.normals, towards), 0) * seen
            half = towards[:, None, None] - view.rays
            cosine = np.maximum(_dot(half, view.normals), 0) / np.sqrt(_dot(half, half))
            highlight = 0.5 * view.gloss * cosine**sharpness * np.minimum(4 * facing, seen)
            for c, strength in enumerate(lamp.color.astype(np.float32)):
                diffuse[c] += strength * facing
                shine[c] += strength * highlight
        light, glare = (
            np.stack([gaussian_filter(c, EDGE, truncate=2) for c in channels], -1) for channels in (diffuse, shine)
        )
        return _developed(_LINEAR[surfaces] * light + glare)

    def view(self, camera: Camera, T_cam_world: Float[Array, "4 4"]) -> View:
        """What the rays of all pixels meet: normals are affine in u and v across a triangle, up to their length."""
        face = self.truth.faces(camera, T_cam_world)
        eye, to_world = inverse(T_cam_world)[:3, 3], directions(camera, T_cam_world)
        a, b, c = np.moveaxis(self.truth.triangles - eye, 1, 0)
        weights = -np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 1) @ to_world  # of corners, by (u, v, 1)
        det = -(a * np.cross(b, c)).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            nearness = (weights.sum(1) / det[:, None]).astype(np.float32)  # 1 / z
        slopes = (np.swapaxes(self.normals, 1, 2) @ weights).astype(np.float32)
        u, v = np.arange(camera.width, dtype=np.float32), np.arange(camera.height, dtype=np.float32)[:, None]

        def across(rows: Float[Array, "f 3"]) -> Float[Array, "h w"]:
            du, dv, at = np.ascontiguousarray(rows.T)
            return np.asarray(du[face] * u + dv[face] * v + at[face])

        normals = _unit(np.stack([across(slopes[:, i]) for i in range(3)]))
        depth = 1 / across(nearness)
        rays = np.stack([row[0] * u + row[1] * v + row[2] for row in to_world.astype(np.float32)])
        points = eye.astype(np.float32)[:, None, None] + depth * rays
        return View(points, normals, _unit(rays), depth, self.gloss.astype(np.float32)[face])

    def arriving(self, view: View) -> Float[Array, "k r c"]:
        """At every second pixel: the share of each lamp that is seen, and last of the light from all sides."""
        points, normals = view.points[:, ::2, ::2], view.normals[:, ::2, ::2]
        shape = points.shape[1:]
        start, up = (points + LIFT * normals).reshape(3, -1).T, normals.reshape(3, -1).T
        cell = _pattern(*shape).ravel()
        bundles = [(_lamp_rays(lamp), 0.0 * up, FAR) for lamp in self.look.lamps] + [(_sphere(), up, NEAR)]
        met = [
            np.mean([self.truth.blocked(start, base + ray[cell], far) for ray in rays], 0)
            for rays, base, far in bundles
        ]
        met[-1] *= 1 - BOUNCED
        return 1 - np.array(met, np.float32).reshape(-1, *shape)


@dataclass(frozen=True)
class View:
    """What each pixel shows, in the world."""

    points: Float[Array, "3 h w"]
    normals: Float[Array, "3 h w"]
    """On the camera's side."""
    rays: Float[Array, "3 h w"]
    """Unit vectors from the camera."""
    depth: Float[Array, "h w"]
    gloss: Float[Array, "h w"]

    def every_second(self, row: int, column: int) -> View:
        """The pixels of one of the four phases."""
        points, normals, rays = (a[:, row::2, column::2] for a in (self.points, self.normals, self.rays))
        return View(points, normals, rays, self.depth[row::2, column::2], self.gloss[row::2, column::2])


def _dot(a: Float[Array, "3 ..."], b: Float[Array, "3 ..."]) -> Float[Array, "..."]:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def _unit(a: Float[Array, "3 ..."]) -> Float[Array, "3 ..."]:
    return np.asarray(a / (np.sqrt(_dot(a, a)) + np.float32(1e-20)))


def _pattern(rows: int, columns: int) -> Int[Array, "r c"]:
    """Which of 16 sets of directions a pixel takes: each once in every 4 x 4 block."""
    block = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
    return np.tile(block, (-(-rows // 4), -(-columns // 4)))[:rows, :columns]


def _lamp_rays(lamp: Lamp) -> Float[Array, "k 16 3"]:
    """Directions to points spread over a lamp's disc: k of each set."""
    n = np.arange(LAMP_RAYS)[:, None] * 16 + np.arange(16)
    r, turn = np.sqrt((n + 0.5) / (16 * LAMP_RAYS)), 2 * np.pi * _GOLDEN * n
    x = np.cross(lamp.towards, [0.0, 0.0, 1.0] if abs(lamp.towards[2]) < 0.9 else [1.0, 0.0, 0.0])
    x /= np.linalg.norm(x)
    disc = np.cos(turn)[..., None] * x + np.sin(turn)[..., None] * np.cross(lamp.towards, x)
    return (lamp.towards + np.tan(lamp.softness) * r[..., None] * disc).astype(np.float32)


def _sphere() -> Float[Array, "k 16 3"]:
    """Points of the unit sphere: added to a normal they are directions spread by the cosine."""
    n = np.arange(SKY_RAYS)[:, None] * 16 + np.arange(16)
    z, turn = 1 - 2 * (n + 0.5) / (16 * SKY_RAYS), 2 * np.pi * _GOLDEN * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], -1).astype(np.float32) * np.float32(0.999)


def _spread(coarse: Float[Array, "k r c"], view: View) -> Float[Array, "k h w"]:
    """Averages over the pattern, then fills the pixels between, from neighbours on the same surface only."""
    half = view.every_second(0, 0)
    smooth = _mean(coarse, half, half, [(0, d) for d in (-2, -1, 0, 1)])
    smooth = _mean(smooth, half, half, [(d, 0) for d in (-2, -1, 0, 1)])
    full = np.empty((len(coarse), *view.depth.shape), np.float32)
    for row in (0, 1):
        for column in (0, 1):
            steps = [(r, c) for r in range(row + 1) for c in range(column + 1)]
            full[:, row::2, column::2] = _mean(smooth, half, view.every_second(row, column), steps)
    return full


def _mean(values: Array, source: View, view: View, steps: Sequence[tuple[int, int]]) -> Float[Array, "k r c"]:
    """The mean of the values these rows and columns further on, of those whose surface is the same."""
    rows, columns = view.depth.shape
    total, weight = np.zeros((len(values), rows, columns), np.float32), np.full(view.depth.shape, 1e-12, np.float32)
    for step in steps:
        points, normals, value = (
            np.roll(a, (-step[0], -step[1]), (1, 2))[:, :rows, :columns]
            for a in (source.points, source.normals, values)
        )
        off = _dot(points - view.points, view.normals) / (0.004 * view.depth)
        off *= off
        alike = np.maximum(_dot(normals, view.normals), 0)
        alike *= alike
        w = alike * alike / (1 + off * off) + np.float32(1e-6)
        total += w * value
        weight += w
    return np.asarray(total / weight)


def _developed(light: Float[Array, "h w 3"]) -> UInt8[Array, "h w 3"]:
    """sRGB by a soft shoulder (Reinhard's curve with white at 2)."""
    toned = 1.36 * light * (1 + light / 4) / (1 + light)
    return np.round(to_srgb(toned)).astype(np.uint8)
