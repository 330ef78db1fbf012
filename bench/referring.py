"""Do referring phrases reach their objects? Coverage and resolution on random frames full of look-alikes, and on data.

    python bench/referring.py [--frames 1000] [--seed 0] [--folder FOLDER --split SPLIT]

Random frames hold one to ten copies of one object and a few others: boxes, visible shares, distances and standing are
drawn. Asked about is what is visible at least 30 % and 12 px large. `resolve` understands a phrase by its form.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from bopask.ask.names import Names
from bopask.ask.referring.form import Referred
from bopask.ask.referring.generate import refer
from bopask.ask.referring.resolve import resolve
from bopask.ask.referring.seen import Seen
from bopask.ask.referring.terms import Terms

NAMES = Names({1: ("can of soup", "soup tin"), 2: ("red mug",), 3: ("bowl",), 4: ("banana",), 5: ("cereal box",)}, "")


def random_seen(rng: np.random.Generator, frames: int, copies: int, others: int = 4) -> Seen:
    """Frames of `copies` of object 1 and some others, strewn over a picture of 640 x 480 px, half a metre deep."""
    ids = np.array([1] * copies + list(range(2, 2 + others)))
    F, N = frames, len(ids)
    middle = rng.uniform([0, 0], [640, 480], (F, N, 2))
    size = rng.uniform(20, 120, (F, N, 2))
    visib = np.where(rng.random((F, N)) < 0.8, rng.uniform(0.3, 1, (F, N)), rng.uniform(0, 0.3, (F, N)))
    visib[rng.random((F, N)) < 0.05] = 0
    off = (1 - visib[..., None]) * size / 3 * rng.uniform(-1, 1, (F, N, 2))
    distance = rng.uniform(0.5, 1.1, (F, N))
    reach = rng.uniform(0.03, 0.08, N)
    x = (middle[..., 0] - 320) / 600 * distance
    relations = {}
    for kind, at, half in (("left", x, reach / 2), ("front", distance, reach)):
        gap = at[:, None, :] - at[:, :, None]
        holds = gap - half[None, :, None] - half[None, None] / 2 >= 0.02
        relations[kind] = holds, gap <= -0.02
    relations["right"], relations["behind"] = (
        tuple(part.swapaxes(1, 2) for part in relations[kind]) for kind in ("left", "front")
    )
    extent = np.stack([distance, distance - reach, distance + reach], -1)
    return Seen(ids, visib, middle, middle + off, extent, np.full(N, 0.1), relations)


def judge(seen: Seen, referred: Referred, names: Names) -> Counter[str]:
    """Counts of objects that can be asked about, of those with a phrase, and of phrases that mean theirs alone."""
    terms, counts = Terms(seen.obj_ids, names, {}), Counter[str]()
    askable = (seen.visib >= 0.3) & np.isfinite(seen.middle).all(-1)
    counts["askable"], counts["named"] = int(askable.sum()), int((askable & (referred.code >= 0)).sum())
    for number, form in enumerate(referred.forms):
        f, n = np.nonzero((referred.code == number) & askable)
        meant = resolve(form, seen, terms)[f]
        counts["phrases"] += len(f)
        counts["resolved"] += int(((meant.sum(1) == 1) & meant[np.arange(len(f)), n]).sum())
        what = "with landmark" if form.relation else "by place" if form.ordinal else "by name"
        counts[what + (" and place" if form.relation and form.ordinal else "")] += len(f)
        if form.ordinal and form.ordinal[1] > 3:
            counts["ranks over 3"] += len(f)
    return counts


def of_folder(folder: Path, split: str) -> Counter[str]:
    from bopask.ask.block import AskConfig, Block
    from bopask.ask.names import load_names
    from bopask.ask.referring.seen import seen_in
    from bopask.bop.folder import open_bop
    from bopask.nouns import Layout
    from bopask.priors.derive import derive
    from bopask.priors.grasps.gripper import load_gripper
    from bopask.world.arrange import arrange
    from bopask.world.depth import DepthPlane
    from bopask.world.resting import RestingFaces
    from bopask.world.up import find_world
    from bopask.world.visibility import look

    bop, total = open_bop(folder), Counter[str]()
    models = bop.models()
    names = load_names(models, models.folder)
    for scene in bop.scene_ids(split):
        for arrangement in arrange(bop.read_scene(split, scene).frames, models):
            layout = Layout(arrangement, find_world(arrangement, models, (DepthPlane(), RestingFaces()), 0)[0])
            priors, _ = derive(layout, models, {}, load_gripper(), 0, ("spatial",))
            frames = np.arange(len(arrangement.frames))
            view = look(arrangement, models, slice(None))
            block = Block(layout, priors, frames, models, view, (), np.full(view.visib_fract.shape, -1), AskConfig())
            seen = seen_in(block, alone=False)
            total += judge(seen, refer(seen, names, np.random.default_rng(0)), names)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--split")
    args = parser.parse_args()
    rng, lines = np.random.default_rng(args.seed), {}
    for copies in range(1, 11):
        seen = random_seen(rng, args.frames // 10, copies)
        lines[f"{copies} of one object"] = judge(seen, refer(seen, NAMES, rng), NAMES)
    lines["all"] = sum(lines.values(), Counter())
    if args.folder:
        lines[args.folder.name] = of_folder(args.folder, args.split)
    for name, c in lines.items():
        kinds = ", ".join(f"{k} {n}" for k, n in c.items() if k not in ("askable", "named", "phrases", "resolved"))
        told, right = c["named"] / max(c["askable"], 1), c["resolved"] / max(c["phrases"], 1)
        print(
            f"{name:<20} {c['askable']:6d} askable, {told:7.2%} with a phrase, {right:7.2%} of these resolve: {kinds}"
        )


if __name__ == "__main__":
    main()
