"""Makes the embedded sample: shapes -> settings -> settle -> pictures -> a BOP folder.

    python -m bopask.synth.sample OUT [--seed N]

The folder is a function of the seed: the same bytes on the same machine and package versions. Across machines, floating
point may differ in the last digits and a jpeg with it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from bopask.arrays import Array
from bopask.errors import BopaskError, OutputError
from bopask.rng import rng_for
from bopask.synth.picture import photograph
from bopask.synth.sample_kinds import shapes
from bopask.synth.settings import SETTINGS, Setting, settled
from bopask.synth.shapes import Shape
from bopask.synth.shots import CAMERA, sight, viewpoints
from bopask.synth.stage import depth_and_ids, stage
from bopask.synth.write import (
    camera_row,
    gt_rows,
    info_rows,
    rounded,
    write_camera,
    write_images,
    write_json,
    write_models,
)

SEED = 1
VIEWS = 5
"""Pictures a setting."""
LEAST = {"plain": 0.6, "cluttered": 0.3, "resting": 0.35, "twins": 0.4}
"""Least visible share of every object in every picture of a setting."""

README = """# The embedded sample of bopask
Four table settings of household-like objects, {views} RGB-D pictures each, in BOP scenewise format
(https://github.com/thodan/bop_toolkit/blob/master/docs/bop_datasets_format.md). Everything here was made by
`python -m bopask.synth.sample OUT --seed {seed}` and nothing else: parametric meshes, settled in MuJoCo, pictures
by ray casting. Licence: Apache-2.0, as part of bopask.

{scenes}

- `models/obj_*.ply`: millimetres, origin at the box's centre, watertight, colours at the vertices.
- `models/models_info.json`: diameter, box, and the symmetries, which are true of shape and print.
- `models/names.json`: not a BOP file. Reviewed readable names: `{{"<obj_id>": {{"name": ..., "synonyms": [...]}}}}`;
  no two objects share one.
- `train/<scene>/rgb`, `depth`, `mask_visib`: depth is exact, without noise: the z of each pixel's centre in units
  of `depth_scale` mm, 0 beyond table and objects.
- `train/<scene>/scene_gt.json`, `scene_gt_info.json`, `scene_camera.json`: counts and boxes as bop_toolkit's
  calc_gt_info defines them, visible = met first by the ray of a pixel's centre. cam_R_w2c and cam_t_w2c lead from a
  world whose z = 0 is the table top and whose +z is up.
"""


def make_sample(out: Path, seed: int = SEED) -> list[str]:
    """Writes the whole folder and returns one line of figures a scene.

    Raises:
        OutputError: `out` exists and is not an empty folder.
        MissingExtra: without MuJoCo.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(out, "exists and is not an empty folder", "Name a new one")
    kinds = shapes()
    write_models(out / "models", kinds)
    write_camera(out / "camera.json", CAMERA)
    told = []
    for scene_id, make in enumerate(SETTINGS, start=1):
        setting, rest = settled(make, kinds, seed)
        write_scene(out / "train" / f"{scene_id:06d}", kinds, setting, rounded(rest.T_world_obj), seed)
        told.append(
            f"- `{scene_id:06d}` {setting.name}: {', '.join(kinds[i].name for i in setting.obj_ids)}.\n"
            f"  At rest after {rest.seconds:.0f} s: in the last second nothing moved more than "
            f"{rest.drift * 1e3 + 5e-4:.3f} mm or turned more than {np.degrees(rest.turn) + 5e-4:.3f} degrees."
        )
    (out / "README.md").write_text(README.format(views=VIEWS, seed=seed, scenes="\n".join(told)), encoding="utf-8")
    return told


def lamp_of(name: str, seed: int) -> tuple[float, float, float]:
    """Where the lamp of a setting hangs (m, world): behind the things, so that shadows fall towards the viewer."""
    azimuth = rng_for(seed, "lamp", name).uniform(0.3, 2.8)
    return 0.9 * float(np.cos(azimuth)), 0.9 * float(np.sin(azimuth)), 1.45


def write_scene(
    folder: Path, kinds: Mapping[int, Shape], setting: Setting, T_world_obj: Float[Array, "n 4 4"], seed: int
) -> None:
    """Takes a settled setting's pictures and writes them with their truth as one BOP scene."""
    here = [kinds[i] for i in setting.obj_ids]
    scenery = stage(here, T_world_obj, setting.table, lamp_of(setting.name, seed))
    xy = T_world_obj[:, :2, 3]
    middle = np.append((xy.min(0) + xy.max(0)) / 2, 0.03)
    rng = rng_for(seed, "camera", setting.name)
    views = viewpoints(scenery, middle, len(here), VIEWS, rng, LEAST[setting.name])
    cameras, truths, infos = {}, {}, {}
    for frame, T_cam_world in enumerate(tqdm(map(rounded, views), desc=setting.name, total=VIEWS, unit="picture")):
        seen = sight(scenery, CAMERA, T_cam_world, len(here))
        depth, _ = depth_and_ids(scenery, CAMERA, T_cam_world)
        rgb = photograph(scenery, CAMERA, T_cam_world, rng_for(seed, "picture", (setting.name, frame)))
        write_images(folder, frame, rgb, depth, seen)
        cameras[str(frame)] = camera_row(CAMERA, T_cam_world)
        truths[str(frame)] = gt_rows(setting.obj_ids, rounded(T_cam_world @ T_world_obj))
        infos[str(frame)] = info_rows(seen)
    for name, rows in (("camera", cameras), ("gt", truths), ("gt_info", infos)):
        write_json(folder / f"scene_{name}.json", rows)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 0 when the folder is written."""
    parser = argparse.ArgumentParser(prog="python -m bopask.synth.sample", description="Make the embedded sample.")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args(argv)
    try:
        print("\n".join(make_sample(args.out, args.seed)))
    except BopaskError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
