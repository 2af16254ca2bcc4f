"""Where the camera stands and which crop it takes: eight directions with jitter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.synth.mesh import Floats

VIEWS = 8


@dataclass(frozen=True)
class View:
    """A crop of a pinhole picture: eye (3,), axes (3, 3) rows right, up, ahead, image-plane box."""

    eye: Floats
    axes: Floats
    left: float
    top: float
    step: float

    def rays(self, height: int, width: int) -> Floats:
        """Unit directions (height * width, 3), row by row from the top left."""
        step_x = self.step / width
        columns = self.left + (np.arange(width) + 0.5) * step_x
        rows = self.top - (np.arange(height) + 0.5) * step_x
        across, up = np.meshgrid(columns, rows)
        flat = np.stack([across.ravel(), up.ravel(), np.ones(across.size)], axis=1)
        directions = flat @ self.axes
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return directions.astype(np.float32)


def draw_view(random: np.random.Generator, direction: int, vertices: Floats, aspect: float) -> View:
    """A view of a vehicle from one of eight directions (0 front, then counter-clockwise).

    `aspect` is width over height of the crop.
    """
    azimuth = direction * 2 * np.pi / VIEWS + float(np.clip(random.normal(0, 0.12), -0.3, 0.3))
    size = float(np.ptp(vertices[:, 0]))
    distance = size * float(random.uniform(1.7, 3.6))
    height = float(random.uniform(1.0, 2.7))
    eye = np.array([distance * np.cos(azimuth), distance * np.sin(azimuth), height])
    target = np.array([0.0, 0.0, float(vertices[:, 2].max()) * 0.45])
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, ahead)
    roll = float(random.normal(0, 0.012))
    right, up = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
    axes = np.stack([right, up, ahead])
    seen = (vertices.astype(np.float64) - eye) @ axes.T
    plane = seen[:, :2] / seen[:, 2:3]
    low, high = plane.min(axis=0), plane.max(axis=0)
    span = high - low
    margins = random.uniform([0.015, 0.015], [0.07, 0.08], (2, 2)) * span
    low, high = low - margins[0], high + margins[1]
    width, tall = high - low
    centre = (low + high) / 2
    wide = max(width, tall * aspect)
    shift = (wide - width) * float(random.uniform(-0.2, 0.2))
    tall = wide / aspect
    return View(
        eye.astype(np.float32), axes.astype(np.float64),
        float(centre[0] - wide / 2 + shift), float(centre[1] + tall / 2), float(wide),
    )  # fmt: skip
