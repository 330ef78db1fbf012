"""Processor time and memory of `bopask export`: the rows of a data set, repeated to a million, in each format.

    python bench/export.py OUT --bop FOLDER [--rows 1000000] [--formats llava,verl] [--dialect qwen2.5-vl]

Every format runs in its own process, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bopask.export.formats import FORMATS
from bopask.export.run import Request, export
from bopask.store.shards import write_shard


def repeated(out: Path, rows: int, into: Path) -> Path:
    """A data set folder with OUT's rows, again and again."""
    table = pa.concat_tables([pq.read_table(file) for file in sorted((out / "data").glob("*.parquet"))])
    times = max(1, round(rows / table.num_rows))
    write_shard(into / "data" / "repeated.parquet", (table for _ in range(times)), table.schema)
    manifest = json.loads((out / "manifest.json").read_bytes())
    (into / "manifest.json").write_text(json.dumps(manifest))
    return into


def one(out: Path, bop: Path, to: str, dest: Path, dialect: str) -> str:
    start = time.process_time()
    outcome = export(Request(out, dest, to, bop=bop, dialect=dialect))
    seconds = time.process_time() - start
    assert outcome is not None
    rows, peak = outcome.tasks.total(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(path.stat().st_size for path in dest.rglob("*") if path.is_file() and not path.is_symlink()) / 1e9
    return f"| {to} | {rows:,} | {seconds:.0f} | {rows / seconds:,.0f} | {peak:,.0f} | {size:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--bop", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--dialect", default="")
    parser.add_argument("--dest", type=Path, help="used by this script itself: run one format here")
    args = parser.parse_args()
    if args.dest:
        print(one(args.out, args.bop, args.formats, args.dest, args.dialect), flush=True)
        return
    print("| format | rows | CPU s | rows/s | peak MB | GB |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        made = repeated(args.out, args.rows, Path(scratch) / "set")
        for to in args.formats.split(","):
            own = [
                "--bop",
                str(args.bop),
                "--formats",
                to,
                "--dest",
                str(Path(scratch) / to),
                "--dialect",
                args.dialect,
            ]
            subprocess.run([sys.executable, __file__, str(made), *own], check=True)


if __name__ == "__main__":
    main()
