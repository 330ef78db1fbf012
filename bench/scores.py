"""Replies scored a second on one core, under every score.

    python bench/scores.py OUT --bop FOLDER --split train [--replies 10000] [--physical 1000] [--noise 5]

Replies are the true answers of OUT's rows with Gaussian noise (px), repeated until there are enough. Truths are at hand
(parsed, masks and scenes built): that is once a row, and is printed beside. Processor seconds, the best of three runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from bopask.bench.scores import HEADLINE, SCORES, Pictures, Rule, Truth
from bopask.bop.folder import open_bop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bop", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--replies", type=int, default=10_000)
    parser.add_argument("--physical", type=int, default=1_000)
    parser.add_argument("--noise", type=float, default=5.0)
    args = parser.parse_args()
    pictures, rng = Pictures(open_bop(args.bop), args.split), np.random.default_rng(0)
    rows = [r for shard in sorted((args.out / "data").glob("*.parquet")) for r in pq.read_table(shard).to_pylist()]
    start = process_time()
    truths = [pictures.truth(row) for row in rows]
    print(f"{len(rows):,} rows parsed: {len(rows) / (process_time() - start):,.0f}/s")
    print(f"{'task':<14}  {'score':<28}  {'replies/s':>10}  {'first':>7}  {'mean':>8}")
    for task, rules in SCORES.items():
        mine = [t for t in truths if t.task == task]
        for rule in rules.values() if mine else ():
            n = args.physical if rule.needs == "scene" else args.replies
            some = (mine * (n // len(mine) + 1))[:n]
            print(line(task, rule, some, [reply(t, rng, args.noise) for t in some]), flush=True)


def reply(truth: Truth, rng: np.random.Generator, noise: float) -> Any:
    if truth.yes is not None:
        return bool(rng.random() < 0.5)
    return truth.points + rng.normal(size=truth.points.shape) * noise


def line(task: str, rule: Rule, truths: Sequence[Truth], replies: Sequence[Any]) -> str:
    """The first run prepares what is remembered of each truth."""
    seconds = []
    for _ in range(4):
        start = process_time()
        values = rule.batch(truths, replies)
        seconds.append(process_time() - start)
    rate = len(truths) / min(seconds[1:])
    name = rule.name + ("  *" if HEADLINE[task] == rule.name else "")
    return f"{task:<14}  {name:<28}  {rate:>10,.0f}  {seconds[0]:>6.1f}s  {values.mean():>8.3f}"


if __name__ == "__main__":
    main()
