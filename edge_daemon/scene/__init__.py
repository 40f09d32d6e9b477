"""A street scene drawn by code: the source `scene:`, and what the built-in model learns from."""

from edge_daemon.scene.options import SceneOptions
from edge_daemon.scene.scene import Scene, Truth

__all__ = ["Scene", "SceneOptions", "Truth"]
