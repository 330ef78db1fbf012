"""Up from the objects themselves: the direction in which most of them rest on one plane. Needs no image.

One object leaves as many directions as it has resting faces; a second one, turned about the vertical by whatever
angle, agrees with only one of them, and its lowest point must lie on the same plane.

The evidence is counted in nats, against objects that lie anyhow. Near a resting face a direction is likelier to be up
than a random one: 250 times for a box, 20 times for a can that may also roll, not at all for a ball. A lowest point on
the common plane is likelier by how much room it had. From both is taken what the plane was free to choose, its tilt and
its height (the Bayesian evidence, by Laplace's approximation): three points always share a plane. Cameras held level
speak too, but never louder than one object. So one box is never enough, two boxes askew are, and balls never are.

Up is the normal of the support, not gravity: a tilted table cannot be seen from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bopask.arrays import Array
from bopask.nouns import Arrangement, Estimate, Model, Skip
from bopask.world.bodies import FACE_REACH, Standing


class _Fit(NamedTuple):
    """A plane polished on the objects that rest on it."""

    up: Float[Array, "3"]
    offset: float
    sigma: float
    """Standard error of the tilt (rad)."""
    room: float
    """Log-share of all tilts and heights that would have fitted as well (<= 0)."""


@dataclass(frozen=True)
class RestingFaces:
    """Up as the direction in which most objects rest on one plane."""

    sigma_tilt: float = np.deg2rad(2)
    """Noise of one object's face normal (rad): annotation 1-2 degrees, scans as much."""
    sigma_height: float = 0.004
    """Noise of one object's lowest point (m)."""
    tol_height: float = 0.012
    """A lowest point within this of the plane stands on it (m)."""
    sigma_roll: float = np.deg2rad(10)
    """Roll of a camera that is held level (rad)."""
    refine: int = 12
    """How many distinct directions are refined and weighed against each other."""

    def estimate(self, arrangement: Arrangement, models: Mapping[int, Model], seed: int) -> Estimate | Skip:
        """The plane in the reference frame; `seed` is not used.

        Confidence: the share of the evidence that is for this direction, times the chance that its tilt is known to 4
        degrees. Skips: 'no_resting_face' (or every body is round all over), 'cameras_below' (every such plane).
        """
        standing = Standing.of(arrangement, models)
        up = np.concatenate(
            [np.zeros((0, 3)), *(u for u, b in zip(standing.ups, standing.bodies, strict=True) if not b.round)]
        )
        if not len(up):
            return Skip(arrangement.key, "world.resting", "no_resting_face")
        offset, score = self._plane_under(up, standing)
        if not np.isfinite(score).any():
            return Skip(arrangement.key, "world.resting", "cameras_below")
        fits = [self._refined(up[k], offset[k], standing) for k in _distinct(up, score)[: self.refine]]
        up, offset = np.array([f.up for f in fits]), np.array([f.offset for f in fits])
        score = self._evidence(up, offset, standing) + [f.room for f in fits]
        order = _distinct(up, score)
        if not order:
            return Skip(arrangement.key, "world.resting", "cameras_below")
        fit = fits[order[0]]
        lead = np.logaddexp.reduce([0.0, *score[order[1:]]]) - score[order[0]]
        sure = (1 - np.exp(-0.5 * (np.deg2rad(4) / fit.sigma) ** 2)) / (1 + np.exp(np.clip(lead, -50, 50)))
        return Estimate("resting", fit.up, float(fit.offset), float(sure), self._detail(fit, standing))

    def _plane_under(self, up: Float[Array, "h 3"], standing: Standing) -> tuple[Float[Array, "h"], Float[Array, "h"]]:
        """For each direction the plane, through some object's lowest point, that has most evidence; and that."""
        lows = standing.lowest(up)
        scores = np.array([self._evidence(up, low, standing) for low in lows.T])
        return lows[np.arange(len(up)), np.argmax(scores, 0)], scores.max(0)

    def _evidence(self, up: Float[Array, "h 3"], offset: Float[Array, "h"], standing: Standing) -> Float[Array, "h"]:
        """Log-likelihood ratio (nats) of each plane being the support, against the objects lying anyhow."""
        heights, tilts = standing.lowest(up) - offset[:, None], standing.tilts(up)
        on, carried, below = standing.kinds(heights, self.tol_height)
        flat = tilts <= FACE_REACH
        by_chance = np.array([_bell(b.anyhow / self.sigma_tilt).mean() for b in standing.bodies])
        in_reach = np.array([(b.anyhow <= FACE_REACH).mean() for b in standing.bodies])
        # one annotation in ten is clumsy: anywhere within reach
        for_tilt = np.log(0.9 * _bell(tilts / self.sigma_tilt) / by_chance.clip(1e-4) + 0.1 / in_reach.clip(1e-3))
        room = standing.span / (self.sigma_height * np.sqrt(2 * np.pi))
        for_height = np.log(1 + 0.9 * room * _bell(heights / self.sigma_height))
        score = (((on | carried) & flat) * for_tilt).sum(1) + (on * for_height).sum(1)
        alone = ~standing.touching.any(1)
        score -= 6.0 * below.sum(1) + 3.0 * (~on & ~carried & ~below).sum(1) + 3.0 * (on & ~flat & alone).sum(1)
        # cameras are often held level, as often not: a ratio to chance of 2.5 at best and 0.5 at worst
        roll = np.arcsin(np.sqrt(((up @ standing.level) * up).sum(1).clip(0, 1)))
        score += np.log(0.5 + _bell(roll / self.sigma_roll) / (self.sigma_roll * np.sqrt(2 * np.pi)))
        return np.where((on & flat).any(1) & standing.above(up, offset), score, -np.inf)

    def _refined(self, up: Float[Array, "3"], offset: float, standing: Standing) -> _Fit:
        fit = _Fit(up, float(offset), np.inf, 0.0)
        for _ in range(4):
            fit = self._fit(fit.up, fit.offset, standing)
        return fit

    def _fit(self, up: Float[Array, "3"], offset: float, standing: Standing) -> _Fit:
        """One round of weighted least squares over tilt and height of the plane.

        Each standing object says two things: its face's normal is up (where it cannot roll), and its lowest point is
        on the plane. An object carried by others says the first only.
        """
        east = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
        east /= np.linalg.norm(east)
        basis = np.stack([east, np.cross(up, east)])
        on, carried, _ = standing.kinds(standing.lowest(up[None])[0] - offset, self.tol_height)
        used = (on | carried) & (standing.tilts(up[None])[0] <= FACE_REACH)
        A, b, chi, n = 1e-6 * np.eye(3), np.zeros(3), 0.0, -3
        for i in np.flatnonzero(used):
            k, body = int(np.argmax(standing.ups[i] @ up)), standing.bodies[i]
            turn = basis @ standing.R_ref_obj[i]
            W = np.linalg.inv(self.sigma_tilt**2 * np.eye(2) + 4 * turn @ body.freedom[k] @ turn.T)
            r = basis @ standing.ups[i][k]
            W /= 1 + r @ W @ r / 4  # Cauchy: one bad pose must not tilt the table
            A[:2, :2] += W
            b[:2] += W @ r
            chi, n = chi + float(r @ W @ r), n + 2
            if on[i]:
                row = np.append(basis @ standing.com[i], -1.0)
                gap = offset - (up @ standing.com[i] - body.rise[k])
                w = 1 / (self.sigma_height**2 + gap**2 / 4)
                A += w * np.outer(row, row)
                b += w * gap * row
                chi, n = chi + w * gap**2, n + 1
        step, cov = np.linalg.solve(A, b), np.linalg.inv(A)
        sigma = np.sqrt((cov[0, 0] + cov[1, 1]) * max(1.0, chi / max(n, 1)))
        # the peak's volume over that of all directions (4 pi) and heights (span)
        room = np.log((2 * np.pi) ** 1.5 / (4 * np.pi * standing.span)) - np.linalg.slogdet(A)[1] / 2
        up = up + step[:2] @ basis
        return _Fit(up / np.linalg.norm(up), offset + float(step[2]), float(sigma), float(min(room, 0.0)))

    def _detail(self, fit: _Fit, standing: Standing) -> str:
        heights = standing.lowest(fit.up[None])[0] - fit.offset
        on, carried, below = standing.kinds(heights, self.tol_height)
        flat = standing.tilts(fit.up[None])[0] <= FACE_REACH
        rms = 1e3 * np.sqrt((heights[on] ** 2).mean()) if on.any() else np.nan
        return (
            f"{(on & flat).sum()} of {len(on)} objects rest on it (heights {rms:.1f} mm rms), {(on & ~flat).sum()} "
            f"lean, {carried.sum()} on others, {below.sum()} below; tilt known to {np.rad2deg(fit.sigma):.1f} deg"
        )


def _bell(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return np.exp(-(x**2) / 2)


def _distinct(up: Float[Array, "h 3"], score: Float[Array, "h"]) -> list[int]:
    """The best of each bundle of directions, best first; bundles are 12 degrees apart."""
    kept: list[int] = []
    for k in np.argsort(-score, kind="stable").tolist():
        if np.isfinite(score[k]) and (not kept or (up[kept] @ up[k]).max() < np.cos(np.deg2rad(12))):
            kept.append(k)
    return kept
