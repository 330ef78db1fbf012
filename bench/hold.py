"""What makes a grasp hold? Grasps of every object tried in MuJoCo, and the weights of `hold.score` fitted to them.

    python bench/hold.py MODELS --cache CACHE [--random 40] [--best 30] [--workers 2]

Of each object, grasps drawn at random and the best that differ, each tried nominally and in the harder setting (see
bench/grasps.py). The target is the share of lift and lift+shake in both. Logistic regression; the top five are told by
weights fitted to the other objects alone. Prints the weights, those top five, and what a score is worth.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from bopask.bop.models import Models
from bopask.physics.bodies import solid_of
from bopask.physics.parts import parts_of
from bopask.physics.simulate import noise, tried
from bopask.physics.trial import HARDER, HELD, LIFTED, NOMINAL, Trial
from bopask.priors.grasps import sets
from bopask.priors.grasps.fit import held
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.hold import Sampler, features, subject
from bopask.priors.grasps.in_scene import InScene, shortlist
from bopask.priors.grasps.sampler import load_or_sample
from bopask.rng import rng_for
from bopask.run.local import LocalExecutor
from bopask.store.cache import Cache

EVERY = replace(Sampler(), worst=-np.inf)
SETTINGS = (NOMINAL, HARDER)
RIDGE = 1e-3
BINS = (-np.inf, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, np.inf)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="folder for convex parts and proposals")
    parser.add_argument("--random", type=int, default=40)
    parser.add_argument("--best", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    work = partial(outcomes, args.models, args.cache, args.random, args.best)
    of = dict(LocalExecutor(args.workers).run(work, list(Models(args.models))))
    told = {o: (X, v) for o, (X, v) in sorted(of.items()) if len(X)}
    print(f"{sum(len(X) for X, _ in told.values())} grasps of {len(told)} objects; weights, constant first:")
    print("  ", fitted(told).round(2).tolist())
    leave_one_out(told)
    calibration(told, fitted(told))


def outcomes(root: Path, cache: Path, random: int, best: int, obj_id: int) -> tuple[int, tuple[np.ndarray, np.ndarray]]:
    """Features (g, k) and verdicts (g, 2) of an object's grasps."""
    model, gripper = Models(root)[obj_id], load_gripper()
    grasps = load_or_sample({obj_id: model}, [obj_id], gripper, 0, cache / "grasps", EVERY)[obj_id]
    n = len(grasps.width)
    if not n:
        return obj_id, (np.zeros((0, 0)), np.zeros((0, 2), int))
    drawn = rng_for(0, "bench hold", model.sha256).permutation(n)[:random]
    rows = np.union1d(drawn, shortlist(grasps, np.ones(n, bool), replace(InScene(), top=best)))
    some, obj = sets.take(grasps, rows), subject(model, EVERY)
    pads = held(obj.points, some.T_obj_grasp, some.width, some.depth, gripper)
    trial = Trial(solid_of(model, parts_of(model, Cache(cache))), gripper)
    verdicts = [
        [tried(grasps, int(r), trial, s, noise(model, trial, s, int(r), draw, 2)) for draw, s in enumerate(SETTINGS)]
        for r in rows
    ]
    return obj_id, (features(obj, sets.middle(some), some.T_obj_grasp[:, :3, 0], pads), np.array(verdicts))


def shares(v: np.ndarray) -> np.ndarray:
    """Of grasps: lift and lift+shake, nominally and in the harder setting, 0 or 1 (g, 4)."""
    return np.stack([v[:, 0] >= LIFTED, v[:, 0] == HELD, v[:, 1] >= LIFTED, v[:, 1] == HELD], 1).astype(float)


def fitted(told: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Constant and weights of the features."""
    X, v = (np.concatenate(parts) for parts in zip(*told.values(), strict=True))
    y, middle, spread = shares(v).mean(1), X.mean(0), X.std(0)
    Z = np.column_stack([np.ones(len(X)), (X - middle) / spread])

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        e = Z @ w
        gradient = Z.T @ (1 / (1 + np.exp(-e)) - y) / len(y) + 2 * RIDGE * np.r_[0, w[1:]]
        return float((np.logaddexp(0, e) - y * e).mean() + RIDGE * (w[1:] ** 2).sum()), gradient

    w = minimize(loss, np.zeros(Z.shape[1]), jac=True).x
    return np.r_[w[0] - (w[1:] * middle / spread).sum(), w[1:] / spread]


def leave_one_out(told: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> None:
    every = []
    for o, (X, v) in told.items():
        w = fitted({other: of for other, of in told.items() if other != o})
        top = np.argsort(-(w[0] + X @ w[1:]), kind="stable")[:5]
        every.append(shares(v[top]))
        print(f"  object {o:>3}: all {percent(shares(v))}; best five {percent(every[-1])}")
    print(f"best five, by weights fitted to the other objects: {percent(np.concatenate(every))}")


def calibration(told: Mapping[int, tuple[np.ndarray, np.ndarray]], w: np.ndarray) -> None:
    X, v = (np.concatenate(parts) for parts in zip(*told.values(), strict=True))
    s = w[0] + X @ w[1:]
    for low, high in pairwise(BINS):
        here = (s >= low) & (s < high)
        if here.any():
            print(f"score {low:>5} to {high:>4}: {here.sum():>5} grasps, {percent(shares(v[here]))}")


def percent(of: np.ndarray) -> str:
    """Nominal lift / lift+shake, harder lift / lift+shake."""
    a, b, c, d = 100 * of.mean(0)
    return f"nominal {a:5.1f} / {b:5.1f}, harder {c:5.1f} / {d:5.1f}"


if __name__ == "__main__":
    main()
