"""How long a person waits for the next row: the page's own requests, over loopback, against `bopask review`.

    python bench/review.py OUT --bop FOLDER [--rows 10000] [--steps 500] [--chromium /usr/bin/chromium]

The rows of the data set OUT, repeated under new ids until there are enough, are reviewed from a copy. Prints the
distribution of milliseconds of each kind of request; with --chromium also from the key to the next row on the screen.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bop", type=Path, required=True, help="BOP folder with the pictures")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=500, help="requests of each kind")
    parser.add_argument("--chromium", help="also in this browser (needs playwright)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = repeated(args.out, Path(scratch) / "out", args.rows)
        command = [sys.executable, "-m", "bopask.cli", "review", str(out), "--bop", str(args.bop), "--port", "0"]
        start = perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            address = next(line.split()[1] for line in server.stdout if line.startswith("Review:"))
            print(f"{args.rows:,} rows, ready after {perf_counter() - start:.1f} s")
            try:
                with httpx.Client(base_url=address.rstrip("/")) as client:
                    measure(client, args.steps)
                if args.chromium:
                    in_browser(args.chromium, address, args.steps)
            finally:
                server.kill()


def repeated(source: Path, out: Path, rows: int) -> Path:
    """The rows of a data set, again and again under new ids, until there are enough."""
    (out / "data").mkdir(parents=True)
    shutil.copyfile(source / "manifest.json", out / "manifest.json")
    table = pq.read_table(source / "data")
    for copy in range(-(-rows // len(table))):
        part = table.slice(0, min(len(table), rows - copy * len(table)))
        ids = [hashlib.blake2b(f"{copy}{id}".encode(), digest_size=12).hexdigest() for id in part["id"].to_pylist()]
        part = part.set_column(part.schema.get_field_index("id"), "id", pa.array(ids))
        pq.write_table(part, out / "data" / f"train-{copy:06d}.parquet", compression="zstd")
    return out


def measure(client: httpx.Client, steps: int) -> None:
    secret = client.get("/api/session").json()["secret"]
    headers = {"x-bopask-review": secret, "content-type": "application/json"}
    here: dict[str, Any] = {"row": None}

    def step(**query: str) -> Callable[[int], None]:
        def go(n: int) -> None:
            id = here["row"]["id"] if here["row"] else ""
            here.update(client.get("/api/next", params={"annotator": "Ann", "from": id, **query}).json())

        return go

    def picture(n: int) -> None:
        step(order="mixed")(n)
        client.get(here["row"]["picture"]).raise_for_status()

    def judge(n: int) -> None:
        said = {"annotator": "Ann", "kind": "row", "subject": here["row"]["id"], "after": {"verdict": "accept"}}
        body = {**said, "seen": here["row"]["version"], "request": f"bench-request-{n}"}
        client.post("/api/record", json=body, headers=headers).raise_for_status()
        step()(n)

    print(f"{'milliseconds':<44}  median     95 %     99 %   largest")
    kinds: dict[str, Callable[[int], None]] = {
        "next row": step(),
        "next row of one task, not judged": step(task="grasp", verdict="unseen"),
        "next row in mixed order": step(order="mixed"),
        "next row in mixed order, and its picture": picture,
        "verdict kept on the disk, then the next row": judge,
        "next row in mixed order, with those verdicts": step(order="mixed", verdict="unseen"),
    }
    for name, one in kinds.items():
        here["row"] = None
        step()(0)
        seconds = []
        for n in range(steps):
            if here["row"] is None:
                step()(0)
            start = perf_counter()
            one(n)
            seconds.append(perf_counter() - start)
        tell(name, seconds)


def tell(name: str, seconds: list[float]) -> None:
    told = (1e3 * float(np.quantile(seconds, q)) for q in (0.5, 0.95, 0.99, 1.0))
    print(f"{name:<44}" + "".join(f"{ms:9.1f}" for ms in told), flush=True)


PRESS = """key => new Promise(done => {
  const start = performance.now();
  new MutationObserver((_, seen) => {
    seen.disconnect();
    requestAnimationFrame(() => done(performance.now() - start));
  }).observe(document.querySelector('#panel'), {childList: true});
  document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
})"""
"""Presses a key; milliseconds until the panel has its new row and a frame is drawn."""


def in_browser(chromium: str, address: str, steps: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(address)
        tab.fill("#name", "Bo")
        tab.press("#name", "Enter")
        tab.select_option("#order", "mixed")
        tab.locator("#panel .chip.task").wait_for()
        for name, key in (
            ("browser: key to next row drawn, mixed order", "ArrowRight"),
            ("browser: verdict to next row", "a"),
        ):
            tell(name, [tab.evaluate(PRESS, key) / 1e3 for _ in range(steps)])
        browser.close()


if __name__ == "__main__":
    main()
