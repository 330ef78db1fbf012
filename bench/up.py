"""Up and the support plane against a folder's own w2c (its z = 0), with depth, without, and as generate does it.

    python bench/up.py FOLDER --split train_real

Only for folders whose cam_R_w2c, cam_t_w2c is a table frame: BOP does not promise that, and no label uses it.
Also prints how far the objects that stand are from w2c's z = 0: a check of that truth itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bopask.bop.folder import open_bop
from bopask.geometry import se3
from bopask.nouns import Estimate, Layout
from bopask.world.arrange import arrange
from bopask.world.depth import DepthPlane
from bopask.world.resting import RestingFaces
from bopask.world.up import find_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", required=True)
    args = parser.parse_args()
    folder = open_bop(args.folder)
    models = folder.models()
    print("layout       source   tilt (deg)  height (mm)  confidence")
    for scene in folder.scene_ids(args.split):
        for arrangement in arrange(folder.read_scene(args.split, scene).frames, models):
            T_cam_w2c = arrangement.frames[0].T_cam_w2c
            if T_cam_w2c is None:
                continue
            T_true_ref = se3.inverse(arrangement.T_ref_cam[0] @ T_cam_w2c)
            T_true_obj = T_true_ref @ arrangement.T_ref_obj
            at = arrangement.T_ref_obj[:, :3, 3].mean(0)
            for source in (DepthPlane(), RestingFaces()):
                found = source.estimate(arrangement, models, 0)
                if isinstance(found, Estimate):
                    name = type(source).__name__
                    tell(arrangement.key, name, found.normal, float(found.normal @ at - found.offset), at, T_true_ref)
                    print(f"{found.confidence:9.2f}")
            world, _ = find_world(arrangement, models, (DepthPlane(), RestingFaces()))
            if world is not None:
                layout = Layout(arrangement, world)
                height = float(layout.T_world_obj[:, 2, 3].mean())
                tell(arrangement.key, "generate", world.T_world_ref[2, :3], height, at, T_true_ref)
                print(f"{world.confidence:9.2f}  ({world.source})")
            lowest = [
                1e3 * se3.transform(T, models[int(o)].mesh.vertices)[:, 2].min()
                for o, T in zip(arrangement.obj_ids, T_true_obj, strict=True)
            ]
            print(f"{arrangement.key}  objects' lowest points over w2c's z = 0 (mm): {np.round(lowest, 1).tolist()}")


def tell(key: str, name: str, normal: np.ndarray, height: float, at: np.ndarray, T_true_ref: np.ndarray) -> None:
    tilt = np.degrees(np.arccos(np.clip(T_true_ref[2, :3] @ normal, -1, 1)))
    true_height = float(se3.transform(T_true_ref, at[None])[0, 2])
    print(f"{key}  {name:<12} {tilt:8.2f} {1e3 * (true_height - height):12.1f}", end="   ")


if __name__ == "__main__":
    main()
