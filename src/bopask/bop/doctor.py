"""What a folder has, what it lacks, and which of the six tasks remain possible. Never raises on a bad folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bopask.bop.folder import BopFolder, open_bop, refused_splits
from bopask.bop.images import load_depth, load_rgb
from bopask.bop.models import Models, find_models
from bopask.errors import BopaskError
from bopask.nouns import Frame, Skip

TASKS = ("pose", "grasp", "trajectory", "rearrangement", "spatial", "depth")
PAIRS = ("trajectory", "rearrangement", "spatial", "depth")
"""Tasks that are about two objects or more."""
PARTS = ("images", "depth", "masks", "gt_info", "w2c")


@dataclass(frozen=True)
class SplitReport:
    """What one split holds."""

    name: str
    scenes: int = 0
    frames: int = 0
    instances: int = 0
    crowded: int = 0
    """Frames with two objects or more."""
    has: Mapping[str, int] = field(default_factory=dict)
    """Frames that have each of `PARTS`."""
    gray: bool = False
    sensors: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    cameras: int = 0
    """Different K."""
    skips: Mapping[str, int] = field(default_factory=dict)
    """Bad frames and scenes by reason."""
    problems: tuple[str, ...] = ()
    tasks: Mapping[str, str] = field(default_factory=dict)
    """Each of the six tasks: '' = possible, else why not."""


@dataclass(frozen=True)
class ModelsReport:
    """What the models folder holds."""

    folder: str = ""
    objects: int = 0
    symmetric: int = 0
    info: bool = False
    names: bool = False
    repaired: tuple[str, ...] = ()
    broken: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """The report of a folder."""

    root: Path
    models: ModelsReport = field(default_factory=ModelsReport)
    splits: tuple[SplitReport, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def tasks(self) -> dict[str, str]:
        """Each task: '' if some split makes it possible, else why not."""
        if not self.splits:
            return dict.fromkeys(TASKS, "there is no split that can be read")
        return {task: min((split.tasks[task] for split in self.splits), key=len) for task in TASKS}

    def text(self) -> str:
        """The report for a terminal."""
        lines = [str(self.root), *_models_lines(self.models)]
        for split in self.splits:
            lines += _split_lines(split)
        lines += [f"problem: {problem}" for problem in self.problems]
        possible = [task for task, why in self.tasks.items() if not why]
        lines.append(f"possible tasks: {', '.join(possible) or 'none'}")
        for why in dict.fromkeys(filter(None, self.tasks.values())):
            lines.append(f"  not {', '.join(task for task in TASKS if self.tasks[task] == why)}: {why}")
        return "\n".join(lines)


def examine(root: Path) -> Diagnosis:
    """Reads every pose and mesh of a folder, and one image of each kind a scene. Raises nothing about its content."""
    problems = [f"{name}: {wrong}. {fix}" for name, (wrong, fix) in refused_splits(root).items()]
    models, report, lacking = _examine_models(root)
    try:
        dataset = open_bop(root)
    except BopaskError as error:
        return Diagnosis(root, report, (), (*problems, *lacking, str(error)))
    splits = tuple(_examine_split(dataset, split, models, report) for split in dataset.splits)
    return Diagnosis(root, report, splits, (*problems, *lacking))


def _examine_models(root: Path) -> tuple[Models | None, ModelsReport, list[str]]:
    folder = find_models(root) if root.is_dir() else None
    if folder is None:
        return None, ModelsReport(), ["there are no object models (models/obj_*.ply): unpack the dataset's models zip"]
    models = Models(folder)
    broken, symmetric, problems = {}, 0, []
    try:
        info = bool(models.info)
    except BopaskError as error:
        return models, ModelsReport(folder.name, len(models)), [str(error)]
    for obj_id in models:
        try:
            symmetry = models[obj_id].symmetry
            symmetric += len(symmetry.discrete) + len(symmetry.axes) > 0
        except BopaskError as error:
            broken[obj_id] = str(error)
    problems += [f"object {obj_id}: {wrong}" for obj_id, wrong in broken.items()]
    if not info:
        problems.append(f"{folder.name} has no models_info.json: no symmetry is known")
    repaired = tuple(note.key for note in models.notes)
    names = (folder / "names.json").exists()
    return models, ModelsReport(folder.name, len(models), symmetric, info, names, repaired, broken), problems


def _examine_split(dataset: BopFolder, split: str, models: Models | None, report: ModelsReport) -> SplitReport:
    counts: Counter[str] = Counter()
    problems: list[str] = []
    skips: list[Skip] = []
    sensors, sizes, cameras, gray = set(), set(), set(), False
    scene_ids = dataset.scene_ids(split)
    for scene_id in tqdm(scene_ids, desc=split, unit="scene", disable=None, leave=False):
        try:
            scene = dataset.read_scene(split, scene_id, keep_going=True)
        except BopaskError as error:
            problems.append(str(error))
            continue
        skips += scene.skips
        for frame in scene.frames:
            counts.update(part for part, there in _parts(frame).items() if there)
            counts.update(frames=1, instances=frame.n, crowded=frame.n > 1)
            sensors.add(frame.key.sensor)
            sizes.add((frame.camera.width, frame.camera.height))
            cameras.add(frame.camera.K.tobytes())
            gray = gray or (frame.rgb_path is not None and frame.rgb_path.parent.name.startswith("gray"))
        problems += _image_problems(scene.frames)
    return SplitReport(
        split,
        scenes=len(scene_ids),
        frames=counts["frames"],
        instances=counts["instances"],
        crowded=counts["crowded"],
        has={part: counts[part] for part in PARTS},
        gray=gray,
        sensors=tuple(sorted(sensors - {""})),
        sizes=tuple(sorted(sizes)),
        cameras=len(cameras),
        skips=dict(sorted(Counter(skip.reason for skip in skips).items())),
        problems=(*problems, *_first_of_each(skips)),
        tasks=_tasks(counts, models, report),
    )


def _parts(frame: Frame) -> dict[str, bool]:
    there = (
        frame.rgb_path is not None,
        frame.depth_path is not None,
        bool(frame.mask_visib_paths),
        bool(np.isfinite(frame.visib_fract).any()),
        frame.T_cam_w2c is not None,
    )
    return dict(zip(PARTS, there, strict=True))


def _image_problems(frames: tuple[Frame, ...]) -> list[str]:
    """Decodes the scene's first colour and first depth image."""
    problems = []
    colour = next((frame.rgb_path for frame in frames if frame.rgb_path), None)
    deep = next((frame for frame in frames if frame.depth_path), None)
    try:
        if colour:
            load_rgb(colour)
    except BopaskError as error:
        problems.append(str(error))
    try:
        if deep and not load_depth(deep).any():
            problems.append(f"{deep.depth_path}: the depth image is empty (all zeros)")
    except BopaskError as error:
        problems.append(str(error))
    return problems


def _first_of_each(skips: list[Skip]) -> list[str]:
    """One example a reason is enough to find the others."""
    first: dict[str, Skip] = {}
    for skip in skips:
        first.setdefault(skip.reason, skip)
    return [f"{skip.key}: {skip.reason}" for skip in first.values()]


def _tasks(counts: Counter[str], models: Models | None, report: ModelsReport) -> dict[str, str]:
    if not counts["frames"]:
        return dict.fromkeys(TASKS, "no frame with ground truth can be read")
    if models is None or len(report.broken) == report.objects:
        return dict.fromkeys(TASKS, "there are no object models")
    lonely = "" if counts["crowded"] else "no frame shows two objects"
    return {task: lonely if task in PAIRS else "" for task in TASKS}


def _models_lines(models: ModelsReport) -> list[str]:
    if not models.folder:
        return ["models: none"]
    text = f"{models.folder}: {models.objects} objects, {models.symmetric} with symmetries"
    names = "names.json is there" if models.names else "no names.json (bopask knows the names of some datasets)"
    lines = [f"{text}, {'models_info.json is there' if models.info else 'no models_info.json'}, {names}"]
    return lines + [f"  turned inside out, repaired: {name}" for name in models.repaired]


def _split_lines(split: SplitReport) -> list[str]:
    sizes = ", ".join(f"{width}x{height}" for width, height in split.sizes) or "unknown size"
    lines = [
        f"{split.name}: {split.scenes} scenes, {split.frames} frames, {split.instances} objects seen, "
        f"{sizes}, {'one K' if split.cameras == 1 else f'{split.cameras} different K'}"
    ]
    if split.sensors:
        lines.append(f"  sensors: {', '.join(split.sensors)}")
    label = {"images": "gray" if split.gray else "rgb"}
    lines.append("  frames with " + ", ".join(f"{label.get(part, part)} {n}" for part, n in split.has.items()))
    if split.frames:
        up = f"depth in {split.has['depth']} frames, else " if split.has["depth"] else ""
        lines.append(f"  up: from {up}the objects' resting faces")
    if not split.has.get("gt_info"):
        lines.append("  visibility: will be computed by casting rays")
    if not split.has.get("images"):
        lines.append("  no images: questions without pictures, no drawings in the report")
    lines += [f"  skipped {n}: {reason}" for reason, n in split.skips.items()]
    return lines + [f"  problem: {problem}" for problem in split.problems]
