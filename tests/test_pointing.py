"""The pointing VLM, against a real server on this machine that misbehaves in the ways servers and models do."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tabletop import CAMERA, frames_of, models, orbit, photographed, standing

from bopask.bop import open_bop
from bopask.errors import MissingExtra
from bopask.geometry.camera import project
from bopask.geometry.se3 import inverse, transform
from bopask.models import ChatEndpoint, EndpointError
from bopask.nouns import Arrangement, Estimate, Skip
from bopask.world import DepthPlane, PointingVLM, arrange
from bopask.world.pointing import Dialect, parse_points

MODELS = models()


class Server:
    """An OpenAI-style server whose answers are given by `answer(request) -> (status, headers, body)`."""

    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.keys: list[str | None] = []
        self.answer: Callable[[dict], tuple[int, dict, bytes]] = lambda request: says("hello")
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append({"path": self.path, **request})
                server.keys.append(self.headers.get("Authorization"))
                status, headers, body = server.answer(request)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


def says(text: str) -> tuple[int, dict, bytes]:
    return 200, {}, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return []


PNG = b"\x89PNG not really"


# the endpoint


def test_the_request_is_openai_style_and_carries_the_image(
    server: Server, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "abc")
    endpoint = ChatEndpoint(server.url + "/", "pointer-1", api_key_env="SOME_KEY", sleep=waits.append)
    assert endpoint.ask("where?", PNG) == "hello"
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["model"] == "pointer-1" and request["temperature"] == 0
    text, image = request["messages"][0]["content"]
    assert text == {"type": "text", "text": "where?"}
    head, data = image["image_url"]["url"].split(",")
    assert head == "data:image/png;base64" and base64.b64decode(data) == PNG
    assert server.keys == ["Bearer abc"]
    assert "abc" not in repr(endpoint)


def test_it_waits_and_tries_again_when_told_to(server: Server, waits: list[float]) -> None:
    answers = iter(
        [(429, {"Retry-After": "7"}, b"slow down"), (503, {}, b""), (429, {"Retry-After": "soon"}, b""), says("done")]
    )
    server.answer = lambda request: next(answers)
    assert ChatEndpoint(server.url, "m", sleep=waits.append).ask("", PNG) == "done"
    assert waits == [7.0, 2.0, 4.0]
    assert server.keys == [None] * 4


def test_it_gives_up_with_the_last_reason(server: Server, waits: list[float]) -> None:
    server.answer = lambda request: (429, {"Retry-After": "9999"}, b"quota")
    with pytest.raises(EndpointError, match=r"HTTP 429: 'quota', 3 times"):
        ChatEndpoint(server.url, "m", retries=2, sleep=waits.append).ask("", PNG)
    assert waits == [60.0, 60.0]


@pytest.mark.parametrize(("status", "fix"), [(401, "environment variable OPENAI_API_KEY"), (404, "knows a model 'm'")])
def test_a_refusal_is_not_repeated(server: Server, waits: list[float], status: int, fix: str) -> None:
    server.answer = lambda request: (status, {}, b"no")
    with pytest.raises(EndpointError, match=fix):
        ChatEndpoint(server.url, "m", sleep=waits.append).ask("", PNG)
    assert len(server.requests) == 1 and waits == []


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}', b"[1]"]
)
def test_something_else_than_a_completion_is_said_so(server: Server, waits: list[float], body: bytes) -> None:
    server.answer = lambda request: (200, {}, body)
    with pytest.raises(EndpointError, match="not an OpenAI-style chat completion"):
        ChatEndpoint(server.url, "m", sleep=waits.append).ask("", PNG)


def test_nobody_there(waits: list[float]) -> None:
    with pytest.raises(EndpointError, match="cannot be reached"):
        ChatEndpoint("http://127.0.0.1:9/v1", "m", retries=1, sleep=waits.append).ask("", PNG)
    assert waits == [1.0]
    with pytest.raises(EndpointError, match="not a URL"):
        ChatEndpoint("127.0.0.1/v1", "m", sleep=waits.append).ask("", PNG)


def test_without_httpx_the_extra_is_named(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtra, match=r"pip install 'bopask\[vlm\]'"):
        ChatEndpoint("http://127.0.0.1:9/v1", "m", sleep=waits.append).ask("", PNG)


def test_a_rerun_asks_nothing(server: Server, waits: list[float], tmp_path: Path) -> None:
    endpoint = ChatEndpoint(server.url, "m", cache=tmp_path / "answers", sleep=waits.append)
    assert [endpoint.ask("a", PNG), endpoint.ask("a", PNG)] == ["hello"] * 2
    assert len(server.requests) == 1
    endpoint.ask("b", PNG)
    endpoint.ask("a", PNG + b"!")
    ChatEndpoint(server.url, "other", cache=tmp_path / "answers", sleep=waits.append).ask("a", PNG)
    assert len(server.requests) == 4  # another text, image or model is another question
    for file in (tmp_path / "answers").iterdir():
        file.write_bytes(b"{torn")
    assert endpoint.ask("a", PNG) == "hello"
    assert len(server.requests) == 5
    server.answer = lambda request: (500, {}, b"")
    assert endpoint.ask("a", PNG) == "hello"


def test_a_failure_is_not_cached(server: Server, waits: list[float], tmp_path: Path) -> None:
    server.answer = lambda request: (400, {}, b"")
    endpoint = ChatEndpoint(server.url, "m", cache=tmp_path, sleep=waits.append)
    with pytest.raises(EndpointError):
        endpoint.ask("a", PNG)
    server.answer = lambda request: says("better")
    assert endpoint.ask("a", PNG) == "better"


# dialects


def written(pixels: np.ndarray, dialect: Dialect, width: int = CAMERA.width, height: int = CAMERA.height) -> str:
    x, y = ((pixels + 0.5) / [width, height]).T
    if dialect == "json_yx_1000":
        points = [{"point": [round(1000 * b), round(1000 * a)], "label": "table"} for a, b in zip(x, y, strict=True)]
        return "Here you are:\n```json\n" + json.dumps(points) + "\n```"
    if dialect == "tuples_01":
        return "[" + ", ".join(f"({a:.4f}, {b:.4f})" for a, b in zip(x, y, strict=True)) + "]"
    inner = " ".join(f'x{k}="{100 * a:.2f}" y{k}="{100 * b:.2f}"' for k, (a, b) in enumerate(zip(x, y, strict=True), 1))
    return f'<think>(0.1, 0.2)</think> <points {inner} alt="table">table</points>'


DIALECTS: list[Dialect] = ["json_yx_1000", "tuples_01", "molmo_percent"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from(DIALECTS))
def test_what_is_written_is_read(seed: int, n: int, dialect: Dialect) -> None:
    pixels = np.random.default_rng(seed).uniform(0, 1, (n, 2)) * [CAMERA.width, CAMERA.height] - 0.5
    read = parse_points(written(pixels, dialect), dialect, CAMERA.width, CAMERA.height)
    assert read is not None
    assert np.abs(read - pixels).max() <= 0.00051 * CAMERA.width


@pytest.mark.parametrize(
    ("reply", "dialect"),
    [
        ("I cannot see a table.", "json_yx_1000"),
        ("", "tuples_01"),
        ('[{"point": [400]}]', "json_yx_1000"),
        ('[{"box": [1, 2, 3, 4]}]', "json_yx_1000"),
        ('[{"point": [400, "left"]}]', "json_yx_1000"),
        ('[{"point": [400, 1200]}]', "json_yx_1000"),  # out of the dialect's range: pixels, perhaps; never guessed
        ("[(412, 305), (33, 18)]", "tuples_01"),
        ("(0.2, 0.3), (0.4, 1.3)", "tuples_01"),
        ("[(0.4, 0.6)]", "molmo_percent"),
        ('<point x="0.4">', "molmo_percent"),
        ('<point x="140" y="20">', "molmo_percent"),
        ('<point x="40" y="20">', "tuples_01"),
        ("<think>(0.4, 0.6)</think>", "tuples_01"),
    ],
)
def test_another_dialect_or_range_is_unreadable(reply: str, dialect: Dialect) -> None:
    assert parse_points(reply, dialect, 640, 480) is None


def test_single_points_and_bare_pairs() -> None:
    assert parse_points('<point x="50" y="25" alt="a">a</point>', "molmo_percent", 640, 480) == pytest.approx(
        np.array([[319.5, 119.5]])
    )
    assert parse_points("[[250, 500]]", "json_yx_1000", 640, 480) == pytest.approx(np.array([[319.5, 119.5]]))


def test_an_unknown_dialect_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="dialect 'pixels' is none of"):
        PointingVLM(ChatEndpoint("http://127.0.0.1:9", "m"), "pixels")  # type: ignore[arg-type]


# the plane


def tabletop(tmp_path: Path, n_cameras: int = 2) -> tuple[Arrangement, np.ndarray]:
    rng = np.random.default_rng(3)
    ids, cameras = [0, 1, 5], orbit(n_cameras)
    poses = standing(rng, ids, MODELS)
    (arrangement,) = arrange(photographed(tmp_path, rng, ids, poses, cameras, MODELS, holes=0.1), MODELS)
    return arrangement, cameras


def table_points(T_world_cam: np.ndarray, n: int = 12) -> np.ndarray:
    """Pixels of a ring on the table, around the objects."""
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    ring = np.stack([0.27 * np.cos(angles), 0.27 * np.sin(angles), np.zeros(n)], 1)
    return project(CAMERA.K, transform(inverse(T_world_cam), ring))


def shown(request: dict) -> np.ndarray:
    """The image in a request."""
    data = request["messages"][0]["content"][1]["image_url"]["url"].split(",")[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def tilt(normal: np.ndarray, T_world_cam: np.ndarray) -> float:
    return float(np.rad2deg(np.arccos(np.clip(normal @ T_world_cam[2, :3], -1, 1))))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_points_on_the_table_give_its_plane(
    server: Server, waits: list[float], tmp_path: Path, dialect: Dialect
) -> None:
    arrangement, cameras = tabletop(tmp_path)
    images = [np.asarray(Image.open(f.rgb_path)) for f in arrangement.frames if f.rgb_path]

    def answer(request: dict) -> tuple[int, dict, bytes]:
        which = next(k for k, image in enumerate(images) if np.array_equal(image, shown(request)))
        return says(written(table_points(cameras[which]), dialect))

    server.answer = answer
    source = PointingVLM(ChatEndpoint(server.url, "m", sleep=waits.append), dialect)
    estimate = source.estimate(arrangement, MODELS, 0)
    assert isinstance(estimate, Estimate) and estimate.source == "pointing"
    assert estimate.confidence > 0.9
    assert tilt(estimate.normal, cameras[0]) < 0.5
    at = inverse(cameras[0])[:3, 3]  # the middle of the table
    assert abs(estimate.normal @ at - estimate.offset) < 0.002
    assert len(server.requests) == 2
    assert "bare surface" in server.requests[0]["messages"][0]["content"][0]["text"]
    again = source.estimate(arrangement, MODELS, 0)
    assert isinstance(again, Estimate) and np.array_equal(again.normal, estimate.normal)


def test_some_points_off_the_table_do_not_matter(server: Server, waits: list[float], tmp_path: Path) -> None:
    arrangement, cameras = tabletop(tmp_path, 1)
    wrong = np.array([[5.0, 3.0], [300.0, 4.0], [160.0, 2.0], [319.4, 239.4]])  # wall, floor, a corner
    tops = transform(inverse(cameras[0]) @ cameras[0], arrangement.T_ref_obj[:, :3, 3])
    reply = written(np.concatenate([table_points(cameras[0], 8), wrong, project(CAMERA.K, tops)]), "tuples_01")
    server.answer = lambda request: says(reply)
    estimate = PointingVLM(ChatEndpoint(server.url, "m", sleep=waits.append), "tuples_01").estimate(
        arrangement, MODELS, 0
    )
    assert isinstance(estimate, Estimate)
    assert tilt(estimate.normal, cameras[0]) < 1.0
    assert "%" in estimate.detail


def test_points_all_on_the_wall_are_not_trusted(server: Server, waits: list[float], tmp_path: Path) -> None:
    arrangement, _ = tabletop(tmp_path, 1)
    server.answer = lambda request: says(
        written(np.random.default_rng(0).uniform([5, 1], [310, 12], (12, 2)), "tuples_01")
    )
    answer = PointingVLM(ChatEndpoint(server.url, "m", sleep=waits.append), "tuples_01").estimate(
        arrangement, MODELS, 0
    )
    assert isinstance(answer, Skip) or answer.confidence < 0.5


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("There is a table.", "reply_unreadable"),
        ("(0.5, 0.9), (0.4, 0.9), (0.6, 0.9)", "few_points"),
    ],
)
def test_useless_replies_are_skips(server: Server, waits: list[float], tmp_path: Path, reply: str, reason: str) -> None:
    arrangement, _ = tabletop(tmp_path, 1)
    server.answer = lambda request: says(reply)
    answer = PointingVLM(ChatEndpoint(server.url, "m", sleep=waits.append), "tuples_01").estimate(
        arrangement, MODELS, 0
    )
    assert answer == Skip("000007-0", "world.pointing", reason)


def test_points_without_depth_are_few_and_points_in_disorder_no_plane(
    server: Server, waits: list[float], tmp_path: Path
) -> None:
    arrangement, cameras = tabletop(tmp_path, 1)
    source = PointingVLM(ChatEndpoint(server.url, "m", sleep=waits.append), "tuples_01", least=9)
    mixed = np.concatenate([table_points(cameras[0], 4), np.random.default_rng(1).uniform([5, 1], [310, 12], (6, 2))])
    server.answer = lambda request: says(written(mixed, "tuples_01"))
    assert source.estimate(arrangement, MODELS, 0) == Skip("000007-0", "world.pointing", "no_plane")
    path = arrangement.frames[0].depth_path
    assert path is not None
    Image.fromarray(np.zeros((CAMERA.height, CAMERA.width), np.uint16)).save(path)
    server.answer = lambda request: says(written(table_points(cameras[0]), "tuples_01"))
    assert source.estimate(arrangement, MODELS, 0) == Skip("000007-0", "world.pointing", "few_points")


def test_without_images_nothing_is_asked(server: Server, waits: list[float]) -> None:
    rng = np.random.default_rng(4)
    (arrangement,) = arrange(frames_of([0, 1], standing(rng, [0, 1], MODELS), orbit(2)), MODELS)
    answer = PointingVLM(ChatEndpoint(server.url, "m", sleep=waits.append), "tuples_01").estimate(
        arrangement, MODELS, 0
    )
    assert answer == Skip("000007-0", "world.pointing", "no_rgbd")
    assert server.requests == []


def test_a_dead_endpoint_is_an_error_and_not_a_skip(waits: list[float], tmp_path: Path) -> None:
    arrangement, _ = tabletop(tmp_path, 1)
    source = PointingVLM(ChatEndpoint("http://127.0.0.1:9/v1", "m", retries=0, sleep=waits.append), "tuples_01")
    with pytest.raises(EndpointError):
        source.estimate(arrangement, MODELS, 0)


def test_on_a_real_frame(server: Server, waits: list[float], ycbv_mini: Path) -> None:
    """Points that a person put on the white table of scene 2, with slips onto the carpet and the block."""
    folder = open_bop(ycbv_mini)
    of = folder.models()
    (arrangement,) = arrange(folder.read_scene("train_real", 2).frames, of)
    by_hand = [(80, 120), (150, 90), (60, 250), (100, 380), (200, 430), (380, 420), (500, 380), (560, 250), (520, 160),
               (450, 120), (340, 360), (230, 350), (400, 20), (330, 260)]  # fmt: skip
    server.answer = lambda request: says(written(np.array(by_hand, float), "json_yx_1000", 640, 480))
    source = PointingVLM(ChatEndpoint(server.url, "m", sleep=waits.append), "json_yx_1000")
    pointed, measured = source.estimate(arrangement, of, 0), DepthPlane().estimate(arrangement, of, 0)
    assert isinstance(pointed, Estimate) and isinstance(measured, Estimate)
    assert pointed.confidence > 0.5
    assert np.rad2deg(np.arccos(pointed.normal @ measured.normal)) < 1.5
    at = arrangement.T_ref_obj[:, :3, 3].mean(0)
    assert abs((pointed.normal - measured.normal) @ at - pointed.offset + measured.offset) < 0.005
