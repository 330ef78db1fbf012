"""`bopask synth`: scenes without end, one layout a scene.

    shapes -> arrange -> settle -> views -> pictures -> BOP folder

    OUT/models/         meshes (PLY, mm), textures, models_info.json, names.json
    OUT/camera.json     intrinsics
    OUT/<split>/<scene>/  rgb, depth, mask, mask_visib, scene_gt, scene_camera, scene_gt_info, scene_gt_coco
    OUT/synth.json      what was asked for and what became of it: layouts, rejections by reason, drift, overlap
    OUT/README.md       the same in words

A scene is a function of the request and its number: never of the workers, their order, or a restart.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bopask import __version__
from bopask.arrays import Array
from bopask.errors import InputError
from bopask.geometry.se3 import inverse
from bopask.nouns import Camera
from bopask.rng import rng_for
from bopask.run.local import LocalExecutor
from bopask.store.cache import Cache
from bopask.store.files import key_of, sha256_of, write_json
from bopask.store.output import Output
from bopask.synth import write
from bopask.synth.arrange import ARRANGEMENTS, FURNISHED, Outcome, Unarranged, draw
from bopask.synth.kinds import FURNITURE, KINDS, household, plain
from bopask.synth.meshes import import_meshes
from bopask.synth.render.blender import Blender
from bopask.synth.render.gl import GL
from bopask.synth.render.rays import Rays
from bopask.synth.render.scene import Renderer, Scene, draw_look, table
from bopask.synth.render.sensor import DepthSensor, Sensor
from bopask.synth.render.truth import Sight, Truth
from bopask.synth.render.views import Views
from bopask.synth.shapes import Shape

VIEWS: Mapping[str, Views] = {
    "table": Views(),
    "stack": Views(),
    "bin": Views(elevation=(42.0, 78.0)),
    "shelf": Views(azimuth=(-128.0, -52.0), elevation=(4.0, 34.0)),
}
"""Where the camera stands: over a bin's rim, before a shelf's open front."""
FEWER = 3
"""How often a number of objects that finds no room is drawn again; then the least number is tried."""


@dataclass(frozen=True)
class Request:
    """What to make. The files do not depend on `workers`."""

    out: Path
    layouts: int = 20
    views: int = 10
    objects: tuple[int, int] = (4, 15)
    """Fewest and most in a layout, its furniture and distractors not counted."""
    arrangements: tuple[str, ...] = tuple(ARRANGEMENTS)
    """Taken in turn."""
    clutter: tuple[float, float] = (0.0, 1.0)
    """Drawn evenly between: 0 spread out .. 1 as dense as it goes."""
    distractors: int = 0
    """Plain solids in each layout: known to the ground truth, without a name."""
    models: Path | None = None
    """A folder of meshes; None for the built-in household."""
    unit: str | None = None
    """Of these meshes: mm, cm or m."""
    kinds: int | None = None
    """How many objects the household has; None for one of each kind."""
    seed: int = 0
    renderer: Renderer = field(default_factory=GL)
    sensor: Sensor = field(default_factory=Sensor)
    holes: bool = False
    """Depth as a structured-light sensor measures it, not exact."""
    split: str = "train"
    workers: int = 1
    overwrite: bool = False

    def config(self) -> dict[str, Any]:
        """What decides the bytes."""
        meshes = sorted(p for p in self.models.iterdir() if p.is_file()) if self.models and self.models.is_dir() else []
        return {
            "layouts": self.layouts,
            "views": self.views,
            "objects": list(self.objects),
            "arrangements": list(self.arrangements),
            "clutter": list(self.clutter),
            "distractors": self.distractors,
            "models": {path.name: sha256_of(path) for path in meshes},
            "unit": self.unit,
            "kinds": self.kinds,
            "seed": self.seed,
            "renderer": repr(self.renderer),
            "sensor": repr(self.sensor),
            "holes": self.holes,
            "split": self.split,
        }

    def check(self) -> None:
        """Raises InputError for what no layout can be."""
        unknown = [kind for kind in self.arrangements if kind not in ARRANGEMENTS]
        if unknown or not self.arrangements:
            wrong = f"knows no {unknown[0]!r}" if unknown else "is empty"
            raise InputError("--arrangement", wrong, f"Choose from {', '.join(ARRANGEMENTS)}")
        low, high = self.objects
        if not 1 <= low <= high:
            raise InputError("--objects", f"is {low}:{high}", "Give FEWEST:MOST, 1 or more")
        if not 0 <= self.clutter[0] <= self.clutter[1] <= 1:
            raise InputError("--clutter", f"is {self.clutter[0]}:{self.clutter[1]}", "Give two numbers from 0 to 1")
        if min(self.layouts, self.views, self.workers) < 1 or self.distractors < 0:
            raise InputError("--layouts, --views, --workers", "must be 1 or more", "Give larger numbers")


@dataclass(frozen=True)
class Cast:
    """All shapes of a folder by obj_id, and the parts they play."""

    shapes: Mapping[int, Shape]
    actors: tuple[int, ...]
    furniture: Mapping[str, int]
    """Arrangement to the obj_id that it needs."""
    distractors: tuple[int, ...]
    notes: tuple[str, ...] = ()


def make(request: Request) -> Iterator[dict[str, Any]]:
    """Makes what is missing in OUT, and tells of each scene as it is done.

    Raises:
        InputError: bad meshes or an impossible request.
        OutputError: OUT cannot be written, or holds something else.
        MissingExtra, MissingGL: MuJoCo or OpenGL is not there.
    """
    request.check()
    ours = (request.split, "models", "camera.json", "README.md", "synth.json", ".work")
    output = Output(request.out, key_of(__version__, request.config()), ours, "synth.json")
    if output.complete and not request.overwrite:
        return
    made = cast_of(request)
    try_renderer(request)
    output.open(request.overwrite)
    write.write_models(request.out / "models", made.shapes)
    write.write_camera(request.out / "camera.json", camera_of(request))
    todo = [n for n in range(request.layouts) if output.finished(f"{n:06d}") is None]
    yield from LocalExecutor(request.workers).run(partial(make_scene, request, output), todo)
    scenes = [output.finished(f"{n:06d}") or {} for n in range(request.layouts)]
    record = summary(scenes) | {
        "notes": list(made.notes),
        "config": request.config(),
        "fingerprint": output.fingerprint,
    }
    (request.out / "README.md").write_text(readme(request, record), encoding="utf-8")
    write_json(request.out / "synth.json", record | {"scenes": scenes})
    output.close()


def try_renderer(request: Request) -> None:
    """Opens it on an empty table: what is missing is told before anything is written."""
    look = draw_look(rng_for(request.seed, "look", "try"))
    with request.renderer.open(Scene((), np.zeros((0, 4, 4)), table()), look, camera_of(request)):
        pass


def camera_of(request: Request) -> Camera:
    return VIEWS[request.arrangements[0]].camera


def cast_of(request: Request) -> Cast:
    """The shapes of a request, worked out once a process."""
    return _cast(
        request.models, request.unit, request.kinds, request.seed, request.out.with_name(request.out.name + ".cache")
    )


@cache
def _cast(models: Path | None, unit: str | None, kinds: int | None, seed: int, cache_dir: Path) -> Cast:
    home = household(seed, None if kinds is None else max(kinds + len(FURNITURE), len(KINDS))).values()
    notes: tuple[str, ...] = ()
    if models is None:
        things = dict(enumerate([s for s in home if s.about.category not in FURNITURE][:kinds], start=1))
    else:
        things, skips = import_meshes(models, unit, Cache(cache_dir))
        notes = tuple(f"{skip.key}: {skip.reason}" for skip in skips)
    furniture = {kind: max(things) + 1 + n for n, kind in enumerate(FURNITURE)}
    furnishings = {i: next(s for s in home if s.about.category == kind) for kind, i in furniture.items()}
    extra = dict(enumerate(plain.solids(seed), start=max(furnishings) + 1))
    return Cast(things | furnishings | extra, tuple(things), furniture, tuple(extra), notes)


def make_scene(request: Request, output: Output, number: int) -> dict[str, Any]:
    """One layout, from nothing to a BOP scene folder; its line of synth.json."""
    made = cast_of(request)
    outcome, drawn = layout(request, made, number)
    setting, rest = outcome.setting, outcome.rest
    T_world_obj = write.rounded(rest.T_world_obj)
    partial_folder = request.out / ".work" / f"{number:06d}.partial"
    shutil.rmtree(partial_folder, ignore_errors=True)
    frames = photographed(
        request, made, setting.kind, setting.table, setting.obj_ids, T_world_obj, number, partial_folder
    )
    folder = request.out / request.split / f"{number:06d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial_folder.replace(folder)
    told = {
        "scene": number,
        "arrangement": setting.kind,
        "objects": len(setting.obj_ids),
        "frames": frames,
        "rejected": dict(drawn),
        "drift_mm": round(1e3 * rest.drift, 4),
        "turn_deg": round(float(np.degrees(rest.turn)), 4),
        "overlap_mm": round(1e3 * outcome.penetration, 4),
        "seconds": rest.seconds,
        "carried": int(rest.stands_on.any(1).sum()),
    }
    output.finish(f"{number:06d}", told)
    return told


def layout(request: Request, made: Cast, number: int) -> tuple[Outcome, Counter[str]]:
    """A good layout, and why others were not: one that has room for too few is asked for fewer.

    Raises:
        BopaskError: not even the least number of objects finds a layout.
    """
    rng = rng_for(request.seed, "layout", number)
    kind = request.arrangements[number % len(request.arrangements)]
    clutter, reasons = float(rng.uniform(*request.clutter)), Counter[str]()
    low, high = request.objects
    for attempt in range(FEWER + 1):
        count = low if attempt == FEWER else int(rng.integers(low, high + 1))
        pool = rng.choice(made.actors, max(1, round(count * float(rng.uniform(1.2, 4.0)))))  # so that some come twice
        ids = [*rng.choice(pool, count).tolist(), *rng.choice(made.distractors, request.distractors).tolist()]
        furniture = made.furniture[kind] if kind in FURNISHED else None
        key = (number, attempt)
        try:
            outcome, drawn = draw(
                kind, made.shapes, ids, furniture=furniture, clutter=clutter, seed=request.seed, key=key
            )
            return outcome, reasons + drawn
        except Unarranged as refused:
            reasons += refused.reasons
            if attempt == FEWER:
                raise
    raise AssertionError


def photographed(
    request: Request,
    made: Cast,
    kind: str,
    table_material: str,
    obj_ids: Sequence[int],
    T_world_obj: Float[Array, "n 4 4"],
    number: int,
    folder: Path,
) -> int:
    """Takes the pictures of a settled layout and writes them with their truth; how many there are."""
    shapes = tuple(made.shapes[i] for i in obj_ids)
    scene = Scene(shapes, T_world_obj, table())
    views = replace(VIEWS[kind], camera=camera_of(request))
    truth, gloss = Truth(*scene.triangles()), np.array([shape.gloss for shape in shapes])
    cameras = [
        write.rounded(inverse(T)) for T in views.draw(scene, request.views, rng_for(request.seed, "views", number))
    ]
    look = draw_look(rng_for(request.seed, "look", number), table_material)
    rows: dict[str, dict[str, Any]] = {name: {} for name in ("camera", "gt", "gt_info")}
    coco = write.Coco(views.camera, made.shapes)
    with request.renderer.open(scene, look, views.camera) as shot:
        for frame, T_cam_world in enumerate(cameras):
            rng = rng_for(request.seed, "sensor", (number, frame))
            seen = truth.sight(views.camera, T_cam_world)
            rgb = request.sensor.develop(shot(inverse(T_cam_world)), rng)
            depth = DepthSensor().holes(seen.depth, seen.ids, gloss, views.camera, rng) if request.holes else seen.depth
            write.write_images(folder, frame, rgb, depth, seen)
            rows["camera"][str(frame)] = write.camera_row(views.camera, T_cam_world)
            rows["gt"][str(frame)] = write.gt_rows(obj_ids, write.rounded(T_cam_world @ T_world_obj))
            rows["gt_info"][str(frame)] = write.info_rows(measured(seen, depth))
            coco.add(frame, obj_ids, seen)
    for name, table_rows in rows.items():
        write.write_json(folder / f"scene_{name}.json", table_rows)
    coco.write(folder / "scene_gt_coco.json")
    return len(cameras)


def measured(seen: Sight, depth: Float[Array, "h w"]) -> Sight:
    """With px_count_valid as the depth image has it."""
    return replace(seen, px_count_valid=(seen.silhouettes & (depth > 0)).sum((1, 2)))


def summary(scenes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts over all scenes."""
    rejected: Counter[str] = Counter()
    for scene in scenes:
        rejected.update(scene["rejected"])
    overlaps = [scene["overlap_mm"] for scene in scenes]
    drawn = len(scenes) + sum(n for reason, n in rejected.items() if reason not in ("no_room", "nothing_stacks"))
    return {
        "layouts": dict(sorted(Counter(scene["arrangement"] for scene in scenes).items())),
        "frames": sum(scene["frames"] for scene in scenes),
        "rejected": dict(sorted(rejected.items())),
        "at_rest_share": round(1 - rejected["not_at_rest"] / drawn, 4),
        "overlap_mm": {"median": float(np.median(overlaps)), "largest": max(overlaps)},
        "drift_mm": {"largest": max(scene["drift_mm"] for scene in scenes)},
    }


README = """# Synthetic scenes

{frames} RGB-D pictures of {layouts} settled layouts in BOP scenewise format
(https://github.com/thodan/bop_toolkit/blob/master/docs/bop_datasets_format.md), made by `bopask synth`. {objects}
Each scene is one layout: {kinds}.

- Depth is {depth}: the z of each pixel's centre in units of `depth_scale` mm, 0 where nothing is met.
- Masks, boxes and counts are as bop_toolkit's calc_gt_info defines them: visible = met first by the ray of a pixel's
  centre. `scene_gt_coco.json` holds the same as COCO annotations.
- cam_R_w2c and cam_t_w2c lead from a world whose z = 0 is the table top and whose +z is up.
- A bin and a shelf unit are objects like the others: they have poses and masks.
- At rest: in the last simulated second nothing moved more than {drift} mm; objects overlap by {median} mm (median) and
  {largest} mm (at most). Layouts rejected before: {rejected}.
- `models/names.json` is not a BOP file: readable names, colours, materials, uses. `synth.json` holds the request and
  every scene's figures.
"""


OWN_MESHES = "All meshes are procedural; licence: Apache-2.0, as bopask's."


def readme(request: Request, record: Mapping[str, Any]) -> str:
    """README.md of the folder."""
    rejected = ", ".join(f"{reason} {n}" for reason, n in record["rejected"].items()) or "none"
    return README.format(
        frames=record["frames"],
        layouts=request.layouts,
        objects=OWN_MESHES if request.models is None else "The meshes keep their own licence.",
        kinds=", ".join(f"{n} {kind}" for kind, n in record["layouts"].items()),
        depth="as a structured-light sensor measures it" if request.holes else "exact",
        drift=record["drift_mm"]["largest"],
        median=record["overlap_mm"]["median"],
        largest=record["overlap_mm"]["largest"],
        rejected=rejected,
    )


def renderer_named(name: str, blender_python: str = "") -> Renderer:
    """By the name that the command line knows: mujoco, rays or blender."""
    renderers: dict[str, Renderer] = {"mujoco": GL(), "rays": Rays(), "blender": Blender(blender_python)}
    return renderers[name]


def told(request: Request) -> str:
    """What synth.json says, for the terminal."""
    record = json.loads((request.out / "synth.json").read_bytes())
    kinds = ", ".join(f"{n} {kind}" for kind, n in record["layouts"].items())
    rejected = ", ".join(f"{n} {reason}" for reason, n in record["rejected"].items()) or "none"
    lines = [f"{record['frames']:,} pictures of {sum(record['layouts'].values())} layouts: {kinds}"]
    lines.append(f"drawn and rejected: {rejected}; {record['at_rest_share']:.1%} of those drawn came to rest")
    overlap = record["overlap_mm"]
    lines.append(f"objects overlap by {overlap['median']:.3f} mm (median), {overlap['largest']:.3f} mm (at most)")
    lines += record["notes"]
    lines.append(f"Ask about it: bopask generate {request.out} --split {request.split} --out QUESTIONS")
    return "\n".join(lines)
