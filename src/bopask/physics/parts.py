"""The convex parts of a model, once per mesh, kept in a cache.

Mass and inertia come from the mesh, never from the parts, whose volume is a few percent off (up to a factor where a
wall is a millimetre thin: `Parts.volume_ratio` tells).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from jaxtyping import Float
from scipy.spatial import ConvexHull

from bopask.arrays import Array
from bopask.geometry.mesh import Mesh, merge_seams, signed_volume
from bopask.geometry.parts import VERSION, Cut, convex_parts, packed, unpacked
from bopask.nouns import Model
from bopask.store.cache import Cache
from bopask.store.files import key_of


@dataclass(frozen=True)
class Parts:
    """Convex parts of a mesh: the vertices of each hull (m, object frame)."""

    hulls: tuple[Float[Array, "v 3"], ...]
    volume_ratio: float
    """Volume of the parts over that of the mesh; NaN for a mesh that encloses nothing."""


def parts_of(model: Model, cache: Cache, cut: Cut = Cut()) -> Parts:  # noqa: B008
    """The parts of a model, from the cache where it has them.

    Raises:
        MissingExtra: without coacd, and with nothing in the cache.
        InputError: CoACD failed on this mesh, every time.
    """
    key = key_of(VERSION, model.sha256, asdict(cut))
    name = model.path or f"object {model.obj_id}"
    hulls = tuple(unpacked(cache.arrays("parts", key, lambda: packed(convex_parts(model.mesh, cut, name, "physics")))))
    return Parts(hulls, _ratio(hulls, model.mesh))


def _ratio(hulls: Sequence[Array], mesh: Mesh) -> float:
    volume = signed_volume(merge_seams(mesh))
    return float(sum(ConvexHull(hull).volume for hull in hulls) / volume) if volume > 0 else float("nan")
