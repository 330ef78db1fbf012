"""Frames -> layouts: what stands still together, and where its up is."""

from bopask.world.arrange import arrange
from bopask.world.depth import DepthPlane
from bopask.world.pointing import PointingVLM
from bopask.world.resting import RestingFaces
from bopask.world.up import UpSource, find_world, world_frame

__all__ = ["DepthPlane", "PointingVLM", "RestingFaces", "UpSource", "arrange", "find_world", "world_frame"]
