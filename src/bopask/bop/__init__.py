"""The BOP door: a dataset folder becomes frames and models; a hub repository becomes a dataset folder.

What a folder holds: `open_bop`. What it lacks: `doctor.examine`. Where to get one: `download.download`.
"""

from bopask.bop.folder import BopFolder, open_bop
from bopask.bop.images import load_depth, load_mask, load_rgb
from bopask.bop.models import Models
from bopask.bop.scene import Scene

__all__ = ["BopFolder", "Models", "Scene", "load_depth", "load_mask", "load_rgb", "open_bop"]
