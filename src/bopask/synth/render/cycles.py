"""Runs in Blender's interpreter, never in bopask's: builds the scene of a folder, then one picture a pose.

    python cycles.py FOLDER     lines on stdin: T_world_cam as JSON; for each, FOLDER/picture.png and `done` on stdout

Imports bpy (GPL), numpy and the standard library, and nothing of bopask.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(folder: Path) -> None:
    import bpy
    from mathutils import Matrix, Vector

    answers = os.fdopen(os.dup(1), "w")  # Blender chats on stdout
    os.dup2(2, 1)
    told = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    settings(scene, told)
    lights(bpy, Vector, scene, told)
    images: dict[str, Any] = {}
    for i, mesh in enumerate(told["meshes"]):
        if mesh["image"] not in images:
            images[mesh["image"]] = bpy.data.images.load(str(folder / mesh["image"]))
        add_mesh(bpy, Matrix, scene, dict(np.load(folder / f"mesh_{i}.npz")), images[mesh["image"]], mesh)
    eye = camera(bpy, scene, told)
    scene.render.filepath = str(folder / "picture.png")
    for line in sys.stdin:
        T = np.array(json.loads(line)) @ np.diag([1.0, -1.0, -1.0, 1.0])  # Blender looks along -z, y up
        eye.matrix_world = Matrix(T.tolist())
        bpy.ops.render.render(write_still=True)
        print("done", file=answers, flush=True)


def settings(scene: Any, told: dict[str, Any]) -> None:
    """Cycles on the CPU, denoised, 8-bit PNG."""
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.seed = "CPU", told["samples"], told["seed"]
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    scene.cycles.max_bounces = 4
    scene.render.threads_mode, scene.render.threads = "FIXED", told["threads"]
    scene.render.resolution_x, scene.render.resolution_y = told["width"], told["height"]
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"


def lights(bpy: Any, vector: Any, scene: Any, told: dict[str, Any]) -> None:
    """A sun a lamp, and the fill as the world."""
    for lamp in told["lamps"]:
        sun = bpy.data.lights.new("lamp", "SUN")
        strength = max(lamp["color"])
        sun.energy, sun.angle = np.pi * strength, lamp["angle"]
        sun.color = [c / strength for c in lamp["color"]]
        placed = bpy.data.objects.new("lamp", sun)
        placed.rotation_euler = vector(lamp["towards"]).to_track_quat("Z", "Y").to_euler()
        scene.collection.objects.link(placed)
    world = bpy.data.worlds.new("fill")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (*told["fill"], 1)
    scene.world = world


def add_mesh(bpy: Any, matrix: Any, scene: Any, arrays: dict[str, Any], image: Any, told: dict[str, Any]) -> None:
    """Triangles with corners of their own, their normals, and a material of one image."""
    corners = arrays["corners"]
    mesh = bpy.data.meshes.new("mesh")
    mesh.from_pydata(corners.reshape(-1, 3).tolist(), [], np.arange(corners.size // 3).reshape(-1, 3).tolist())
    mesh.uv_layers.new(name="uv").data.foreach_set("uv", arrays["uv"].astype(np.float32).ravel())
    mesh.normals_split_custom_set(arrays["normals"].reshape(-1, 3).tolist())
    material = bpy.data.materials.new("material")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    surface = nodes["Principled BSDF"]
    surface.inputs["Roughness"].default_value = 0.65 - 0.45 * told["gloss"]
    material.node_tree.links.new(texture.outputs["Color"], surface.inputs["Base Color"])
    mesh.materials.append(material)
    placed = bpy.data.objects.new("mesh", mesh)
    placed.matrix_world = matrix(told["T"])
    if told["room"]:  # seen and mirrored, but lamps and fill shine through: they stand for windows and ceiling
        placed.visible_shadow = placed.visible_diffuse = False
    scene.collection.objects.link(placed)


def camera(bpy: Any, scene: Any, told: dict[str, Any]) -> Any:
    """A pinhole with the principal point of K; pixel (0, 0) is the centre of the top-left pixel."""
    (f, _, cx), (_, _, cy), _ = told["K"]
    width, height = told["width"], told["height"]
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit, lens.sensor_width, lens.lens = "HORIZONTAL", 36.0, f * 36.0 / width
    lens.shift_x, lens.shift_y = ((width - 1) / 2 - cx) / width, (cy - (height - 1) / 2) / width
    lens.clip_start, lens.clip_end = 0.02, 30.0
    placed = bpy.data.objects.new("camera", lens)
    scene.collection.objects.link(placed)
    scene.camera = placed
    return placed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
