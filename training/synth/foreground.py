"""What comes between camera and vehicle: posts, foliage, falling rain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.synth.environment import smooth_noise
from training.synth.mesh import Floats
from training.synth.scene import Scene
from training.synth.sensor import blur


@dataclass(frozen=True)
class Layer:
    """One cover: opacity (H, W), visible (H, W, 3), infrared (H, W), temperature (H, W)."""

    opacity: Floats
    visible: Floats
    infrared: Floats
    temperature: Floats


def _post(random: np.random.Generator, scene: Scene, height: int, width: int) -> Layer:
    middle = random.uniform(0.08, 0.92) * width
    half = random.uniform(0.010, 0.028) * width
    across = (np.arange(width) + 0.5 - middle) / half
    opacity = np.clip((1.15 - np.abs(across)) * half, 0, 1)[None, :] * np.ones((height, 1))
    top = random.uniform(-0.5, 0.45) * height
    opacity = opacity * np.clip(np.arange(height)[:, None] - top, 0, 1)
    shade = np.clip(0.75 + 0.45 * across - 0.3 * across**2, 0.1, 1.3)[None, :] * np.ones(
        (height, 1)
    )
    tone = random.uniform(0.06, 0.4)
    sun, sky = np.asarray(scene.sun_visible), np.asarray(scene.sky_visible)
    visible = (tone * shade)[..., None] * (0.5 * sun + 0.7 * sky)
    lamp = scene.lamp_infrared * 1.3
    infrared = tone * shade * (0.5 * scene.sun_infrared + 0.7 * scene.sky_infrared + lamp)
    heat = scene.air + 0.4 * scene.sun_heat * shade - 1
    return _layer(opacity, visible, infrared, heat)


def _leaves(random: np.random.Generator, scene: Scene, height: int, width: int) -> Layer:
    noise = smooth_noise(int(random.integers(0, 16)) + 100, 256, 512, (22, 44, 80))
    large = smooth_noise(int(random.integers(0, 8)) + 150, 256, 512, (3, 6))
    row, column = int(random.integers(0, 256)), int(random.integers(0, 512))
    noise = np.roll(noise, (row, column), (0, 1))[:height, :width]
    large = np.roll(large, (row, column), (0, 1))[:height, :width]
    rows = np.linspace(0, 1, height)[:, None]
    hang = (
        1 - rows * random.uniform(2.2, 4)
        if random.random() < 0.5
        else (rows - random.uniform(0.72, 0.9)) * 5
    )
    opacity = np.clip((noise * 0.7 + large * 0.5 + hang * 1.5 - 1.0) * 4, 0, 1)
    opacity = opacity * np.clip(hang * 3, 0, 1)
    leaf = np.clip(0.65 + 0.4 * noise, 0.15, 1.6)
    sun, sky = np.asarray(scene.sun_visible), np.asarray(scene.sky_visible)
    visible = leaf[..., None] * np.array([0.055, 0.10, 0.025]) * (0.6 * sun + 0.8 * sky)
    light = 0.6 * scene.sun_infrared + 0.8 * scene.sky_infrared + 1.2 * scene.lamp_infrared
    return _layer(opacity, visible, leaf * 0.5 * light, scene.air - 1 + noise)


def _rain(random: np.random.Generator, scene: Scene, height: int, width: int) -> Layer:
    drops = (random.random((height, width)) > 0.9965).astype(np.float32)
    streak = np.zeros_like(drops)
    lean = float(random.uniform(-0.25, 0.25))
    for step in range(14):
        streak += np.roll(drops, (step, round(step * lean)), (0, 1))
    streak = blur(streak.astype(np.float32), 0.6)
    opacity = np.clip(streak, 0, 1) * 0.15 + 0.04
    sky = np.asarray(scene.sky_visible)
    visible = np.ones((height, width, 1)) * sky * 1.1
    infrared = np.full((height, width), scene.sky_infrared * 1.1)
    return _layer(opacity, visible, infrared, np.full((height, width), scene.air - 3))


def _layer(opacity: Floats, visible: Floats, infrared: Floats, temperature: Floats) -> Layer:
    return Layer(
        *(np.asarray(part, np.float32) for part in (opacity, visible, infrared, temperature))
    )


def draw_foreground(
    random: np.random.Generator, scene: Scene, height: int, width: int
) -> list[Layer]:
    """Layers in front of a view, far to near."""
    layers = []
    if random.random() < 0.10:
        layers.append(_post(random, scene, height, width))
    if random.random() < 0.12:
        layers.append(_leaves(random, scene, height, width))
    if scene.light == "rain":
        layers.append(_rain(random, scene, height, width))
    return layers
