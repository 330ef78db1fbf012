"""Grasps tried in a simulator. Primitive shapes with exact parts: what the simulator touches is what the mesh is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="trials need the extra 'physics'")

from arranged import arranged, at, block
from tiny import box, write_models

import bopask.geometry.parts as parts_module
from bopask.bop.models import Models
from bopask.cli import main
from bopask.errors import MissingExtra
from bopask.geometry.box import Box
from bopask.geometry.mesh import Mesh, signed_volume
from bopask.geometry.parts import Cut, closed, without_crumbs
from bopask.geometry.se3 import rotation_about, se3
from bopask.nouns import GraspSet, Model, Symmetry
from bopask.physics.bodies import Solid, solid_of
from bopask.physics.parts import Parts, parts_of
from bopask.physics.scene_trial import SceneTrial
from bopask.physics.simulate import Trials, coverage, simulated
from bopask.physics.trial import HARDER, HELD, MISSED, NOMINAL, Trial, wrong
from bopask.priors.grasps import sets
from bopask.priors.grasps.gripper import load_gripper
from bopask.priors.grasps.in_scene import InScene, instance_grasps
from bopask.priors.grasps.sources import FromFile
from bopask.store.cache import Cache

PANDA = load_gripper()
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def exact(model: Model) -> Solid:
    return solid_of(model, Parts((model.mesh.vertices,), 1.0))


def down(x: float = 0.0, y: float = 0.0, z: float = 0.0, turn: float = 0.0) -> np.ndarray:
    """T_obj_grasp of a hand that comes along the object's -z, its contacts' middle at (x, y, z)."""
    R = rotation_about(np.array([0.0, 0, 1]), turn) @ np.diag([1.0, -1.0, -1.0])
    return se3(R, np.array([x, y, z]) - PANDA.contact_depth * R[:, 2])


def around(cube: float, seed: int, n: int = 20) -> GraspSet:
    """Hands over a cube, each of its four ways, its middle up to 4 mm off."""
    rng = np.random.default_rng(seed)
    T = np.array([down(*rng.uniform(-0.004, 0.004, 3), turn=k * np.pi / 2) for k in range(n)])
    return sets.grasp_set(T, np.full(n, cube), np.full(n, PANDA.contact_depth))


CUBE = block(1, 0.04, 0.04, 0.04)


def test_a_cube_is_what_we_say_it_is() -> None:
    solid = exact(block(1, 0.04, 0.06, 0.1))
    assert signed_volume(CUBE.mesh) == pytest.approx(0.04**3)
    assert solid.mass == pytest.approx(700 * 0.04 * 0.06 * 0.1)
    inertia = solid.mass / 12 * np.diag([0.06**2 + 0.1**2, 0.04**2 + 0.1**2, 0.04**2 + 0.06**2])
    np.testing.assert_allclose(solid.inertia, inertia, atol=1e-12)


@pytest.mark.parametrize("setting", [NOMINAL, HARDER], ids=["nominal", "harder"])
def test_guard_a_cube_between_the_pads_holds_every_time(setting) -> None:  # type: ignore[no-untyped-def]
    verdicts = Trial(exact(CUBE), PANDA).verdicts(around(0.04, 0), setting, np.random.default_rng(1))
    assert verdicts.tolist() == [HELD] * 20


def test_the_guard_sees_a_solver_that_does_not_converge_and_pads_without_friction() -> None:
    trial = Trial(exact(CUBE), PANDA)
    assert trial.compiled[0].opt.iterations >= 100, "fewer iterations lose grasps by numerical error alone"
    slippery = trial.verdicts(around(0.04, 0, 4), replace(NOMINAL, friction=0.0), np.random.default_rng(1))
    assert slippery.tolist() == [MISSED] * 4
    trial.compiled[0].opt.iterations = 2
    assert (trial.verdicts(around(0.04, 0, 4), NOMINAL, np.random.default_rng(1)) < HELD).all()


def test_too_heavy_for_the_friction_is_not_held() -> None:
    """2 µ F = 36 N lift 3.6 kg and no more."""
    trial = Trial(exact(CUBE), PANDA)
    light, heavy = (trial.verdict(down(), 0.06, replace(NOMINAL, mass=m / trial.solid.mass)) for m in (1.5, 5.0))
    assert (light, heavy) == (HELD, MISSED)


@pytest.mark.parametrize("T", [down(y=0.05), down(z=0.05), down(z=-0.05)], ids=["beside", "above", "pushes it"])
def test_a_grasp_that_misses_fails(T: np.ndarray) -> None:
    assert Trial(exact(CUBE), PANDA).verdict(T, 0.06, NOMINAL) == MISSED


@pytest.mark.parametrize(("T", "held"), [(down(0.002, 0.003, 0.01, 0.1), True), (down(z=0.045), False)])
def test_a_mirrored_grasp_has_the_same_verdict(T: np.ndarray, held: bool) -> None:
    trial = Trial(exact(block(1, 0.04, 0.08, 0.06)), PANDA)
    assert [trial.verdict(g, 0.07, NOMINAL) == HELD for g in (T, T @ FLIP)] == [held, held]


def test_a_trial_depends_on_no_trial_before_it() -> None:
    trial, grasps = Trial(exact(CUBE), PANDA), around(0.04, 3, 3)
    first = trial.verdict(grasps.T_obj_grasp[0], 0.06, NOMINAL)
    rest = trial.compiled[1].qpos.copy()
    trial.verdict(down(z=0.05), 0.06, HARDER)
    assert trial.verdict(grasps.T_obj_grasp[0], 0.06, NOMINAL) == first
    assert trial.compiled[1].qpos.tobytes() == rest.tobytes()


def test_noise_is_as_large_as_it_says() -> None:
    T = wrong(HARDER, np.array([0.1, 0.2, 0.3]), np.random.default_rng(0))
    com = T[:3, :3] @ [0.1, 0.2, 0.3] + T[:3, 3]
    assert np.linalg.norm(com - [0.1, 0.2, 0.3]) == pytest.approx(HARDER.shift)
    assert np.arccos((np.trace(T[:3, :3]) - 1) / 2) == pytest.approx(HARDER.turn)


def test_simulation_marks_what_held_what_did_not_and_what_was_not_tried() -> None:
    good, bad = around(0.04, 0, 4), down(y=0.2)
    T = np.concatenate([good.T_obj_grasp, bad[None]])
    grasps = sets.grasp_set(T, np.full(5, 0.04), np.full(5, PANDA.contact_depth), np.array([5.0, 4, 3, 2, 6]))
    grasps = sets.best_first(grasps)
    trials = Trials(keep=2, tries=5, settings=(NOMINAL,))
    told = simulated(grasps, CUBE, Trial(exact(CUBE), PANDA), trials, 0)
    assert told.held.tolist() == [0, 1, 1, -1, -1]
    assert told.simulated and not grasps.simulated
    assert 0.4 <= coverage(told, trials) < 1.0
    again = simulated(grasps, CUBE, Trial(exact(CUBE), PANDA), trials, 0)
    assert again.held.tolist() == told.held.tolist()


@pytest.fixture(scope="module")
def table() -> SceneTrial:
    """A cube, a block 2 cm beside the fingers, and a can-sized block far off; the ground truth sinks one by 3 mm."""
    solids = [exact(CUBE), exact(block(1, 0.05, 0.05, 0.09)), exact(block(1, 0.05, 0.12, 0.05))]
    places = [(0, 0, 0.02), (0.0, 0.06, 0.042), (0.2, 0, 0.025)]
    return SceneTrial(solids, se3(np.eye(3), np.array(places)), PANDA)


def test_in_a_layout_the_object_comes_and_no_neighbour_moves(table: SceneTrial) -> None:
    outcome = table.outcome(0, down(), 0.06)
    assert outcome.lifted and outcome.success
    assert np.nanmax(outcome.moved) < 0.001
    assert (table.settling < 0.006).all()


def test_in_a_layout_a_hand_that_hits_a_neighbour_is_seen(table: SceneTrial) -> None:
    outcome = table.outcome(0, down(turn=np.pi / 2), 0.06)  # the fingers now stand where the block does
    assert outcome.moved[1] > 0.005 and not outcome.success


def test_the_short_list_of_a_simulated_set_holds_only_what_held() -> None:
    grasps = around(0.04, 0, 12)
    grasps = replace(grasps, quality=np.arange(12.0)[::-1], held=np.array([0, -1, 1] * 4, np.int8))
    layout, models = arranged((CUBE, at(0, 0, 0.02)))
    (found,) = instance_grasps(layout, models, {1: grasps}, PANDA, np.zeros((1, 1), bool), InScene(few=0))
    assert found.state == "free" and found.n_free == 12
    assert all((np.abs(grasps.T_obj_grasp[2::3] - T).max((1, 2)) < 1e-9).any() for T in found.T_obj_grasp)


def test_loose_specks_are_left_out_and_what_remains_is_closed() -> None:
    speck = CUBE.mesh.faces[:2] + 8
    mesh = Mesh(np.concatenate([CUBE.mesh.vertices, CUBE.mesh.vertices + 1]), np.concatenate([CUBE.mesh.faces, speck]))
    assert not closed(mesh)
    clean = without_crumbs(mesh, 0.2)
    assert closed(clean) and len(clean.faces) == 12 and len(clean.vertices) == 8


def test_without_coacd_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"bopask\[physics\]"):
        parts_of(CUBE, Cache(None))


def test_a_child_that_aborts_is_tried_again_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("coacd", reason="convex parts need the extra 'physics'")
    seeds = []
    monkeypatch.setattr(parts_module, "_in_child", lambda mesh, cut: seeds.append(cut.seed) or [])
    with pytest.raises(Exception, match="convex parts"):
        parts_of(CUBE, Cache(None), Cut(seed=5, tries=3))
    assert seeds == [5, 6, 7]


def test_an_l_is_cut_into_convex_parts_of_its_volume(tmp_path: Path) -> None:
    pytest.importorskip("coacd", reason="convex parts need the extra 'physics'")
    outline = np.array([[0, 0], [0.1, 0], [0.1, 0.03], [0.03, 0.03], [0.03, 0.1], [0, 0.1]])
    caps = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 5], [3, 4, 5]])
    vertices = np.concatenate([np.c_[outline, np.zeros(6)], np.c_[outline, np.full(6, 0.03)]])
    sides = [t for k in range(6) for t in ((k, (k + 1) % 6, k + 6), ((k + 1) % 6, (k + 1) % 6 + 6, k + 6))]
    mesh = Mesh(vertices, np.concatenate([caps[:, ::-1], caps + 6, sides]).astype(np.int32))
    model = Model(1, mesh, Box(np.eye(4), np.array([0.1, 0.1, 0.03])), Symmetry(), "an L")
    found = parts_of(model, Cache(tmp_path))
    assert len(found.hulls) >= 2 and found.volume_ratio == pytest.approx(1.0, abs=0.05)
    again = parts_of(model, Cache(tmp_path))
    assert all((a == b).all() for a, b in zip(found.hulls, again.hulls, strict=True))


def test_the_verb_writes_the_same_whatever_the_workers_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("coacd", reason="convex parts need the extra 'physics'")
    write_models(tmp_path / "models", [box(1, (0.03, 0.05, 0.06), (0, 0)), box(4, (0.2, 0.2, 0.2), (1, 0))])

    def run(out: str, workers: int) -> dict[str, bytes]:
        words = [tmp_path / "models", "--out", tmp_path / out, "--workers", workers, "--cache", tmp_path / f"{out}.c"]
        assert main([str(w) for w in ("grasps", *words, "--simulate", "--keep", 2, "--tries", 3)]) == 0
        return {path.name: path.read_bytes() for path in sorted((tmp_path / out).iterdir())}

    one, two = run("one", 1), run("two", 2)
    assert list(one) == ["grasps.json", "obj_000001.npz", "obj_000004.npz"]
    contents = [[np.load(tmp_path / out / name) for name in list(one)[1:]] for out in ("one", "two")]
    for a, b in zip(*contents, strict=True):
        assert sorted(a) == sorted(b) and all((a[k] == b[k]).all() for k in a)
    assert one["grasps.json"] == two["grasps.json"]
    small, big = (FromFile(tmp_path / "one").grasps(Models(tmp_path / "models")[o], PANDA) for o in (1, 4))
    assert (small.held == 1).sum() == 2 and len(big.width) == 0
    before = (tmp_path / "one" / "obj_000001.npz").stat().st_mtime_ns
    assert run("one", 1) == one
    assert (tmp_path / "one" / "obj_000001.npz").stat().st_mtime_ns == before
    assert "coverage" in capsys.readouterr().out
