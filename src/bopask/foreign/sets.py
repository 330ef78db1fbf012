"""The table of benchmarks: a name, and what reads its files. Another one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from bopask.errors import InputError
from bopask.foreign import blink, cv_bench, emb_spatial, ref_spatial, released, robospatial, spatial_bench
from bopask.foreign.noun import Foreign

Read: TypeAlias = Callable[[Path], Iterator[Foreign]]

SETS: Mapping[str, Read] = {
    "bopask": released.read,
    "robospatial_home": robospatial.read,
    "cv_bench": cv_bench.read,
    "spatial_bench": spatial_bench.read,
    "blink": blink.read,
    "ref_spatial": ref_spatial.read,
    "emb_spatial": emb_spatial.read,
}


def read(name: str, path: Path) -> Iterator[Foreign]:
    """Rows of a benchmark's file or folder, as they come.

    Raises:
        InputError: no such benchmark or path, or its files are not as documented.
    """
    if name not in SETS:
        raise InputError(name, "is no benchmark that is read", f"Choose from {', '.join(SETS)}")
    if not path.exists():
        raise InputError(path, "is not there", f"Download {name} and give its folder")
    return SETS[name](path)
