"""Replies read a second of one core's processor time, by dialect and task: what `write` says, bare, inside thoughts and
a fence, and among words, where it takes a scan.

    python bench/dialects.py [--seconds 0.5]

Prints replies/s and their length. The bar is 20,000 a second for answers to questions that told the format.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from bopask.bench.dialects import CHOICES, COUNTS, DIALECTS, Dialect

WIDTH, HEIGHT = 640, 480
AMONG = "Looking at the image, I would put it as {}, which keeps clear of the bowl."
WRAPPED = "<think>\nThe object is at (12, 34), I am sure of it.\n</think>\nHere is my answer:\n```json\n{}\n```"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each cell")
    args = parser.parse_args()
    tasks = (*COUNTS, "depth")
    print(f"{'replies/s (characters)':26}" + "".join(f"{task:>20}" for task in tasks))
    for name, dialect in DIALECTS.items():
        for kind, around in {"bare": "{}", "wrapped": WRAPPED, "among words": AMONG}.items():
            asked = COUNTS if around == AMONG else tasks
            cells = [cell(dialect, task, around, args.seconds) for task in asked]
            print(f"{name + ', ' + kind:26}" + "".join(f"{cell:>20}" for cell in cells))


def cell(dialect: Dialect, task: str, around: str, seconds: float) -> str:
    replies = [reply(dialect, task, around, seed) for seed in range(200)]
    rounds, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        for text in replies:
            assert dialect.parse(text, task, WIDTH, HEIGHT).ok
        rounds += 1
    rate = rounds * len(replies) / (time.process_time() - began)
    return f"{rate:,.0f} ({np.mean([len(text) for text in replies]):.0f})"


def reply(dialect: Dialect, task: str, around: str, seed: int) -> str:
    rng = np.random.default_rng(seed)
    if task in CHOICES:
        text = dialect.write(bool(rng.integers(2)), task, WIDTH, HEIGHT)
    else:
        n = {"trajectory": 5, "rearrangement": 1}.get(task, COUNTS[task][0])
        text = dialect.write(rng.uniform(0, (WIDTH - 1, HEIGHT - 1), (n, 2)).tolist(), task, WIDTH, HEIGHT)
    return around.replace("{}", text)


if __name__ == "__main__":
    main()
