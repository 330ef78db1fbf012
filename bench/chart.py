"""Line charts, two a row, in one PNG, with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

INK, PALE, COLORS = "#222222", "#dddddd", ("#1764ab", "#d9541e")
SCALE, COLUMNS = 2, 2
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 380, 300, 64, 20, 66, 52


@dataclass(frozen=True)
class Chart:
    """A panel: what is measured at each x, from 0 up; beside it, dashed, what to compare it with."""

    title: str
    x_name: str
    y_name: str
    x: Sequence[float]
    y: Sequence[float]
    beside: Sequence[float] = ()
    beside_name: str = ""


def draw(charts: Sequence[Chart], path: Path) -> None:
    """Writes the panels, row by row."""
    rows = -(-len(charts) // COLUMNS)
    image = Image.new("RGB", (SCALE * WIDTH * COLUMNS, SCALE * HEIGHT * rows), "white")
    for k, chart in enumerate(charts):
        one = Image.new("RGB", (SCALE * WIDTH, SCALE * HEIGHT), "white")
        panel(ImageDraw.Draw(one), chart)
        image.paste(one, (SCALE * WIDTH * (k % COLUMNS), SCALE * HEIGHT * (k // COLUMNS)))
    image.quantize(64).save(path, optimize=True)


def panel(to: ImageDraw.ImageDraw, chart: Chart) -> None:
    """One chart."""
    top_x, top_y = max(chart.x) * 1.06, step(max(*chart.y, *chart.beside, 1e-9)) * 4

    def place(x: float, y: float) -> tuple[float, float]:
        u = LEFT + (WIDTH - LEFT - RIGHT) * x / top_x
        return SCALE * u, SCALE * (HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top_y)

    write(to, (SCALE * LEFT, SCALE * 18), chart.title, 15, "lm")
    write(to, (SCALE * LEFT, SCALE * 38), chart.y_name, 12, "lm", COLORS[0])
    write(to, (SCALE * LEFT, SCALE * 53), chart.beside_name, 12, "lm", COLORS[1])
    for k in range(5):
        y = top_y * k / 4
        to.line([place(0, y), place(top_x, y)], PALE, SCALE)
        write(to, (place(0, y)[0] - SCALE * 6, place(0, y)[1]), f"{y:,.4g}", 12, "rm")
    for x in chart.x:
        write(to, (place(x, 0)[0], place(x, 0)[1] + SCALE * 12), f"{x:,}", 12, "mm")
    write(to, (SCALE * (LEFT + WIDTH - RIGHT) / 2, SCALE * (HEIGHT - 16)), chart.x_name, 12, "mm")
    if chart.beside:
        dashed(to, [place(x, y) for x, y in zip(chart.x, chart.beside, strict=True)])
    points = [place(x, y) for x, y in zip(chart.x, chart.y, strict=True)]
    to.line(points, COLORS[0], SCALE * 2, joint="curve")
    for k, ((u, v), y) in enumerate(zip(points, chart.y, strict=True)):
        falls = k and y < chart.y[k - 1]
        to.ellipse([u - SCALE * 3, v - SCALE * 3, u + SCALE * 3, v + SCALE * 3], COLORS[0])
        write(to, (u - SCALE * 5, v + SCALE * (12 if falls else -10)), f"{y:,.3g}", 11, "rm", COLORS[0])


def step(most: float) -> float:
    """A round quarter of an axis that reaches `most`."""
    power = 10 ** (len(f"{int(most / 4)}") - 1) if most >= 4 else 0.1
    return next(s for s in (power * k for k in (1, 2, 2.5, 5, 10, 20)) if 4 * s >= most)


def dashed(to: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]]) -> None:
    for (u0, v0), (u1, v1) in pairwise(points):
        n = max(1, int(((u1 - u0) ** 2 + (v1 - v0) ** 2) ** 0.5 / (SCALE * 8)))
        for k in range(n):
            a, b = k / n, (k + 0.5) / n
            to.line([(u0 + (u1 - u0) * s, v0 + (v1 - v0) * s) for s in (a, b)], COLORS[1], SCALE)


def write(to: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, anchor: str, ink: str = INK) -> None:
    to.text(at, text, ink, ImageFont.load_default(SCALE * size), anchor)
