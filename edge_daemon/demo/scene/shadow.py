"""Shadows on the ground: the outline of what stands there, laid down, and the dark spot under its foot."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge_daemon.demo.scene.canvas import Pixels, Sprite, overlap
from edge_daemon.demo.scene.light import Light


@dataclass(frozen=True)
class Shadow:
    """Its darkness, 0 to 255 (height, width), and the pixel of the top left corner."""

    dark: Pixels
    x: int
    y: int

    def moved(self, right: int, down: int) -> Shadow:
        """The same shadow elsewhere."""
        return Shadow(self.dark, self.x + right, self.y + down)

    def paint(self, picture: Pixels) -> None:
        """Darken a picture (BGR, uint8, height x width x 3)."""
        window = overlap(picture.shape, self.dark.shape, self.x, self.y)
        if window is None:
            return
        rows, columns, own_rows, own_columns = window
        under = picture[rows, columns]
        keep = cv2.cvtColor(cv2.bitwise_not(self.dark[own_rows, own_columns]), cv2.COLOR_GRAY2BGR)
        cv2.multiply(under, keep, dst=under, scale=1 / 255)


def shadow_of(sprite: Sprite, scale: float, light: Light, spot_m: float) -> Shadow:
    """The shadow of a sprite.

    Args:
        sprite: what stands in the light.
        scale: pixels a metre where it stands.
        spot_m: half the width of the dark spot under it.
    """
    columns = sprite.image.shape[1]
    foot = sprite.foot - sprite.y
    slant, reach = light.shadow_slant, light.shadow_reach
    if light.shadow == 0:
        slant = reach = 0.0
    left = int(np.floor(min(0.0, slant * foot))) - 2
    right = int(np.ceil(columns + max(0.0, slant * foot))) + 2
    half = 0.25 * spot_m * scale + 2
    top = int(np.floor(foot + min(0.0, reach * foot) - half))
    bottom = int(np.ceil(foot + max(0.0, reach * foot) + half))
    dark: Pixels = np.zeros((bottom - top, right - left), np.uint8)
    if light.shadow > 0:
        laid = np.array([[1.0, -slant, slant * foot - left], [0.0, -reach, foot + reach * foot - top]])
        cast = cv2.warpAffine(sprite.alpha, laid, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        cv2.convertScaleAbs(cast, dst=dark, alpha=light.shadow)
    spot = np.zeros_like(dark)
    middle = (round((columns / 2 - left) * 16), round((foot - top) * 16))
    axes = (max(16, round(spot_m * scale * 16)), max(10, round(0.22 * spot_m * scale * 16)))
    cv2.ellipse(spot, middle, axes, 0, 0, 360, (90.0,), -1, cv2.LINE_AA, 4)
    cv2.max(dark, spot, dst=dark)
    return Shadow(dark, sprite.x + left, sprite.y + top)
