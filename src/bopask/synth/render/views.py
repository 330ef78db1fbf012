"""Where the camera stands: all round a layout as in BOP's captures, decided by projected boxes and a few rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.geometry.camera import inside, project
from bopask.geometry.se3 import inverse, rotation_about, se3, transform
from bopask.nouns import Camera
from bopask.synth.render.scene import Scene
from bopask.synth.render.truth import Truth

CAMERA = Camera(np.array([[600.0, 0.0, 319.5], [0.0, 600.0, 239.5], [0.0, 0.0, 1.0]]), 640, 480)
DRAWS = 300
"""Tries for one view before it is given up."""
CLEAR = 0.12
"""The camera keeps this far (m) from what stands there, and above the table."""


def look_at(eye: Float[Array, "3"], target: Float[Array, "3"], roll: float) -> Float[Array, "4 4"]:
    """T_cam_world of a camera at `eye` (m) that looks at `target`, turned by `roll` (rad) about its optical axis."""
    z = (target - eye) / np.linalg.norm(target - eye)
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    R = rotation_about(np.array([0.0, 0.0, 1.0]), roll) @ np.stack([x, np.cross(z, x), z])
    return se3(R, -R @ eye)


@dataclass(frozen=True)
class Views:
    """How views are drawn."""

    camera: Camera = CAMERA
    distance: tuple[float, float] = (0.5, 1.1)
    """From the layout's middle (m); larger where it would not fit into the picture, smaller where it would be lost."""
    elevation: tuple[float, float] = (20.0, 75.0)
    """Above the table (degrees)."""
    azimuth: tuple[float, float] = (-180.0, 180.0)
    """From +x towards +y (degrees): all round, or the open side of a shelf."""
    roll: float = 8.0
    """At most, about the optical axis (degrees)."""
    jitter: float = 0.03
    """How far the camera aims past the middle (m), each way."""
    inside: float = 0.95
    """Least share of the objects that lie wholly in the picture."""
    open: float = 0.9
    """Least share of the objects whose middle no furniture hides."""

    def draw(self, scene: Scene, count: int, rng: np.random.Generator) -> list[Float[Array, "4 4"]]:
        """T_world_cam of `count` views spread over the azimuth; fewer where a view was not found in DRAWS tries."""
        site = _Site.of(scene, self)
        found = []
        for slot in rng.permutation(count):
            for draw in range(DRAWS):
                wider = 1 + draw / 50  # from some sides nothing is seen: look further round
                place = (slot + 0.5 + wider * (rng.random() - 0.5)) / count
                T_world_cam = self._one(site, place % 1 if self._all_round else np.clip(place, 0, 1), rng)
                if site.sees(T_world_cam):
                    found.append(T_world_cam)
                    break
        return found

    @property
    def _all_round(self) -> bool:
        return self.azimuth[1] - self.azimuth[0] >= 360

    def _one(self, site: _Site, place: float, rng: np.random.Generator) -> Float[Array, "4 4"]:
        azimuth = np.radians(self.azimuth[0] + place * (self.azimuth[1] - self.azimuth[0]))
        elevation, roll = np.radians(rng.uniform(*self.elevation)), np.radians(rng.uniform(-self.roll, self.roll))
        near, far = self.distance
        near = max(near, site.fits)
        distance = rng.uniform(near, max(min(far, 1.7 * site.fits), 1.2 * near))
        flat = np.cos(elevation)
        ray = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])
        target = site.middle + rng.uniform(-self.jitter, self.jitter, 3)
        return inverse(look_at(site.middle + distance * ray, target, roll))


@dataclass(frozen=True)
class _Site:
    """A layout reduced to boxes."""

    views: Views
    corners: Float[Array, "n 8 3"]
    """Of each object's own box, in the world."""
    solid: Float[Array, "m 2 3"]
    """Lowest and highest corner of all that the camera must not be in."""
    furniture: Truth
    middle: Float[Array, "3"]
    fits: float
    """From this distance (m) on, the whole layout lies in the picture from most sides."""

    @staticmethod
    def of(scene: Scene, views: Views) -> _Site:
        signs = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
        corners = []
        for shape, T in zip(scene.shapes, scene.T_world_obj, strict=True):
            low, high = shape.mesh.vertices.min(0), shape.mesh.vertices.max(0)
            corners.append(transform(T, low + signs * (high - low)))
        own = np.array(corners).reshape(-1, 8, 3)
        soup = np.concatenate([f.triangles() for f in scene.fixtures])  # a scene stands on something
        boxes = [*own, *(f.triangles().reshape(-1, 3) for f in scene.fixtures)]
        solid = np.array([[points.min(0), points.max(0)] for points in boxes])
        flat = own.reshape(-1, 3)
        middle = (flat.min(0) + flat.max(0)) / 2
        radius = float(np.linalg.norm(flat - middle, axis=1).max())
        K, size = views.camera.K, np.array([views.camera.width, views.camera.height])
        half = float(np.arctan((size / 2 / [K[0, 0], K[1, 1]]).min()))
        return _Site(views, own, solid, Truth(soup, np.full(len(soup), -1)), middle, 0.8 * radius / np.sin(half))

    def sees(self, T_world_cam: Float[Array, "4 4"]) -> bool:
        """True where the camera stands free and enough objects are in the picture, not behind furniture."""
        eye = T_world_cam[:3, 3]
        if eye[2] < CLEAR or ((eye > self.solid[:, 0] - CLEAR) & (eye < self.solid[:, 1] + CLEAR)).all(1).any():
            return False
        camera = self.views.camera
        pixels = project(camera.K, transform(inverse(T_world_cam), self.corners.reshape(-1, 3)))
        whole = inside(pixels, camera.width, camera.height).reshape(-1, 8).all(1)
        if float(np.mean(whole)) < self.views.inside:
            return False
        middles = self.corners.mean(1)
        hidden = self.furniture.blocked(np.tile(eye, (len(middles), 1)), middles - eye, 1.0)
        return bool(1 - hidden.mean() >= self.views.open)
