"""Takes a picture of a stage: rays only, no GL. Knows light.

One lamp of finite size (soft shadows), a room that shines from all sides (ambient light, occluded by what stands near
and tinted by it), and a mirror ray for what is glazed. World frame: table top z = 0, +z up, metres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import gaussian_filter

from bopask.arrays import Array
from bopask.nouns import Camera
from bopask.synth.render.stage import Stage, cast, grid, view_rays
from bopask.synth.texture import TABLES, room, to_srgb

ROOM = (2.6, -0.74)
"""Half the width of the room and the height of its floor (m): a backdrop, out of the depth sensor's range."""
LAMP, SKY = 2.1, 0.62
"""Strength of the lamp and of the room's light."""
SHADOW_RAYS, SKY_RAYS = 6, 14
"""Rays of each of the four samples of a pixel."""


def photograph(
    stage: Stage, camera: Camera, T_cam_world: Float[Array, "4 4"], rng: np.random.Generator
) -> UInt8[Array, "h w 3"]:
    """The RGB picture: four samples a pixel, a soft tone curve, a little sensor noise."""
    light = np.zeros((camera.height, camera.width, 3))
    rows = 48  # bounds the memory of one step
    for top in range(0, camera.height, rows):
        pixels = grid(camera.width, min(rows, camera.height - top)) + [0, top]
        strata = Strata(rng.random((2, len(pixels))), 0.0)
        for n, offset in enumerate(((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))):
            rays = view_rays(camera, T_cam_world, pixels + offset)
            color = _shade(stage, *rays, replace(strata, step=n / 4))
            light[top : top + rows] += color.reshape(-1, camera.width, 3) / 4
    return _develop(light, rng)


def _develop(light: Float[Array, "h w 3"], rng: np.random.Generator) -> UInt8[Array, "h w 3"]:
    """Vignette, a shoulder that keeps highlights, and sensor noise."""
    h, w, _ = light.shape
    light = gaussian_filter(light, (0.4, 0.4, 0))  # a lens
    v, u = np.mgrid[0:h, 0:w]
    radius = np.hypot((u - w / 2) / w, (v - h / 2) / w)
    exposed = light * (1 - 0.35 * radius**2)[..., None]
    toned = exposed * (1 + exposed / 2.4) / (1 + exposed)  # Reinhard's curve with white at 1.55
    noisy = to_srgb(toned * 1.06) + rng.normal(0, 0.9, light.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Strata:
    """Points on a disc for a pixel's secondary rays: its four samples share one set, so that they do not repeat it."""

    turn: Float[Array, "2 n"]
    """Random in 0..1 a pixel: where its set begins, in radius and in angle."""
    step: float
    """Which quarter of each stratum this sample takes, 0..1."""

    def of(self, seen: Array) -> Strata:
        return replace(self, turn=self.turn[:, seen])

    def point(self, s: int, count: int) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
        """Squared radius in 0..1 and angle (rad) of ray s of `count`: a golden-angle spiral, turned anew a pixel."""
        q = (s + self.step + self.turn[0] / 4) / count
        return q, 2 * np.pi * (self.turn[1] + (4 * s + 4 * self.step) * 0.6180339887)


def _basis(n: Float[Array, "n 3"]) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
    helper = np.where(np.abs(n[:, 2:]) < 0.9, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    t = np.cross(helper, n)
    t /= np.linalg.norm(t, axis=1, keepdims=True)
    return t, np.cross(n, t)


def sky(directions: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """Light that comes from the room along a direction: bright ceiling, a window on one side, dim below."""
    z = directions[:, 2] / np.linalg.norm(directions, axis=1)
    window = np.clip((directions @ [0.75, -0.62, 0.25] / np.linalg.norm(directions, axis=1) - 0.6) / 0.3, 0, 1)
    base = np.where(z[:, None] > 0, [0.92, 0.93, 0.95], [0.34, 0.31, 0.28]) * (0.8 + 0.35 * np.abs(z))[:, None]
    return np.asarray(base + window[:, None] * [1.0, 1.06, 1.15])


def _bounce(stage: Stage, origins: Array, directions: Array, share: float) -> Float[Array, "n 3"]:
    """Light along secondary rays: the room's, or a `share` of the colour of what stands in the way."""
    face = stage.scene.run(origins.astype(np.float32), directions.astype(np.float32), query="INTERSECT")
    return np.where((face >= 0)[:, None], share * stage.colors[face].mean(1), sky(directions))


def _shade(
    stage: Stage, origins: Float[Array, "n 3"], directions: Float[Array, "n 3"], strata: Strata
) -> Float[Array, "n 3"]:
    hits = cast(stage, origins, directions)
    seen = hits.face >= 0
    color = np.empty_like(directions)
    color[~seen] = _backdrop(origins[~seen], directions[~seen])
    face, weights = hits.face[seen], hits.weights[seen][..., None]
    p = origins[seen] + hits.distance[seen, None] * directions[seen]
    eye = -directions[seen] / np.linalg.norm(directions[seen], axis=1, keepdims=True)
    n = (stage.normals[face] * weights).sum(1)
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)
    albedo = stage.albedo(hits.at(seen))
    top = (stage.instance[face] < 0) & (p[:, 2] > -1e-5)
    albedo[top] = TABLES[stage.table](p[top])
    lifted = p + 2e-5 * n
    direct, highlight = _lamp(stage, lifted, n, eye, stage.gloss[face], strata.of(seen))
    ambient = _ambient(stage, lifted, n, strata.of(seen))
    shaded = albedo * (LAMP * direct[:, None] + SKY * ambient)
    facing = np.clip((n * eye).sum(1), 0, 1)
    fresnel = stage.gloss[face] * (0.04 + 0.7 * (1 - facing) ** 5)
    glazed = np.flatnonzero(stage.instance[face] >= 0)
    mirror = 2 * facing[glazed, None] * n[glazed] - eye[glazed]
    shaded[glazed] += fresnel[glazed, None] * _bounce(stage, lifted[glazed], mirror, 0.5)
    color[seen] = shaded + highlight[:, None]
    return color


def _lamp(
    stage: Stage, p: Array, n: Array, eye: Array, gloss: Array, strata: Strata
) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Diffuse light and highlight of the lamp, a disc of 26 cm, by shadow rays to its strata."""
    direct, highlight = np.zeros(len(p)), np.zeros(len(p))
    shininess = 30 + 90 * gloss
    for s in range(SHADOW_RAYS):
        q, phi = strata.point(s, SHADOW_RAYS)
        r = 0.13 * np.sqrt(q)
        to_lamp = stage.lamp + np.stack([r * np.cos(phi), r * np.sin(phi), np.zeros(len(p))], 1) - p
        far = np.linalg.norm(to_lamp, axis=1)
        to_lamp /= far[:, None]
        cosine = (to_lamp * n).sum(1)
        lit = cosine > 0
        blocked = stage.scene.run(
            p[lit].astype(np.float32), to_lamp[lit].astype(np.float32), far[lit].astype(np.float32), query="OCCLUDED"
        )
        lit[lit] = blocked < 0
        power = lit / SHADOW_RAYS * (np.linalg.norm(stage.lamp) / far) ** 2
        direct += power * np.clip(cosine, 0, None)
        half = to_lamp + eye
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        highlight += power * gloss * 0.55 * np.clip((half * n).sum(1), 0, 1) ** shininess
    return direct / np.pi * 1.25, highlight


def _ambient(stage: Stage, p: Array, n: Array, strata: Strata) -> Float[Array, "n 3"]:
    """The room's light on a surface: cosine-weighted rays, one a stratum."""
    t, b = _basis(n)
    total = np.zeros_like(p)
    for s in range(SKY_RAYS):
        q, phi = strata.point(s, SKY_RAYS)
        r = np.sqrt(q)
        d = (r * np.cos(phi))[:, None] * t + (r * np.sin(phi))[:, None] * b + np.sqrt(1 - q)[:, None] * n
        total += _bounce(stage, p, d, 0.45)
    return total / SKY_RAYS


def _backdrop(origins: Array, directions: Array) -> Float[Array, "n 3"]:
    """Floor and walls of the room, unlit by the lamp."""
    half, floor = ROOM
    with np.errstate(divide="ignore"):
        down = np.where(directions[:, 2] < 0, (floor - origins[:, 2]) / directions[:, 2], np.inf)
        sides = ((np.sign(directions[:, :2]) * half - origins[:, :2]) / directions[:, :2]).min(1)
    is_floor = down < sides
    points = origins + np.minimum(down, sides)[:, None] * directions
    return np.asarray(0.62 * room(points, is_floor) * (0.75 + 0.25 * (points[:, 2:] + 0.74)))
