"""What became of a folder that `bopask synth` made: rest, overlap, truth of its images, and the questions about it.

    python bench/synth.py FOLDER [QUESTIONS] [--frames 100] [--workers 2]

QUESTIONS is what `bopask generate` made of it, and `bopask verify` proved. Pictures are checked against the reader and
ray caster of tests/bop_apart.py, which share nothing with bopask: `--frames` of them, spread over all scenes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bop_apart import Bop, Compared, compared

from bopask.run.local import LocalExecutor

LAYOUTS_ONLY = ("no_room", "nothing_stacks")
"""Reasons from before physics."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("questions", type=Path, nargs="?")
    parser.add_argument("--split", default="train")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    scenes = scenes_of(args.folder)
    layouts(scenes)
    if args.frames:
        images(args.folder, args.split, args.frames, args.workers)
    if args.questions:
        questions(args.questions, {f"{s['scene']:06d}": s["arrangement"] for s in scenes})


def scenes_of(folder: Path) -> list[dict[str, Any]]:
    """What is told of each scene; of a run that is not complete, of those that are done."""
    if (folder / "synth.json").exists():
        return list(json.loads((folder / "synth.json").read_bytes())["scenes"])
    done = sorted((folder / ".work").glob("[0-9]*.json"))
    print(f"not complete: {len(done)} scenes are done")
    return [json.loads(path.read_bytes()) for path in done]


def layouts(scenes: list[dict[str, Any]]) -> None:
    """How they came to rest, by arrangement and in all."""
    print(f"{len(scenes)} layouts, {sum(s['frames'] for s in scenes)} pictures")
    for kind in (*dict.fromkeys(s["arrangement"] for s in scenes), "all"):
        here = [s for s in scenes if kind in (s["arrangement"], "all")]
        rejected = sum((Counter(s["rejected"]) for s in here), Counter[str]())
        fallen = len(here) + sum(n for reason, n in rejected.items() if reason not in LAYOUTS_ONLY)
        overlap = [s["overlap_mm"] for s in here]
        print(
            f"  {kind:<6} {len(here):>4} of {fallen:>4} let go, at rest {1 - rejected['not_at_rest'] / fallen:.1%};"
            f" objects {min(s['objects'] for s in here)} to {max(s['objects'] for s in here)};"
            f" overlap mm median {np.median(overlap):.3f}, largest {max(overlap):.3f};"
            f" drift largest {max(s['drift_mm'] for s in here):.3f} mm, {max(s['turn_deg'] for s in here):.3f} deg;"
            f" rejected {dict(sorted(rejected.items()))}"
        )


def images(folder: Path, split: str, frames: int, workers: int) -> None:
    """Masks, depth, boxes and counts against rays cast apart."""
    bop = Bop(folder, split)
    picked = np.linspace(0, len(bop.scenes) - 1, min(frames, len(bop.scenes))).astype(int)
    each = -(-frames // len(picked))
    told = [
        one
        for found in LocalExecutor(workers).run(partial(frames_of, bop, each), [bop.scenes[i] for i in picked])
        for one in found
    ]
    worst = {name: [getattr(one, name) for one in told] for name in Compared.__dataclass_fields__}
    print(f"{len(told)} pictures against rays cast apart (mean, worst picture):")
    for name in ("visible", "silhouettes", "depth"):
        print(f"  {name:<12} same on {np.mean(worst[name]):.5%}, {min(worst[name]):.4%} of the pixels")
    print(
        f"  depth off by {max(worst['worst']):.3f} mm at most where both see the same thing; boxes by"
        f" {max(worst['boxes'])} px at most; px_count_all by {max(worst['counts']):.2%} at most"
    )


def frames_of(bop: Bop, each: int, scene: Path) -> list[Compared]:
    """Some frames of a scene, evenly spread."""
    found = list(bop.frames(scene))
    return [compared(bop, found[i]) for i in np.linspace(0, len(found) - 1, each).astype(int)]


def questions(out: Path, arrangement: dict[str, str]) -> None:
    """Rows by task, disagreements, and the share of layouts in which something must move."""
    table = pq.read_table(sorted((out / "data").glob("*.parquet")), columns=["task", "scene_id"])
    tasks, scene = table["task"].to_numpy(zero_copy_only=False), table["scene_id"].to_numpy()
    print(f"{len(tasks):,} questions: " + ", ".join(f"{n:,} {task}" for task, n in sorted(Counter(tasks).items())))
    proof = out / "proof.json"
    if proof.exists():
        counts = json.loads(proof.read_bytes())["tasks"].values()
        checked, wrong = (sum(of[name] for of in counts) for name in ("checked", "disagree"))
        print(f"  verify: {checked:,} checked, {wrong:,} disagreements")
    asked = {f"{s:06d}" for s in scene[tasks == "rearrangement"]}
    of_run = {layout["key"][:6] for layout in json.loads((out / "manifest.json").read_bytes())["layouts"]}
    for kinds in (("bin", "stack"), *((kind,) for kind in dict.fromkeys(arrangement.values()))):
        here = [key for key, kind in arrangement.items() if kind in kinds and key in of_run]
        with_one = sum(key in asked for key in here)
        if here:
            name = "/".join(kinds)
            print(
                f"  layouts where something must move, {name:<9} {with_one} of {len(here)}, {with_one / len(here):.0%}"
            )


if __name__ == "__main__":
    main()
