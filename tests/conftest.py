"""Fixtures every test may use. Real data is outside the repository: tests that need it skip and say so."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bopask.cli import main

REPO = Path(__file__).resolve().parents[1]
settings.register_profile(
    "bopask", deadline=None, derandomize=True, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("bopask")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with ycbv_mini and expand_ycbv_gt.py: $BOPASK_REAL_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("BOPASK_REAL_DATA", REPO.parent / "shared" / "data"))
    if not (folder / "ycbv_mini").is_dir():
        pytest.skip("real YCB-V frames are not part of the repository; set BOPASK_REAL_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def ycbv_mini(real_data: Path) -> Path:
    """Sixteen real YCB-V frames (4 scenes) in BOP scenewise layout."""
    return real_data / "ycbv_mini"


@pytest.fixture(scope="session")
def sample() -> Path:
    """The embedded sample: a small BOP folder that ships with the package."""
    return REPO / "src" / "bopask" / "data" / "sample"


@pytest.fixture(scope="session")
def crowded() -> Path:
    """Four layouts with situations that tests need: tests/data/crowded/README.md."""
    return REPO / "tests" / "data" / "crowded"


@pytest.fixture(scope="session")
def asked(crowded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set folder: every task about scene 2 of `crowded`, in which a tin is walled in.

    Made once, by whichever worker of pytest-xdist comes first. Read only.
    """
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (folder / "asked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        out = folder / "asked"
        if not (out / "report.html").is_file():
            assert main(["generate", str(crowded), "--split", "train", "--scenes", "2", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def has_gl() -> None:
    """Skips, with the reason, where OpenGL cannot draw."""
    pytest.importorskip("mujoco", reason="drawing needs the extra 'synth'")
    from bopask.errors import MissingGL
    from bopask.synth.render import gl

    try:
        gl._context(os.getpid(), 160, 120)
    except MissingGL as error:
        pytest.skip(str(error))
