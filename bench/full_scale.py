"""Every frame of a split through the line, twice: with cold caches, then with priors cached and views cold.

    python bench/full_scale.py FOLDER --split train_real --workers 2 [--wordings 4] [--scenes …]

Prints, of one run on one machine: wall seconds, rows, questions a second, peak memory of the largest process; and what
`generate` says of its stages. The second run does everything but the priors: it reads, arranges, finds up, casts rays
for visibility, asks and writes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--wordings", type=int, default=1)
    parser.add_argument("--scenes", nargs="*", default=[])
    parser.add_argument("--scratch", type=Path, help="folder for the output (default: a temporary one)")
    args = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(dir=args.scratch))
    out, cache = scratch / "out", scratch / "cache"
    command = [sys.executable, "-m", "bopask.cli", "generate", str(args.folder), "--split", args.split]
    command += ["--out", str(out), "--cache", str(cache), "--workers", str(args.workers)]
    command += ["--wordings", str(args.wordings)]
    command += ["--scenes", *args.scenes] if args.scenes else []
    for name in ("cold caches", "priors cached"):
        start = perf_counter()
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        wall = perf_counter() - start
        counts = json.loads((out / "manifest.json").read_bytes())["counts"]
        size = sum(file.stat().st_size for file in (out / "data").iterdir())
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"{name}: {wall:.0f} s, {counts['rows']:,} rows, {counts['frames']:,} frames, {counts['layouts']} layouts, "
            f"{counts['rows'] / wall:,.0f} Q&A/s, {size / 1e9:.2f} GB, {peak:,.0f} MB in the largest process"
        )
        shutil.rmtree(out)
        shutil.rmtree(cache / "views")
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
