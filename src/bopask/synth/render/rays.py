"""RGB by our own ray-cast photographer: no OpenGL, soft light in every corner, and seven seconds of CPU a picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from bopask.arrays import Array
from bopask.geometry.mesh import Mesh
from bopask.geometry.se3 import inverse
from bopask.nouns import Camera, Description, Symmetry
from bopask.rng import rng_for
from bopask.synth.render.materials import SURFACES
from bopask.synth.render.picture import photograph
from bopask.synth.render.scene import Fixture, Look, Scene, Shot
from bopask.synth.render.stage import TABLE_SIZE, stage
from bopask.synth.shapes import Shape
from bopask.synth.texture import TABLES, to_srgb

LAMP_AWAY = 1.75
"""Distance of the lamp (m)."""


@dataclass(frozen=True)
class Rays:
    """Pictures by ray casting: the key lamp of a look, a standard room, the standard table."""

    @contextmanager
    def open(self, scene: Scene, look: Look, camera: Camera) -> Iterator[Shot]:
        """See `scene.Renderer`. Furniture other than the table's top gets one colour."""
        others = [_solid(f, look) for f in scene.fixtures if not _is_table_top(f)]
        shapes = [*scene.shapes, *others]
        poses = np.concatenate([scene.T_world_obj, np.tile(np.eye(4), (len(others), 1, 1))])
        table = look.table if look.table in TABLES else sorted(TABLES)[look.seed % len(TABLES)]
        set_up = stage(shapes, poses, table, tuple(LAMP_AWAY * look.lamps[0].towards))

        def shot(T_world_cam: Float[Array, "4 4"]) -> UInt8[Array, "h w 3"]:
            rng = rng_for(look.seed, "rays", np.asarray(T_world_cam, float).tobytes().hex())
            return photograph(set_up, camera, inverse(T_world_cam), rng)

        yield shot


def _is_table_top(fixture: Fixture) -> bool:
    return np.allclose(fixture.size, TABLE_SIZE) and np.allclose(fixture.T_world_box[:3, 3], [0, 0, -TABLE_SIZE[2] / 2])


def _solid(fixture: Fixture, look: Look) -> Shape:
    """A piece of furniture as a shape in the colour of its material."""
    grid = np.random.default_rng(0).uniform(0, 1, (500, 3))
    color = np.round(to_srgb(SURFACES[fixture.material or look.table](grid).mean(0) * look.tint[0])).astype(np.uint8)
    soup = fixture.triangles().reshape(-1, 3)
    mesh = Mesh(soup, np.arange(36, dtype=np.int32).reshape(12, 3))
    return Shape(Description("furniture"), mesh, np.tile(color, (36, 1)), (soup,), Symmetry(), mass=1.0, gloss=0.12)
