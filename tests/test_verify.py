"""`bopask verify`: what it says, writes and returns; its own reading and geometry against generation's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import rotations

from bopask.bop.folder import open_bop
from bopask.cli import main
from bopask.errors import InputError
from bopask.geometry import box
from bopask.verify import cuboid
from bopask.verify.row import check_schema
from bopask.verify.run import FrameKey, Request, choose, verify
from bopask.verify.truth import BopTruth, NoSuchFrame


@pytest.fixture(scope="module")
def made(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    command = ["generate", str(sample), "--split", "train", "--tasks", "pose,depth", "--out", str(out)]
    assert main(command) == 0
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path, sample: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "out"))


def spoil(out: Path, column: str, value: object, task: str) -> str:
    """Writes another value into the first row of a task; returns the row's id."""
    shard = sorted((out / "data").glob("*.parquet"))[0]
    table = pq.read_table(shard)
    rows = table.to_pylist()
    row = next(row for row in rows if row["task"] == task)
    row[column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), shard)
    return str(row["id"])


def test_all_rows_are_proved(out: Path, sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "bopask verify" in (out / "report.html").read_text()
    assert main(["verify", str(out), "--bop", str(sample), "--all"]) == 0
    said, proof, verdicts = capsys.readouterr().out, json.loads((out / "proof.json").read_text()), proved(out)
    rows = pq.read_table(sorted((out / "data").glob("*.parquet")))
    assert f"{len(rows):,} rows of 20 images in 4 layouts checked" in said
    assert verdicts == dict.fromkeys(rows["id"].to_pylist(), True)
    assert proof["tasks"]["pose"]["proved"] == sum(task == "pose" for task in rows["task"].to_pylist())
    assert proof["disagreements"] == []
    page = (out / "report.html").read_text()
    assert "not verified" not in page.lower()
    assert page.count("badge yes") == 12  # six drawn answers of each task


def proved(out: Path) -> dict[str, bool]:
    table = pq.read_table(out / "proof.parquet")
    return dict(zip(table["id"].to_pylist(), table["proved"].to_pylist(), strict=True))


def test_a_disagreement_is_told_counted_and_returned(
    out: Path, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = spoil(out, "image", "train/000001/rgb/000099.jpg", "pose")
    assert main(["verify", str(out), "--bop", str(sample), "--all"]) == 1
    said, proof = capsys.readouterr().out, json.loads((out / "proof.json").read_text())
    assert bad in said and "row: image" in said and "000099.jpg" in said
    assert proof["tasks"]["pose"]["claims"] == {"row: image": 1}
    assert [row for row, fine in proved(out).items() if not fine] == [bad]
    assert "1 disagree" in (out / "report.html").read_text()


def test_the_outcome_does_not_depend_on_workers(out: Path, sample: Path) -> None:
    spoil(out, "answer", "Maybe", "depth")
    files = ("proof.json", "proof.parquet")
    verify(Request(out, sample, 200, workers=1))
    alone = [(out / name).read_bytes() for name in files]
    verify(Request(out, sample, 200, workers=2))
    assert [(out / name).read_bytes() for name in files] == alone


def test_a_sample_is_whole_images_of_every_layout(out: Path) -> None:
    files = sorted((out / "data").glob("*.parquet"))
    some = sum(pq.read_metadata(file).num_rows for file in files) // 3
    few, other = (choose(files, Request(out, None, some, seed)) for seed in (0, 1))
    assert all(len(frames or ()) >= 1 for frames in few)
    assert few != other
    assert few == choose(files, Request(out, None, some, 0))
    also = frozenset({FrameKey(1, 3, "")})
    assert also <= choose(files, Request(out, None, 1, 0, also=also))[1]  # type: ignore[operator]
    everything = choose(files, Request(out, None, 10**9))
    assert sum(len(frames or ()) for frames in everything) == 20


def test_only_the_sampled_rows_are_in_the_proof(out: Path, sample: Path) -> None:
    verdict = verify(Request(out, sample, 60))
    rows = pq.read_table(sorted((out / "data").glob("*.parquet"))).to_pylist()
    assert 60 <= len(verdict.ids) < len(rows)
    shown = {(row["scene_id"], row["frame_id"]) for row in rows if row["id"] in set(verdict.ids)}
    of_shown = {row["id"] for row in rows if (row["scene_id"], row["frame_id"]) in shown}
    assert set(verdict.ids) == of_shown


def test_what_is_missing_is_the_users_to_mend(out: Path, sample: Path, tmp_path: Path) -> None:
    for command in (
        ["verify", str(tmp_path), "--bop", str(sample)],
        ["verify", str(out), "--bop", str(tmp_path / "nowhere")],
        ["verify", str(out), "--bop", str(tmp_path)],
        ["verify", str(out), "--bop", str(sample), "--sample", "0"],
        ["verify", str(out), "--bop", str(sample), "--workers", "0"],
    ):
        assert main(command) == 2


def test_another_data_set_proves_nothing(out: Path, sample: Path) -> None:
    """A proof of another run does not adorn the report."""
    assert main(["verify", str(out), "--bop", str(sample), "--sample", "1"]) == 0
    proof = json.loads((out / "proof.json").read_text())
    (out / "proof.json").write_text(json.dumps(proof | {"fingerprint": "another"}))
    from bopask.view.report import write_report

    write_report(out, sample)
    assert "badge" not in (out / "report.html").read_text().split("</style>")[1]


def test_embedded_pictures_are_no_hindrance(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "embedded"
    command = ["generate", str(sample), "--split", "train", "--scenes", "1", "--tasks", "depth", "--out", str(out)]
    assert main([*command, "--embed-images"]) == 0
    assert verify(Request(out, sample, None)).agrees


def test_a_column_of_another_type_is_found(out: Path) -> None:
    schema = pq.read_schema(sorted((out / "data").glob("*.parquet"))[0])
    assert list(check_schema(schema)) == []
    other = schema.set(schema.get_field_index("frame_id"), pa.field("frame_id", pa.int64()))
    assert [wrong.claim for wrong in check_schema(other)] == ["row: schema"]
    assert len(list(check_schema(schema.remove(schema.get_field_index("layout"))))) == 1


def test_bop_is_read_as_generation_reads_it(sample: Path) -> None:
    folder, truth = open_bop(sample), BopTruth(sample, "train")
    for scene_id in folder.scene_ids("train"):
        for frame in folder.read_scene("train", scene_id).frames:
            found = truth.frame(*frame.key)
            assert np.allclose(found.T_cam_obj, frame.T_cam_obj, atol=1e-12)
            assert (found.K == frame.camera.K).all() and (found.width, found.height) == (640, 480)
            assert found.depth == frame.depth_path and found.depth_scale == pytest.approx(frame.depth_scale)
            assert sample / found.image == frame.rgb_path


def test_several_sensors_of_a_scene(tmp_path: Path, sample: Path) -> None:
    shutil.copytree(sample, tmp_path / "bop")
    scene = tmp_path / "bop" / "train" / "000001"
    for name in ("scene_gt", "scene_camera", "scene_gt_info"):
        (scene / f"{name}.json").rename(scene / f"{name}_cam1.json")
    for name in ("rgb", "depth"):
        (scene / name).rename(scene / f"{name}_cam1")
    truth = BopTruth(tmp_path / "bop", "train")
    frame = truth.frame(1, 0, "cam1")
    assert frame.image == "train/000001/rgb_cam1/000000.jpg" and frame.depth is not None
    with pytest.raises(InputError):
        truth.frame(1, 0)
    with pytest.raises(NoSuchFrame):
        truth.frame(1, 77, "cam1")


def test_a_folder_without_images_has_a_declared_size(tmp_path: Path, sample: Path) -> None:
    shutil.copytree(sample, tmp_path / "bop")
    for name in ("rgb", "depth", "mask_visib"):
        shutil.rmtree(tmp_path / "bop" / "train" / "000001" / name)
    frame = BopTruth(tmp_path / "bop", "train").frame(1, 0)
    assert (frame.width, frame.height, frame.image, frame.depth) == (640, 480, "", None)
    (tmp_path / "bop" / "camera.json").unlink()
    with pytest.raises(InputError, match="image size"):
        BopTruth(tmp_path / "bop", "train").frame(1, 0)


@given(R=rotations(), angle=st.floats(-3, 3))
def test_two_ways_to_order_corners_agree(R: np.ndarray, angle: float) -> None:
    """Verification sorts corners by angle; generation renames axes: away from ties they say the same."""
    viewer = np.array([np.cos(angle), np.sin(angle), 0.0])
    size = np.array([0.1, 0.23, 0.31])
    upright, facing = np.sort(np.abs(R[2])), np.sort(np.abs(np.delete(viewer @ R, np.abs(R[2]).argmax())))
    assume(upright[2] - upright[1] > 1e-3 and facing[1] - facing[0] > 1e-3)
    T_world_box = np.eye(4)
    T_world_box[:3, :3], ordered = box.order_axes(R, size, viewer)
    T_world_box[:3, 3] = (0.3, -0.2, 0.1)
    expected = box.corners_of(T_world_box, ordered)
    assert np.allclose(cuboid.corners(T_world_box[:3, 3], size[:, None] / 2 * R.T, viewer), expected, atol=1e-9)
