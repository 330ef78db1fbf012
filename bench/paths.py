"""The paths of every layout of a split, against a planner that takes its time and a collision library of its own.

    python bench/paths.py FOLDER --split train_real [--stride 40] [--rrt-star SECONDS --pairs 1]

Prints what is planned (pairs by reason, waypoints, length, clearance, truly different ways, where paths end, seconds a
layout), how often coal finds a collision when it walks every path and every alternative at 1 mm, and, over `--pairs`
pairs of each layout, length against OMPL's RRT* given that many seconds for the same carry: from where our path is
clear of its neighbours to the same goal, with the same margin, checks and room.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from arranged import hits

from bopask.arrays import Array
from bopask.bop.folder import open_bop
from bopask.geometry.camera import project
from bopask.geometry.curve import length
from bopask.geometry.se3 import inverse, transform
from bopask.nouns import Layout, Model, Trajectory
from bopask.priors.carry import Scene
from bopask.priors.contacts import place, rests_on
from bopask.priors.crossing import Crossing, PathConfig
from bopask.priors.over import spots
from bopask.priors.paths import Start, plan_paths
from bopask.priors.planner import problem, waypoints
from bopask.rng import rng_for
from bopask.world.arrange import arrange
from bopask.world.depth import DepthPlane
from bopask.world.resting import RestingFaces
from bopask.world.up import find_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", required=True)
    parser.add_argument("--stride", type=int, default=40, help="use every n-th frame to find layouts and up")
    parser.add_argument("--rrt-star", type=float, default=0.0, metavar="SECONDS", help="compare with RRT* given these")
    parser.add_argument("--pairs", type=int, default=1, help="of each layout to compare with RRT*")
    args = parser.parse_args()
    models = open_bop(args.folder).models()
    count, seconds, paths, seen, ratios = Counter[str](), list[float](), list[Trajectory](), list[bool](), list[float]()
    for layout in layouts(args.folder, args.split, args.stride, models):
        n = len(layout.obj_ids)
        count.update({"layouts": 1, "ordered pairs": n * (n - 1)})
        began = time.process_time()
        found, skips = plan_paths(layout, models, rests_on(layout, models), 0)
        seconds.append(time.process_time() - began)
        count.update(f"no path: {skip.reason}" for skip in skips)
        count["collisions at 1 mm by coal, start contacts aside"] += sum(
            collides(layout, models, p) for p in found.values()
        )
        paths += found.values()
        seen += ends_on_target(layout, models, list(found.values()))
        if args.rrt_star and found:
            ratios += compare(layout, models, list(found), args.pairs, args.rrt_star)
    report(count, seconds, paths, seen, ratios)


def layouts(root: Path, split: str, stride: int, models: Mapping[int, Model]) -> Iterator[Layout]:
    folder = open_bop(root)
    for scene in folder.scene_ids(split):
        for arrangement in arrange(folder.read_scene(split, scene).frames[::stride], models):
            world, _ = find_world(arrangement, models, (DepthPlane(), RestingFaces()))
            yield Layout(arrangement, world)


def collides(layout: Layout, models: Mapping[int, Model], path: Trajectory) -> int:
    """Of the path and its alternatives, how many meet something."""
    ways = [path, *(replace(path, points=other.points) for other in path.alternatives)]
    return sum(bool(hits(layout, models, way)) for way in ways)


def ends_on_target(layout: Layout, models: Mapping[int, Model], paths: list[Trajectory]) -> list[bool]:
    """Does the path end inside the box of its target's silhouette, in every fourth of the frames given?"""
    inside = []
    for frame, T_world_cam in list(zip(layout.arrangement.frames, layout.T_world_cam, strict=True))[::4]:
        for path in paths:
            T_world_obj = layout.T_world_obj[path.target]
            vertices = transform(T_world_obj, models[int(layout.obj_ids[path.target])].mesh.vertices)
            places = transform(inverse(T_world_cam), np.concatenate([path.points[-1:], vertices]))
            end, *outline = project(frame.camera.K, places)
            inside.append(bool((end >= np.min(outline, 0)).all() and (end <= np.max(outline, 0)).all()))
    return inside


def compare(
    layout: Layout, models: Mapping[int, Model], solved: list[tuple[int, int]], pairs: int, seconds: float
) -> list[float]:
    """Length of our carry / that of RRT* for some of the layout's pairs; 0 where RRT* found none."""
    config, scene, placed = PathConfig(), Scene(layout, models), place(layout, models)
    ratios = []
    for k in rng_for(0, "bench", layout.key).permutation(len(solved))[:pairs]:
        source, target = solved[k]
        start = Start.of(scene, placed, source, 0, config)
        assert isinstance(start, Start)
        for crossing in start.crossings(target, spots(scene.models[target], scene.T_world_obj[target]), 0):
            routes = crossing.routes(lambda start=start: start.gets_out)
            if routes:
                star = rrt_star(crossing, seconds)
                ratios.append(0.0 if star is None else length(routes[0]) / length(star))
                break
    return ratios


def rrt_star(crossing: Crossing, seconds: float) -> Array | None:
    """The shortest route OMPL's RRT* finds in so much time of a core, with its own choice of reach."""
    from ompl import base, geometric

    posed = problem(crossing.end, crossing.bounds, crossing.free, 0)
    posed.setOptimizationObjective(base.PathLengthOptimizationObjective(posed.getSpaceInformation()))
    planner = geometric.RRTstar(posed.getSpaceInformation())
    planner.setProblemDefinition(posed)
    planner.setup()
    until = time.process_time() + seconds
    planner.solve(base.PlannerTerminationCondition(lambda: time.process_time() > until))
    return waypoints(posed)


def report(
    count: Counter[str], seconds: list[float], paths: list[Trajectory], seen: list[bool], ratios: list[float]
) -> None:
    for name, number in sorted(count.items()):
        print(f"{name}: {number:,}")
    print(f"pairs with a path: {len(paths):,} ({len(paths) / max(count['ordered pairs'], 1):.1%})")
    print(f"waypoints: {quantiles([len(p.points) for p in paths], 50, 95)}")
    print(f"length / straight line: {quantiles([p.length / line(p) for p in paths], 50, 90)}")
    clearance = [1e3 * way.clearance for p in paths for way in (p, *p.alternatives)]
    print(f"clearance (mm): {quantiles(clearance, 5, 50, 95)}")
    print(f"way of the path: {dict(Counter(p.way for p in paths).most_common())}")
    ways = Counter(1 + len(p.alternatives) for p in paths)
    print(f"pairs by number of truly different ways: {dict(sorted(ways.items()))}")
    kinds = Counter(" / ".join(sorted({p.way, *(a.way for a in p.alternatives)})) for p in paths if p.alternatives)
    print(f"and which: {dict(kinds.most_common())}")
    longer = [a.length / p.length for p in paths for a in p.alternatives]
    print(f"alternative / path, length: {quantiles(longer, 50, 100)}")
    print(f"ends inside the box of the target's silhouette: {np.mean(seen):.1%} of {len(seen):,} (path, frame)")
    print(f"seconds of one core a layout: {quantiles(seconds, 50, 90, 100)}")
    if ratios:
        solved = [r for r in ratios if r]
        print(
            f"length / RRT*: {quantiles(solved, 50, 90, 100)} of {len(solved)} (RRT* found none: {ratios.count(0.0)})"
        )


def line(path: Trajectory) -> float:
    return float(np.linalg.norm(path.points[-1] - path.points[0]))


def quantiles(values: list[float] | list[int], *percent: int) -> str:
    found = np.percentile(values, percent) if values else np.full(len(percent), np.nan)
    return ", ".join(f"{p} %: {v:.3g}" for p, v in zip(percent, found, strict=True))


if __name__ == "__main__":
    main()
