"""Convex parts of a mesh (CoACD): what a simulator collides. Slow: keep what it gives.

CoACD can abort the whole process, so it runs in a child: `python -m bopask.geometry.parts IN.npz OUT.npz CONFIG`.
Mass and inertia come from the mesh, never from the parts, whose volume is a few percent off (up to a factor where a
wall is a millimetre thin: `Parts.volume_ratio` tells).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

from bopask.arrays import Array
from bopask.errors import InputError, MissingExtra
from bopask.geometry.mesh import Mesh, merge_seams

VERSION = 1
"""Part of every cache key: raise it when the same config gives other parts."""


@dataclass(frozen=True)
class Cut:
    """CoACD's settings: finer than its defaults where a finger feels it, coarser in the search for the best cut."""

    threshold: float = 0.03
    """Concavity that may remain, as a share of the object's size."""
    resolution: int = 1_000
    """Samples for the concavity."""
    voxels: int = 100
    """Along the object's largest side, where an open mesh must be closed first: a wall grows by about one of them."""
    nodes: int = 10
    iterations: int = 60
    seed: int = 0
    tries: int = 3
    """An abort is tried again with the next seed."""
    crumb: float = 0.01
    """A loose piece with less than this share of the faces is left out: scans carry specks, which are not closed."""


def convex_parts(mesh: Mesh, cut: Cut, path: Path | str, extra: str) -> list[Float[Array, "v 3"]]:
    """The vertices of each part (m). Seams are merged first: along them a textured mesh is open, and CoACD would remesh
    it coarsely.

    Raises:
        MissingExtra: without coacd; it names `extra`.
        InputError: CoACD failed on this mesh, every time; it names `path`.
    """
    if find_spec("coacd") is None:
        raise MissingExtra("coacd", extra)
    whole = without_crumbs(merge_seams(mesh), cut.crumb)
    for seed in range(cut.seed, cut.seed + cut.tries):
        hulls = _in_child(whole, replace(cut, seed=seed))
        if hulls:
            return hulls
    raise InputError(path, "cannot be cut into convex parts", "Repair the mesh")


def packed(hulls: Sequence[Array]) -> dict[str, Array]:
    """Parts as arrays for a file or a cache."""
    return {"vertices": np.concatenate(hulls), "count": np.array([len(hull) for hull in hulls])}


def unpacked(stored: Mapping[str, Array]) -> list[Float[Array, "v 3"]]:
    """The inverse of `packed`."""
    return np.split(stored["vertices"], np.cumsum(stored["count"])[:-1])


def without_crumbs(mesh: Mesh, share: float) -> Mesh:
    """The mesh without loose pieces that have less than `share` of its faces. Pieces hang together by edges of exactly
    two triangles: a speck that touches the object in one vertex, or in one edge, is loose."""
    piece = connected_components(_neighbours(mesh.faces), directed=False)[1]
    faces = mesh.faces[np.bincount(piece)[piece] >= share * len(mesh.faces)]
    used, compact = np.unique(faces, return_inverse=True)
    return Mesh(mesh.vertices[used], compact.reshape(-1, 3).astype(np.int32))


def _neighbours(faces: Int[Array, "f 3"]) -> coo_array:
    """Pairs of faces that alone share an edge, as a graph."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, edge, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(edge.reshape(-1), kind="stable")
    pairs = order[count[edge.reshape(-1)[order]] == 2].reshape(-1, 2) // 3
    return coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(len(faces), len(faces)))


def closed(mesh: Mesh) -> bool:
    """Every edge is shared by two triangles: then there is an inside, and nothing needs to be remeshed."""
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    return bool((np.unique(edges, axis=0, return_counts=True)[1] == 2).all())


def _in_child(mesh: Mesh, cut: Cut) -> list[Float[Array, "v 3"]]:
    """The hulls, or [] when the child aborted."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "mesh.npz", Path(folder) / "hulls.npz"
        np.savez(given, vertices=mesh.vertices, faces=mesh.faces)
        command = [sys.executable, "-m", __name__, str(given), str(found), json.dumps(asdict(cut))]
        if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            return []
        with np.load(found) as stored:
            return unpacked(stored)


def _child(given: Path, found: Path, cut: Cut) -> None:
    import coacd

    coacd.set_log_level("error")
    with np.load(given) as mesh:
        vertices, faces = np.asarray(mesh["vertices"], float), np.asarray(mesh["faces"], np.int32)
    pieces: list[tuple[Float[Array, "v 3"], Int[Array, "f 3"]]] = coacd.run_coacd(
        coacd.Mesh(vertices, faces),
        threshold=cut.threshold,
        preprocess_mode="off" if closed(Mesh(vertices, faces)) else "on",
        preprocess_resolution=cut.voxels,
        resolution=cut.resolution,
        mcts_nodes=cut.nodes,
        mcts_iterations=cut.iterations,
        seed=cut.seed,
    )
    with found.open("wb") as out:
        np.savez(out, **packed([at[ConvexHull(at).vertices] for at, _ in pieces]))  # type: ignore[arg-type]


if __name__ == "__main__":
    _child(Path(sys.argv[1]), Path(sys.argv[2]), Cut(**json.loads(sys.argv[3])))
