"""Up the paper's way: a VLM points at the support, depth lifts its points, RANSAC finds their plane.

Knows how to ask and how each dialect writes points; knows nothing of HTTP. A dialect is declared with the model and
never guessed from a reply: (0.4, 0.6) and [400, 600] are different pixels of the same words. BOP-Ask (arXiv
2511.16857): the VLM marks the table, RANSAC over the marked points gives the normal, Rodrigues aligns it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from jaxtyping import Float
from PIL import Image

from bopask.arrays import Array
from bopask.bop.images import load_depth, load_rgb
from bopask.geometry.camera import inside, unproject
from bopask.geometry.plane import ransac
from bopask.geometry.se3 import transform
from bopask.nouns import Arrangement, Estimate, Frame, Model, Skip
from bopask.rng import rng_for
from bopask.world.bodies import Standing
from bopask.world.depth import judged, support_share

Dialect = Literal["json_yx_1000", "tuples_01", "molmo_percent"]

_ASK = (
    "Point at {n} different places of the bare surface (table, shelf or floor) on which the objects stand. "
    "Spread the places around and between the objects, and put none on an object."
)
_FORM: Mapping[str, str] = {
    "json_yx_1000": ' Answer with JSON only: [{"point": [y, x]}, …], y and x from 0 to 1000.',
    "tuples_01": " Answer with tuples only: [(x, y), …], x and y from 0 to 1.",
    "molmo_percent": "",
}


class VLM(Protocol):
    """Whatever answers a text and a PNG image with a text: `models.ChatEndpoint`, or a fake."""

    def ask(self, text: str, image_png: bytes) -> str: ...


@dataclass(frozen=True)
class PointingVLM:
    """The support plane from points that a VLM puts on it, and the depth there."""

    vlm: VLM
    dialect: Dialect
    points: int = 12
    """How many points an image are asked for."""
    frames: int = 3
    """At most this many images are shown, spread evenly over the layout."""
    least: int = 5
    """So many points must have depth, and so many must agree on a plane: three always do."""
    threshold: float = 0.012
    """A point within this of the plane lies on it (m)."""

    def __post_init__(self) -> None:
        if self.dialect not in get_args(Dialect):
            raise ValueError(f"dialect '{self.dialect}' is none of {', '.join(get_args(Dialect))}")

    def estimate(self, arrangement: Arrangement, models: Mapping[int, Model], seed: int) -> Estimate | Skip:
        """The plane in the reference frame. Skips: 'no_rgbd', 'reply_unreadable', 'few_points', 'no_plane'.

        Raises:
            EndpointError: the endpoint does not work; that is not the layout's fault.
        """
        stage, key = "world.pointing", arrangement.key
        withs = [f for f, frame in enumerate(arrangement.frames) if frame.rgb_path and frame.depth_path]
        if not withs:
            return Skip(key, stage, "no_rgbd")
        picked = [withs[i] for i in np.unique(np.linspace(0, len(withs) - 1, self.frames).round().astype(int))]
        clouds = []
        for f in picked:
            pixels = self._pointed(arrangement.frames[f])
            if pixels is not None:
                clouds.append(transform(arrangement.T_ref_cam[f], _lifted(arrangement.frames[f], pixels)))
        if not clouds:
            return Skip(key, stage, "reply_unreadable")
        cloud = np.concatenate(clouds)
        if len(cloud) < self.least:
            return Skip(key, stage, "few_points")
        standing = Standing.of(arrangement, models)
        found = ransac(
            cloud,
            rng_for(seed, stage, key),
            threshold=self.threshold,
            prefer=lambda n, d: support_share(n, d, standing),
        )
        if found is None or found[1].sum() < self.least:
            return Skip(key, stage, "no_plane")
        plane, inliers = found
        return judged(
            "pointing", plane, cloud, inliers, standing, f"{len(clouds)} of {len(picked)} replies", widest=0.06
        )

    def _pointed(self, frame: Frame) -> Float[Array, "n 2"] | None:
        assert frame.rgb_path is not None
        png = io.BytesIO()
        Image.fromarray(load_rgb(frame.rgb_path)).save(png, "PNG")
        reply = self.vlm.ask(_ASK.format(n=self.points) + _FORM[self.dialect], png.getvalue())
        return parse_points(reply, self.dialect, frame.camera.width, frame.camera.height)


def parse_points(reply: str, dialect: Dialect, width: int, height: int) -> Float[Array, "n 2"] | None:
    """Pixels (u, v) of the points in a reply; None when it holds none in the declared dialect, or one out of its range.

    Fractions count from the image's border, so that 0 and 1 are its edges: u = x * width - 0.5.
    """
    text = re.sub(r"<think>.*?</think>", "", reply, flags=re.DOTALL)
    read = {"json_yx_1000": _json_yx, "tuples_01": _tuples, "molmo_percent": _molmo}[dialect]
    fractions = np.array(read(text), float).reshape(-1, 2)
    if not len(fractions) or not np.isfinite(fractions).all() or fractions.min() < 0 or fractions.max() > 1:
        return None
    return fractions * [width, height] - 0.5


_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"


def _json_yx(text: str) -> list[tuple[float, float]]:
    """Gemini: a JSON list of {"point": [y, x]} or of bare [y, x], 0-1000; in a code fence or not."""
    start, end = text.find("["), text.rfind("]")
    try:
        items = json.loads(text[start : end + 1])
        pairs = [item["point"] if isinstance(item, dict) else item for item in items]
        return [(float(x) / 1000, float(y) / 1000) for y, x in pairs]
    except (ValueError, KeyError, TypeError):
        return []


def _tuples(text: str) -> list[tuple[float, float]]:
    """RoboPoint and prompted lists: (x, y), 0-1."""
    return [(float(x), float(y)) for x, y in re.findall(rf"\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)", text)]


def _molmo(text: str) -> list[tuple[float, float]]:
    """Molmo: <point x="38.1" y="42.8"> or <points x1="…" y1="…" x2=…>, percent."""
    found = []
    for tag in re.findall(r"<points?\b[^>]*>", text):
        xs, ys = (dict(re.findall(rf'\b{axis}(\d*)\s*=\s*"{_NUMBER}"', tag)) for axis in "xy")
        found += [(float(xs[k]) / 100, float(ys[k]) / 100) for k in xs if k in ys]
    return found


def _lifted(frame: Frame, pixels: Float[Array, "n 2"], half: int = 3) -> Float[Array, "m 3"]:
    """Points (m, camera frame) at the median depth of a 7 x 7 window, for the pixels where half of it has depth."""
    depth = load_depth(frame)
    pixels = pixels[inside(pixels, frame.camera.width, frame.camera.height)]
    padded = np.pad(depth, half)
    centres = np.rint(pixels).astype(int).clip(0, np.array([frame.camera.width, frame.camera.height]) - 1)
    windows = np.array([padded[v : v + 2 * half + 1, u : u + 2 * half + 1].ravel() for u, v in centres])
    windows = windows.reshape(len(pixels), -1)
    seen = (windows > 0).sum(1) * 2 > windows.shape[1]
    median = np.array([np.median(w[w > 0]) for w in windows[seen]])
    return unproject(frame.camera.K, pixels[seen], median)
