"""What a camera makes of a clean picture: exposure, white balance, blur and noise; and a depth sensor's holes.

Both are functions of the picture and a generator: give each frame its own, `rng_for(seed, "sensor", (scene, frame))`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.ndimage import binary_dilation, gaussian_filter

from bopask.arrays import Array
from bopask.nouns import Camera
from bopask.synth.texture import to_linear, to_srgb


@dataclass(frozen=True)
class Sensor:
    """The range from which each frame's settings are drawn; all 0 changes nothing."""

    exposure: float = 0.25
    """Up to so many stops too dark or too bright."""
    balance: float = 0.05
    """Up to this share too red or too blue."""
    blur: tuple[float, float] = (0.3, 0.7)
    """Width of the lens's blur (pixels)."""
    noise: tuple[float, float] = (0.6, 2.4)
    """Of 255, in the dark; light adds its own shot noise."""
    vignette: float = 0.3
    """How much darker the corners are at most."""

    def develop(self, rgb: UInt8[Array, "h w 3"], rng: np.random.Generator) -> UInt8[Array, "h w 3"]:
        """The picture as the camera's file has it."""
        h, w, _ = rgb.shape
        warm, v = rng.uniform(-self.balance, self.balance), np.arange(h)[:, None]
        gain = 2 ** rng.uniform(-self.exposure, self.exposure) * np.array([1 + warm, 1.0, 1 - warm])
        away = ((np.arange(w) - w / 2) ** 2 + (v - h / 2) ** 2) / (w * w + h * h) * 4
        fall = 1 - rng.uniform(0, self.vignette) * away
        table = to_linear(np.arange(256.0)[:, None] * np.ones(3))[:, 0].astype(np.float32)
        light = gaussian_filter(table[rgb], (*[rng.uniform(*self.blur)] * 2, 0), truncate=3)
        light *= fall[..., None].astype(np.float32) * gain.astype(np.float32)
        sigma = rng.uniform(*self.noise)
        grain = rng.standard_normal(rgb.shape, np.float32) * (sigma * np.sqrt(0.5 + light))
        return np.clip(np.round(to_srgb(light) + grain), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class DepthSensor:
    """Structured light: a projector beside the camera, disparities in steps, noise after Nguyen et al. 2012."""

    baseline: float = 0.075
    """The projector is so far (m) to the right of the camera; what only one of them sees has no depth."""
    step: float = 1 / 8
    """Smallest difference of disparity (pixels)."""
    grazing: float = 0.2
    """Cosine between surface and ray below which depth gets lost."""

    def holes(
        self,
        depth: Float[Array, "h w"],
        ids: Int[Array, "h w"],
        gloss: Float[Array, "n"],
        camera: Camera,
        rng: np.random.Generator,
    ) -> Float[Array, "h w"]:
        """Measured depth (m) of exact depth; 0 where nothing is measured. `gloss` is each instance's, 0..1."""
        seen = depth > 0
        grain = gaussian_filter(rng.standard_normal(depth.shape, np.float32), 0.8) * 2.8  # neighbours err alike
        noisy = depth + grain * (0.0012 + 0.0019 * (depth - 0.4) ** 2)
        reach = camera.K[0, 0] * self.baseline
        steps = np.round(reach / np.where(seen, noisy, 1.0) / self.step)
        facing = _facing(depth, camera)
        patches = gaussian_filter(rng.standard_normal(depth.shape, np.float32), 2.5) * 9  # about -2..2
        shiny = np.append(gloss, [0.0, 0.0])[ids]
        dazzled = patches < 5 * shiny * facing**6 - 4.5
        lost = facing + 0.05 * patches < self.grazing
        gone = ~seen | self._unlit(np.where(seen, depth, np.inf), reach) | dazzled | lost
        return np.where(gone, 0.0, reach / (np.maximum(steps, 1) * self.step))

    @staticmethod
    def _unlit(depth: Float[Array, "h w"], reach: float) -> Bool[Array, "h w"]:
        """What the projector does not see: something nearer lies on the same of its columns, further right."""
        column = np.arange(depth.shape[1]) - reach / depth
        nearest = np.minimum.accumulate(column[:, ::-1], axis=1)[:, ::-1]
        behind = column > nearest + 0.5
        return np.asarray(binary_dilation(behind, np.ones((1, 3))))


def _facing(depth: Float[Array, "h w"], camera: Camera) -> Float[Array, "h w"]:
    """Cosine between a surface's normal and the ray, from neighbouring depths."""
    fx, fy, cx, cy = camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]
    x, y = (np.arange(depth.shape[1]) - cx) / fx, ((np.arange(depth.shape[0]) - cy) / fy)[:, None]
    dv, du = np.gradient(depth)
    nx, ny = -du * fx, -dv * fy
    nz = depth + du * fx * x + dv * fy * y
    along = nx * x + ny * y + nz
    return np.asarray(np.abs(along) / (np.sqrt(nx**2 + ny**2 + nz**2) * np.sqrt(1 + x**2 + y**2) + 1e-12))
