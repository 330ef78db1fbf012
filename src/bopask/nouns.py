"""The nouns of the line: BOP folder -> Frame -> Layout -> Priors -> Question. Dataclasses, nothing else.

Metres, radians, pixels. Instances of a frame are rows of arrays, so that a layout's frames stack into one array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from bopask.arrays import Array
from bopask.geometry.box import Box
from bopask.geometry.mesh import Mesh, extreme_points


class FrameKey(NamedTuple):
    """Names one image. `sensor` is '' except in datasets with several cameras a scene (scene_gt_<sensor>.json)."""

    scene_id: int
    frame_id: int
    sensor: str = ""

    def __str__(self) -> str:
        return f"{self.scene_id:06d}/{self.frame_id:06d}" + (f"/{self.sensor}" if self.sensor else "")


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: K in pixels, the image's width and height in pixels."""

    K: Float[Array, "3 3"]
    width: int
    height: int


@dataclass(frozen=True)
class Frame:
    """One image with its objects. Paths only: no image is decoded until asked for."""

    key: FrameKey
    camera: Camera
    obj_ids: Int[Array, "n"]
    T_cam_obj: Float[Array, "n 4 4"]
    visib_fract: Float[Array, "n"]
    """Visible share of each object's silhouette, 0..1; NaN where the dataset does not say."""
    rgb_path: Path | None = None
    """Colour or gray image; None when the folder has none."""
    depth_path: Path | None = None
    depth_scale: float = 1e-3
    """Metres of one unit of the depth image (BOP's depth_scale is millimetres a unit)."""
    mask_visib_paths: tuple[Path, ...] = ()
    """One mask an instance, in order; () where missing."""
    T_cam_w2c: Float[Array, "4 4"] | None = None
    """BOP's cam_R_w2c / cam_t_w2c, where given. Its z need not be gravity: used for checks, never for labels."""

    @property
    def n(self) -> int:
        return len(self.obj_ids)


@dataclass(frozen=True)
class Symmetry:
    """A model's symmetries as models_info gives them, in metres."""

    discrete: Float[Array, "s 4 4"] = field(default_factory=lambda: np.zeros((0, 4, 4)))
    """T_obj_obj that leave the object unchanged, the identity not among them."""
    axes: Float[Array, "c 3"] = field(default_factory=lambda: np.zeros((0, 3)))
    """Directions of continuous symmetry."""
    offsets: Float[Array, "c 3"] = field(default_factory=lambda: np.zeros((0, 3)))
    """A point on each axis (m)."""


@dataclass(frozen=True)
class Model:
    """An object: mesh and box in its own frame (m)."""

    obj_id: int
    mesh: Mesh
    box: Box
    symmetry: Symmetry
    sha256: str
    """Of the mesh file: caches and manifests are keyed by content."""
    path: Path | None = None

    @cached_property
    def extremes(self) -> Float[Array, "d 3"]:
        """Vertices (m) that reach farthest: what the mesh extends to, which its box may exceed."""
        return extreme_points(self.mesh)


@dataclass(frozen=True)
class Description:
    """What a person would say of an object: the fields of names.json."""

    name: str
    """Readable, lower case, without article: 'red mug'."""
    synonyms: tuple[str, ...] = ()
    """Other names, each of which means this object alone within its dataset."""
    category: str = ""
    """The kind of thing: 'mug'."""
    colors: tuple[str, ...] = ()
    """Plain colour words, the most seen first."""
    shape: str = ""
    material: str = ""
    use: str = ""
    """What it is for, after 'used to': 'drink from'."""
    printed: str = ""
    """What is written on it."""
    status: str = "verified"
    """'verified' (seen on its texture or picture), 'documented' (the dataset's own list), 'unverified',
    or 'looks' (said of its mesh and texture by bopask itself)."""
    source: str = ""
    """Where the words come from."""


class Skip(NamedTuple):
    """An expected no: something was not asked, and why. Counted in the report, never lost."""

    key: str
    stage: str
    reason: str


@dataclass(frozen=True)
class Arrangement:
    """F frames that see the same N objects standing still relative to one another."""

    key: str
    """Scene and ordinal, as '000003-0'."""
    frames: tuple[Frame, ...]
    slots: Int[Array, "F N"]
    """Row of object n in frame f: frames[f].T_cam_obj[slots[f, n]]."""
    obj_ids: Int[Array, "N"]
    T_ref_obj: Float[Array, "N 4 4"]
    """The arrangement in the frame of the reference camera (that of frames[0])."""
    T_ref_cam: Float[Array, "F 4 4"]

    def only(self, frames: Int[Array, "f"]) -> Arrangement:
        """The same arrangement, in the same reference frame, seen in some of its frames."""
        chosen = tuple(self.frames[f] for f in frames)
        return replace(self, frames=chosen, slots=self.slots[frames], T_ref_cam=self.T_ref_cam[frames])


@dataclass(frozen=True)
class Estimate:
    """What one source says of the support plane, in the arrangement's reference frame."""

    source: str
    """'depth', 'resting' or 'pointing'."""
    normal: Float[Array, "3"]
    """Unit, away from the support."""
    offset: float
    """normal . p = offset on the plane (m)."""
    confidence: float
    """0..1; below 0.5 is not used."""
    detail: str = ""
    """Why so (in)confident, in words for the report."""


@dataclass(frozen=True)
class World:
    """Where up is: z up = support normal, origin on the support."""

    T_world_ref: Float[Array, "4 4"]
    source: str
    confidence: float
    estimates: tuple[Estimate, ...] = ()
    """Every source asked, used or not."""
    note: str = ""
    """Agreement, or why the sources disagree."""


@dataclass(frozen=True)
class Layout:
    """An arrangement whose world frame is known, or `world=None` when no source was sure of up."""

    arrangement: Arrangement
    world: World | None

    @property
    def key(self) -> str:
        return self.arrangement.key

    @property
    def obj_ids(self) -> Int[Array, "N"]:
        return self.arrangement.obj_ids

    @property
    def T_world_obj(self) -> Float[Array, "N 4 4"]:
        """Poses in the world frame; in the reference camera's frame when there is no world."""
        return self._T_world_ref @ self.arrangement.T_ref_obj

    @property
    def T_world_cam(self) -> Float[Array, "F 4 4"]:
        return self._T_world_ref @ self.arrangement.T_ref_cam

    @property
    def _T_world_ref(self) -> Float[Array, "4 4"]:
        return self.world.T_world_ref if self.world else np.eye(4)


@dataclass(frozen=True)
class GraspSet:
    """Parallel-jaw grasps of one object in its own frame: once per object and gripper."""

    T_obj_grasp: Float[Array, "g 4 4"]
    """Gripper frame: +z approach, x closing, origin at the hand's base (M2T2, ACRONYM, Franka panda_hand)."""
    width: Float[Array, "g"]
    """Distance of the contacts (m)."""
    depth: Float[Array, "g"]
    """z of the contacts in the gripper frame (m); they lie at (±width/2, 0, depth)."""
    quality: Float[Array, "g"]
    """Larger is better; rows are sorted by it."""
    source: str
    held: Int[Array, "g"]
    """1: held in simulation, under noise too; 0: did not; -1: not tried. With none tried a set is not simulated."""

    @property
    def simulated(self) -> bool:
        return bool((self.held >= 0).any())


@dataclass(frozen=True)
class InstanceGrasps:
    """The grasps of one instance in its layout."""

    state: str
    """'free' (some grasp is), 'blocked' (by neighbours only), 'ungraspable' (even alone on the support)."""
    T_obj_grasp: Float[Array, "k 4 4"]
    """The best free grasps, at most 5, best first."""
    width: Float[Array, "k"]
    quality: Float[Array, "k"]
    n_dense: int
    """Grasps of the dense set."""
    n_alone: int
    """Of these, and of level ones made for the pose where few are left or all blocked: possible with no neighbour."""
    n_free: int
    """Of n_alone: possible with all neighbours in place."""
    blocker_sets: tuple[tuple[int, ...], ...] = ()
    """Inclusion-minimal sets of instances whose removal frees a grasp, smallest first; () unless blocked."""
    freed_T_obj_grasp: Float[Array, "s 4 4"] = field(default_factory=lambda: np.zeros((0, 4, 4)))
    """The best grasp that each of the blocker sets, once gone, frees; of a free instance just one, its best."""
    freed_width: Float[Array, "s"] = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Detour:
    """Another way to carry what a Trajectory carries: the same ends and opening move, truly different between them."""

    points: Float[Array, "w 3"]
    clearance: float
    length: float
    way: str
    """On which side of the straight carry it goes: 'over', 'under', 'left' or 'right', looking along the motion."""


@dataclass(frozen=True)
class Trajectory:
    """How `source` is carried over `target`: a translation of the whole object, world frame."""

    source: int
    target: int
    points: Float[Array, "w 3"]
    """Waypoints (m, world) of the source's base point: its underside below the centre of its box."""
    clearance: float
    """Smallest distance (m) to any other mesh or the support once contact has opened."""
    length: float
    """Length of the polyline (m)."""
    contacts: tuple[Mapping[str, Any], ...] = ()
    """Contacts present at the start: with what, how deep (m), and after how much motion (m) they opened."""
    way: str = "straight"
    """As a Detour's, or 'straight': how it is carried once it is clear of its neighbours."""
    alternatives: tuple[Detour, ...] = ()
    """Truly different ways, at most 1.8 times as long, shortest first."""


@dataclass(frozen=True)
class Rearrangement:
    """What must move before `target` can be grasped, in order."""

    target: int
    order: tuple[int, ...]
    """A smallest sufficient set, in an order that can be carried out."""
    reasons: tuple[str, ...]
    """For each of `order`: 'rests_on_target', 'blocks_grasp', 'rests_on_blocker' or 'blocks_blocker'."""
    alternatives: tuple[tuple[int, ...], ...] = ()
    """The other sets of that size that would do as well, each in an order that can be carried out."""


@dataclass(frozen=True)
class Priors:
    """What is computed once per layout."""

    key: str
    grasps: tuple[InstanceGrasps, ...]
    stands_on: Bool[Array, "N N"]
    """stands_on[i, j]: object j carries object i."""
    leans_on: Bool[Array, "N N"]
    """leans_on[i, j]: object i would fall to object j by what it stands on alone."""
    paths: Mapping[tuple[int, int], Trajectory]
    rearrangements: Mapping[int, Rearrangement]
    skips: tuple[Skip, ...] = ()

    @property
    def rests_on(self) -> Bool[Array, "N N"]:
        """Stands or leans: what must not be moved from under, or away from, another."""
        return self.stands_on | self.leans_on


@dataclass(frozen=True)
class View:
    """What one block of frames of a layout shows: once per frame, as arrays (F frames, N objects)."""

    visib_fract: Float[Array, "F N"]
    """From scene_gt_info where given, else from ray casting."""
    bbox: Float[Array, "F N 4"]
    """u0, v0, u1, v1 (px) of the whole silhouette, uncropped; NaN for an object that reaches behind the camera."""
    anchor: Float[Array, "F N 2"]
    """A pixel well inside the visible part, nearest its centroid; NaN where nothing is visible."""
