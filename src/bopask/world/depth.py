"""Up from depth images: the plane that objects stand on, by RANSAC over what surrounds them.

Knows depth images and planes. A table, a carpet and a wall are all planes: the right one is the one with the objects'
lowest points on it and no object or camera below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from bopask.arrays import Array
from bopask.bop.images import load_depth
from bopask.geometry.camera import unproject
from bopask.geometry.plane import Plane, ransac, spread
from bopask.geometry.se3 import inverse, transform
from bopask.nouns import Arrangement, Estimate, Frame, Model, Skip
from bopask.rng import rng_for
from bopask.world.bodies import Standing

STANDS = 0.015
"""A lowest point within this of a measured plane (m) stands on it: noise of the pose and of the sensor together."""
TENSION = 0.006
"""Spread (m) of the standing objects' lowest points about their mean height at which a plane begins to be doubted: a
common bias of sensor against annotation is usual, a tilt between them is not."""


@dataclass(frozen=True)
class DepthPlane:
    """The support plane from depth images."""

    frames: int = 8
    """At most this many images are read, spread evenly over the layout."""
    reach: float = 0.15
    """Only points this near an object's box (m) count: a table is flat, a sensor's idea of it is not."""
    grow: float = 0.01
    """Points inside an object's box grown by this (m) are the object's own."""
    threshold: float = 0.006
    """A point within this of the plane lies on it (m)."""
    points: int = 8000
    """At most about this many points an image."""

    def estimate(self, arrangement: Arrangement, models: Mapping[int, Model], seed: int) -> Estimate | Skip:
        """The plane in the reference frame. Skips: 'no_depth' (no image), 'depth_empty' (none near objects),
        'no_plane' (none that objects stand on)."""
        withs = [f for f, frame in enumerate(arrangement.frames) if frame.depth_path is not None]
        if not withs:
            return Skip(arrangement.key, "world.depth", "no_depth")
        picked = [withs[i] for i in np.unique(np.linspace(0, len(withs) - 1, self.frames).round().astype(int))]
        points = np.concatenate([self._around_objects(arrangement, f, models) for f in picked])
        if len(points) < 300:
            return Skip(arrangement.key, "world.depth", "depth_empty")
        standing = Standing.of(arrangement, models)
        rng = rng_for(seed, "world.depth", arrangement.key)
        found = ransac(points, rng, threshold=self.threshold, prefer=lambda n, d: support_share(n, d, standing))
        if found is None:
            return Skip(arrangement.key, "world.depth", "no_plane")
        plane, inliers = found
        return judged("depth", plane, points, inliers, standing, f"{len(picked)} images")

    def _around_objects(self, arrangement: Arrangement, f: int, models: Mapping[int, Model]) -> Float[Array, "n 3"]:
        """Points (m, reference frame) that one frame saw near the objects but not on them."""
        frame, T_ref_cam = arrangement.frames[f], arrangement.T_ref_cam[f]
        points_ref = transform(T_ref_cam, _points_cam(frame, self.points))
        near, own = np.zeros(len(points_ref), bool), np.zeros(len(points_ref), bool)
        for obj_id, T_ref_obj in zip(arrangement.obj_ids.tolist(), arrangement.T_ref_obj, strict=True):
            box = models[obj_id].box
            points_box = transform(inverse(T_ref_obj @ box.T_ref_box), points_ref)
            outside = np.linalg.norm(np.maximum(np.abs(points_box) - box.size / 2, 0), axis=1)
            near |= outside < self.reach
            own |= outside < self.grow
        return points_ref[near & ~own]


def _points_cam(frame: Frame, at_most: int) -> Float[Array, "n 3"]:
    """A regular sample of one depth image, as points in the camera frame (m)."""
    depth = load_depth(frame).astype(float)
    step = max(1, int(np.sqrt(depth.size / (4 * at_most))))  # objects' surroundings fill a quarter of an image or more
    v, u = np.mgrid[0 : depth.shape[0] : step, 0 : depth.shape[1] : step]
    z = depth[::step, ::step]
    return unproject(frame.camera.K, np.stack([u, v], -1)[z > 0].astype(float), z[z > 0])


def support_share(normals: Float[Array, "h 3"], offsets: Float[Array, "h"], standing: Standing) -> Float[Array, "h"]:
    """How much a plane looks like the support (0..1): the share of objects standing on it or carried by others, less
    those below it; a little for a plane that none touches; 0 for one with a camera below it."""
    on, carried, below = standing.kinds(standing.lowest(normals) - offsets[:, None], STANDS)
    share = (on | (carried & on.any(-1, keepdims=True))).mean(-1) - below.mean(-1)
    return np.asarray(np.where(standing.above(normals, offsets), np.maximum(share, 0.02), 0.0))


def judged(
    source: str,
    plane: Plane,
    points: Float[Array, "n 3"],
    inliers: Bool[Array, "n"],
    standing: Standing,
    seen: str,
    widest: float = 0.03,
) -> Estimate:
    """An estimate whose confidence is the product of what may go wrong: few of the points agree, they pin the plane
    down badly (a patch or a strip narrower than `widest`, m), or the objects do not stand on it, or stand askew."""
    share, width = float(inliers.mean()), spread(points[inliers])
    stand = float(support_share(plane.normal[None], np.array([plane.offset]), standing)[0])
    heights = standing.lowest(plane.normal[None])[0] - plane.offset
    on = np.abs(heights) <= STANDS
    rms = 1e3 * float(np.sqrt((plane.heights(points[inliers]) ** 2).mean()))
    detail = (
        f"{share:.0%} of {len(points)} points of {seen} within reach lie on it ({rms:.1f} mm rms); "
        f"{on.sum()} of {len(on)} objects stand on it"
        + (
            f", their lowest points at {1e3 * heights[on].mean():.1f} +- {1e3 * heights[on].std():.1f} mm"
            if on.any()
            else ""
        )
    )
    strain = float(np.exp(-((heights[np.abs(heights) <= 2 * STANDS].std() / TENSION) ** 2) / 2)) if on.any() else 1.0
    sure = 0.99 * min(1.0, share / 0.4) * min(1.0, width / widest) * stand**0.5 * strain
    return Estimate(source, plane.normal, plane.offset, sure, detail)
