"""Processor seconds of every layout's priors and views by stage, one process, the grasps of single objects cached.

    python bench/priors.py FOLDER --split train_real --cache CACHE [--scenes 0 1] [--stride 40] [--save FILES]

`--cache` is the cache folder of a run (`bopask generate --cache`). Every n-th frame is read, to find layouts and up;
views are of these frames. What a process does once an object (trees, samples of surfaces) counts where it first falls.
Prints a line a layout, then sums, and a digest of everything found: equal digests, equal priors, grasps tried and
views. `--save` writes what the digest is of, to be compared.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bopask.bop.folder import open_bop
from bopask.nouns import GraspSet, Layout, Model, Priors
from bopask.priors import candidates, derive
from bopask.priors.blocking import rearrangements
from bopask.priors.contacts import support
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.in_scene import judged, tried_grasps
from bopask.priors.grasps.sampler import load_or_sample
from bopask.priors.paths import plan_paths
from bopask.world.arrange import arrange
from bopask.world.depth import DepthPlane
from bopask.world.resting import RestingFaces
from bopask.world.up import find_world
from bopask.world.visibility import look

STAGES = ("contacts", "grasps", "rearrangements", "paths", "candidates", "views")
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--scenes", nargs="*", type=int, default=[])
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    folder, digest, each = open_bop(args.folder), hashlib.sha256(), list[tuple[int, float]]()
    models, total, frames = folder.models(), defaultdict[str, float](float), 0
    print(f"{'layout':20} {'n':>3} {'priors':>8} " + " ".join(f"{stage:>14}" for stage in STAGES))
    for scene in args.scenes or folder.scene_ids(args.split):
        for arrangement in arrange(folder.read_scene(args.split, scene).frames[:: args.stride], models):
            world, _ = find_world(arrangement, models, (DepthPlane(), RestingFaces()))
            layout, clock = Layout(arrangement, world), defaultdict[str, float](float)
            dense = load_or_sample(models, layout.obj_ids.tolist(), load_gripper(), SEED, args.cache / "grasps")
            found = measured(layout, models, dense, clock)
            digest.update(found)
            if args.save:
                args.save.mkdir(parents=True, exist_ok=True)
                (args.save / layout.key).write_bytes(found)
            priors = sum(seconds for stage, seconds in clock.items() if stage != "views")
            each.append((len(layout.obj_ids), priors))
            frames += len(arrangement.frames)
            line = " ".join(f"{clock[stage]:14.2f}" for stage in STAGES)
            print(f"{layout.key:20} {len(layout.obj_ids):3} {priors:8.2f} {line}", flush=True)
            for stage in STAGES:
                total[stage] += clock[stage]
    report(total, each, frames, digest.hexdigest())


def measured(
    layout: Layout, models: Mapping[int, Model], dense: Mapping[int, GraspSet], clock: dict[str, float]
) -> bytes:
    """The stages of `derive` one by one, then the grasps behind the claims, then the views: all of it as bytes."""
    gripper, made = load_gripper(), {}
    if layout.world is not None:
        with timed(clock, "contacts"):
            held = support(layout, models)
        with timed(clock, "grasps"):
            tried = tried_grasps(layout, models, dense, gripper, held.rests_on, range(len(layout.obj_ids)))
            grasps = judged(layout, models, dense, gripper, tried)
        with timed(clock, "rearrangements"):
            plans, _ = rearrangements(grasps, held.stands_on)
            plans, _ = derive.without_leaning(plans, held)
        with timed(clock, "paths"):
            paths, skips = plan_paths(layout, models, held.rests_on, SEED)
        priors = Priors(layout.key, grasps, held.stands_on, held.leans_on, paths, plans, tuple(skips))
        made["priors"] = np.frombuffer(derive.dump(priors), np.uint8)
        with timed(clock, "candidates"):
            if candidates.targets(priors):
                made |= candidates.candidates(tried, priors, gripper)
    with timed(clock, "views"):
        made |= vars(look(layout.arrangement, models))
    file = io.BytesIO()
    for name in sorted(made):
        np.save(file, made[name])
    return file.getvalue()


@contextmanager
def timed(clock: dict[str, float], stage: str) -> Iterator[None]:
    began = time.process_time()
    yield
    clock[stage] += time.process_time() - began


def report(total: Mapping[str, float], each: list[tuple[int, float]], frames: int, digest: str) -> None:
    seconds = [s for _, s in each]
    print(f"{len(each)} layouts, {frames:,} frames; processor seconds of one core:")
    print("  " + ", ".join(f"{stage} {total[stage]:.1f}" for stage in STAGES))
    print(f"  priors {sum(seconds):.1f}; views {1e3 * total['views'] / max(frames, 1):.2f} ms a frame")
    some = np.percentile(seconds, [50, 90, 100]) if seconds else np.full(3, np.nan)
    ten = [s / max(n * (n - 1), 1) * 90 for n, s in each]
    print("  a layout: median {:.2f}, 90 % {:.2f}, largest {:.2f}".format(*some))
    print(f"  scaled by ordered pairs to ten objects: {np.mean(ten):.2f}")
    print(f"  digest {digest[:16]}")


if __name__ == "__main__":
    main()
