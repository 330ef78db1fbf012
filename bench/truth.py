"""What the priors of a split claim, and what a second collision library (coal) says of it.

    python bench/truth.py FOLDER --split train_real [--stride 40]

For every layout: is up known; states of grasps; shares of pairs with a path and the reasons of the others; every path
walked at 1 mm under coal; every 'blocked by' taken at its word under coal (with the named objects gone a grasp is free,
with any of them back none is). Uses the checkers of tests/: they share no code with what they check.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from arranged import hits

from bopask.bop.folder import open_bop
from bopask.nouns import Layout, Trajectory
from bopask.priors.contacts import rests_on
from bopask.priors.paths import plan_paths
from bopask.world.arrange import arrange
from bopask.world.depth import DepthPlane
from bopask.world.resting import RestingFaces
from bopask.world.up import find_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", required=True)
    parser.add_argument("--stride", type=int, default=40, help="use every n-th frame to find layouts and up")
    args = parser.parse_args()
    folder = open_bop(args.folder)
    models, count, paths, collisions = folder.models(), Counter[str](), list[Trajectory](), 0
    for scene in folder.scene_ids(args.split):
        frames = folder.read_scene(args.split, scene).frames[:: args.stride]
        for arrangement in arrange(frames, models):
            world, _ = find_world(arrangement, models, (DepthPlane(), RestingFaces()))
            layout = Layout(arrangement, world)
            count["layouts"] += 1
            count["ordered pairs"] += len(layout.obj_ids) * (len(layout.obj_ids) - 1)
            if world is None:
                count["layouts: up not known"] += 1
                continue
            found, skips = plan_paths(layout, models, rests_on(layout, models), 0)
            count.update(f"pairs: {skip.reason}" for skip in skips)
            paths += found.values()
            collisions += sum(bool(hits(layout, models, path)) for path in found.values())
    for name, number in sorted(count.items()):
        print(f"{name}: {number:,}")
    print(f"pairs with a path: {len(paths):,} ({len(paths) / max(count['ordered pairs'], 1):.1%})")
    print(f"paths in which coal finds a collision at 1 mm steps, start contacts aside: {collisions}")
    straight = [p.length / np.linalg.norm(p.points[-1] - p.points[0]) for p in paths]
    print(f"waypoints, median and 95 %: {np.percentile([len(p.points) for p in paths], [50, 95])}")
    print(f"length / straight line, median and 95 %: {np.percentile(straight, [50, 95]).round(2)}")
    print(f"clearance, 5 / 50 / 95 % (mm): {(1e3 * np.percentile([p.clearance for p in paths], [5, 50, 95])).round(1)}")


if __name__ == "__main__":
    main()
