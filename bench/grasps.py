"""Do the grasps hold in a simulator? The best five of each object, the simulated sets under fresh noise, real layouts.

    python bench/grasps.py MODELS --cache CACHE [--source antipodal cgn] [--objects 1 2 3]
    python bench/grasps.py MODELS --cache CACHE --held GRASPS            (a folder of `bopask grasps --simulate`)
    python bench/grasps.py MODELS --cache CACHE --folder BOP --split train_real [--every 4] [--held GRASPS]

Nominal: µ 0.6, 30 N a finger. Harder: µ 0.4, 25 N, 1.5 times the mass, the object 2 mm and 2 degrees off in a random
direction. Lift: 60 % of 20 cm. Layouts: lifted, and no neighbour moved by more than 5 mm.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np

from bopask.bop.folder import open_bop
from bopask.bop.models import Models
from bopask.nouns import GraspSet, Layout, Model
from bopask.physics.bodies import Solid, solid_of
from bopask.physics.folder import dense
from bopask.physics.parts import parts_of
from bopask.physics.scene_trial import MOVED, SceneTrial
from bopask.physics.simulate import coverage, noise, tried
from bopask.physics.trial import HARDER, HELD, LIFTED, NOISY, NOMINAL, Setting, Trial
from bopask.priors.contacts import support
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.hold import Sampler
from bopask.priors.grasps.in_scene import InScene, instance_grasps, shortlist
from bopask.priors.grasps.sources import FromFile, source_for
from bopask.store.cache import Cache
from bopask.world.arrange import arrange
from bopask.world.depth import DepthPlane
from bopask.world.resting import RestingFaces
from bopask.world.up import find_world

FRESH = 1
"""Seed of the noise: the sets were simulated with another."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="folder for parts and proposals")
    parser.add_argument("--source", nargs="+", default=["antipodal"])
    parser.add_argument("--objects", type=int, nargs="+", default=())
    parser.add_argument("--held", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--split", default="train_real")
    parser.add_argument("--every", type=int, default=1, help="every so many-th free instance")
    args = parser.parse_args()
    models = Models(args.models)
    ids = list(args.objects or models)
    if args.folder:
        in_scenes(args, models)
    elif args.held:
        fresh(args, models, ids)
    else:
        for spec in args.source:
            best_five(spec, args.cache, models, ids)


def solid(models: Mapping[int, Model], o: int, cache: Path) -> Solid:
    return solid_of(models[o], parts_of(models[o], Cache(cache)))


def outcomes(grasps: GraspSet, rows: np.ndarray, model: Model, trial: Trial, setting: Setting, draw: int) -> np.ndarray:
    return np.array(
        [tried(grasps, int(r), trial, setting, noise(model, trial, setting, int(r), draw, FRESH)) for r in rows], int
    )


def share(v: np.ndarray) -> str:
    return f"{100 * (v >= LIFTED).mean():5.1f} / {100 * (v >= HELD).mean():5.1f}" if len(v) else "    - /     -"


def best_five(spec: str, cache: Path, models: Mapping[int, Model], ids: list[int]) -> None:
    gripper, source = load_gripper(), source_for(spec, cache / "grasps")
    print(f"\n{spec}: top 5 of each object, lift / lift+shake (%)")
    print(f"{'object':>6} {'parts':>5} {'volume':>6} {'grasps':>6} {'nominal':>14} {'harder':>14}  s/trial  verdicts")
    every: list[list[np.ndarray]] = [[], []]
    for o in ids:
        grasps, body = dense(source, models[o], gripper), solid(models, o, cache)
        rows = shortlist(grasps, np.ones(len(grasps.width), bool), InScene())
        trial = Trial(body, gripper)
        start = perf_counter()
        got = [outcomes(grasps, rows, models[o], trial, setting, 0) for setting in (NOMINAL, HARDER)]
        seconds = (perf_counter() - start) / max(2 * len(rows), 1)
        told = "  ".join("".join(map(str, v)) for v in got)
        figures = f"{len(body.parts.hulls):>5} {body.parts.volume_ratio:6.2f} {len(grasps.width):>6}"
        print(f"{o:>6} {figures} {share(got[0]):>14} {share(got[1]):>14} {seconds:8.2f}  {told}", flush=True)
        for kept, v in zip(every, got, strict=True):
            kept.append(v)
    nominal, harder = (np.concatenate(v) for v in every)
    print(f"all {len(nominal)} grasps: nominal {share(nominal)}, harder {share(harder)}")


def fresh(args: argparse.Namespace, models: Mapping[int, Model], ids: list[int]) -> None:
    source, gripper = FromFile(args.held), load_gripper()
    print("\nsimulated sets: grasps that held, tried again under fresh noise, lift / lift+shake (%)")
    print(f"{'object':>6} {'tried':>6} {'held':>6} {'coverage':>8} {'fresh noise':>14} {'harder':>14}")
    every: list[list[np.ndarray]] = [[], []]
    for o in ids:
        grasps = source.grasps(models[o], gripper)
        rows = np.flatnonzero(grasps.held == 1)
        trial = Trial(solid(models, o, args.cache), gripper)
        got = [outcomes(grasps, rows, models[o], trial, setting, 0) for setting in (NOISY, HARDER)]
        counts = f"{(grasps.held >= 0).sum():>6} {len(rows):>6} {coverage(grasps):8.0%}"
        print(f"{o:>6} {counts} {share(got[0]):>14} {share(got[1]):>14}", flush=True)
        for kept, v in zip(every, got, strict=True):
            kept.append(v)
    noisy, harder = (np.concatenate(v) for v in every)
    print(f"all {len(noisy)}: fresh noise {share(noisy)}, harder {share(harder)}")


def layouts(folder_path: Path, split: str) -> Iterator[Layout]:
    folder = open_bop(folder_path)
    for scene in folder.scene_ids(split):
        for arrangement in arrange(folder.read_scene(split, scene).frames, folder.models()):
            world, _ = find_world(arrangement, folder.models(), (DepthPlane(), RestingFaces()))
            if world is not None:
                yield Layout(arrangement, world)


def in_scenes(args: argparse.Namespace, models: Mapping[int, Model]) -> None:
    """The best grasp of every so many-th instance that can be grasped, carries nothing and lies still by itself."""
    gripper = load_gripper()
    source = FromFile(args.held) if args.held else source_for(args.source[0], args.cache / "grasps")
    grasps_of: dict[int, GraspSet] = {}
    solids: dict[int, Solid] = {}
    tally: list[tuple[bool, bool]] = []
    settled: list[float] = []
    seen, restless = 0, 0
    for layout in layouts(args.folder, args.split):
        ids = [int(o) for o in layout.obj_ids]
        for o in set(ids) - set(solids):
            grasps_of[o], solids[o] = dense(source, models[o], gripper), solid(models, o, args.cache)
        resting = support(layout, models)
        found = instance_grasps(layout, models, grasps_of, gripper, resting.rests_on)
        trial = SceneTrial([solids[o] for o in ids], layout.T_world_obj, gripper)
        for i, grasps in enumerate(found):
            if not len(grasps.width) or resting.rests_on[:, i].any():
                continue
            seen += 1
            if seen % args.every:
                continue
            if trial.settled[2][i] > MOVED:  # it rolls or falls without a hand: the simulator cannot tell
                restless += 1
                continue
            opening = float(Sampler().opening(grasps.width[0], gripper))
            outcome = trial.outcome(i, grasps.T_obj_grasp[0], opening)
            tally.append((outcome.lifted, outcome.success))
            worst = np.nanmax(outcome.moved)
            if not outcome.success:
                verdict = "lifted" if outcome.lifted else "LOST"
                print(f"{layout.key} object {ids[i]}: {verdict}, neighbours moved {1e3 * worst:.1f} mm", flush=True)
        if len(tally):
            settled += trial.settling.tolist() if "settled" in vars(trial) else []
            print(f"{layout.key}: {len(tally)} tried, success {np.mean([s for _, s in tally]):.1%}", flush=True)
    lifted, success = np.mean(tally, axis=0)
    print(f"in layouts: {len(tally)} of {seen} free instances tried: lifted {lifted:.1%}, alone {success:.1%}")
    print(f"not tried, for they move by themselves in the simulator: {restless}")
    median, most = 1e3 * np.percentile(settled, [50, 95])
    print(f"settling moved objects by {median:.1f} mm (median), {most:.1f} mm (95 %)")


if __name__ == "__main__":
    main()
