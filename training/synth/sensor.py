"""The three cameras: exposure, bloom, noise, tone and the thermal palette's scaling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from training.synth.mesh import Floats, single
from training.synth.scene import Occasion, Scene
from vreid.thermal import grey_to_palette

Picture = NDArray[np.uint8]

PALETTE = "inferno"
"""The false colours that the thermal camera writes."""


@lru_cache(maxsize=64)
def _band(size: int, sigma: float) -> Floats:
    position = np.arange(size, dtype=np.float32)
    weights = np.exp(-0.5 * ((position[:, None] - position[None, :]) / sigma) ** 2)
    band: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return band


def blur(image: Floats, sigma: float) -> Floats:
    """Gaussian blur of an image (H, W) or (H, W, C); sigma in pixels."""
    rows, columns = _band(image.shape[0], sigma), _band(image.shape[1], sigma)
    if image.ndim == 2:
        flat: Floats = rows @ image @ columns.T
        return flat
    planes = np.moveaxis(image, 2, 0)
    blurred: Floats = np.moveaxis(rows @ planes @ columns.T, 0, 2)
    return blurred


def shift(image: Floats, down: int, right: int) -> Floats:
    """Image moved by whole pixels, its border repeated."""
    rows = np.clip(np.arange(image.shape[0]) - down, 0, image.shape[0] - 1)
    columns = np.clip(np.arange(image.shape[1]) - right, 0, image.shape[1] - 1)
    moved: Floats = image[rows][:, columns]
    return moved


def _tone(linear: Floats, contrast: float) -> Floats:
    knee = np.where(linear > 0.72, 0.72 + 0.28 * (1 - np.exp(-(linear - 0.72) / 0.28)), linear)
    encoded = np.clip(knee, 0, 1) ** (1 / 2.2)
    curved = encoded + contrast * encoded * (1 - encoded) * (encoded - 0.45) * 2
    return np.asarray(curved, np.float32)


def _to_bytes(picture: Floats) -> Picture:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def expose_visible(
    random: np.random.Generator, radiance: Floats, scene: Scene, occasion: Occasion
) -> Picture:
    """RGB picture (H, W, 3) of visible radiance (H, W, 3)."""
    camera = np.random.default_rng([scene.camera, 71])
    balance = camera.uniform(0.93, 1.07, 3) * np.array([1.0, 1.0, 1.0])
    if scene.light == "street":
        balance = balance * np.array([0.85, 1.0, 1.35])
    luminance = radiance @ single([0.3, 0.55, 0.15])
    mean = float(np.minimum(luminance, 1.5 * np.median(luminance) + 0.5).mean())
    most = 4.0 if scene.light in ("street", "dusk") else 3.5
    gain = (
        min(0.20 / max(mean, 1e-4), most)
        * float(random.uniform(0.8, 1.3))
        * occasion.exposure_fault
    )
    if scene.light == "glare":
        gain = max(gain, 1.2) * float(random.uniform(1.0, 2.2))
    light = radiance * balance.astype(np.float32) * gain
    spill = np.clip(light - 0.9, 0, 12)
    strong = scene.light == "glare"
    light = (
        light
        + (0.06 + 0.08 * strong) * blur(spill, 3.0)
        + (0.04 + 0.26 * strong) * blur(spill, 16.0)
    )
    if strong:
        light = light + 1.4 * blur(np.clip(spill - 2.5, 0, 12), 45.0)
    light = blur(light, float(camera.uniform(0.35, 0.7)))
    dim = scene.light in ("street", "dark", "dusk", "glare")
    level = (0.010 if dim else 0.003) * float(random.uniform(0.7, 1.5))
    height, width = light.shape[:2]
    chroma = blur(random.normal(0, 1, (height, width, 3)).astype(np.float32), 0.7) * 2.0
    light = light + level * chroma * np.sqrt(np.clip(light, 0.02, 1) * 4 + 0.1)
    return _to_bytes(_tone(light, float(camera.uniform(0.2, 0.8))))


def expose_infrared(
    random: np.random.Generator, radiance: Floats, scene: Scene, occasion: Occasion
) -> Picture:
    """NIR picture (H, W, 3) with three equal channels of NIR radiance (H, W)."""
    camera = np.random.default_rng([scene.camera, 73])
    mean = float(np.minimum(radiance, 1.5 * np.median(radiance) + 0.5).mean())
    gain = (
        min(0.17 / max(mean, 1e-4), 2.2) * float(random.uniform(0.8, 1.3)) * occasion.infrared_fault
    )
    light = radiance * gain
    spill = np.clip(light - 0.9, 0, 10)
    light = light + 0.08 * blur(spill, 3.0) + 0.05 * blur(spill, 14.0)
    height, width = light.shape
    rows = np.linspace(-1, 1, height)[:, None]
    columns = np.linspace(-1, 1, width)[None, :]
    light = light * (1 - 0.22 * (rows**2 + columns**2) / 2)
    light = blur(light.astype(np.float32), float(camera.uniform(0.6, 1.0)))
    level = (0.006 if scene.lamp_infrared else 0.003) * float(random.uniform(0.7, 1.6))
    grain = blur(random.normal(0, 1, (height, width)).astype(np.float32), 0.6) * 1.8
    light = light + level * grain * np.sqrt(np.clip(light, 0.02, 1) * 4 + 0.1)
    grey = _to_bytes(_tone(light, float(camera.uniform(0.5, 1.0))))
    return np.repeat(grey[..., None], 3, axis=2)


def thermal_levels(random: np.random.Generator, degrees: Floats, scene: Scene) -> Picture:
    """8-bit thermal levels (H, W) of apparent temperatures (H, W), scaled to this picture."""
    height, width = degrees.shape
    soft = blur(degrees, 1.0)
    coarse = soft[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2)
    small = coarse.mean(axis=(1, 3))
    camera = np.random.default_rng([scene.camera, 79, small.shape[0], small.shape[1]])
    fixed = camera.normal(0, 0.10, (1, small.shape[1])) + camera.normal(0, 0.07, small.shape)
    small = small + fixed + random.normal(0, 0.09, small.shape)
    grown = _grow(small.astype(np.float32), height, width)
    low, high = np.percentile(grown, [1.5 + 2 * random.random(), 99.2 - 1.5 * random.random()])
    middle, span = (low + high) / 2, max(float(high - low), 3.5)
    span = span * float(random.uniform(0.92, 1.15))
    if random.random() < 0.05:
        middle += span * float(random.choice([-0.35, 0.35]))
    return _to_bytes((grown - middle) / span + 0.5)


def _grow(small: Floats, height: int, width: int) -> Floats:
    def matrix(target: int, source: int) -> Floats:
        place = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        low = np.minimum(place.astype(int), source - 2)
        table = np.zeros((target, source), np.float32)
        table[np.arange(target), low] = 1 - (place - low)
        table[np.arange(target), low + 1] = place - low
        return table

    grown: Floats = matrix(height, small.shape[0]) @ small @ matrix(width, small.shape[1]).T
    return grown


def expose_thermal(random: np.random.Generator, degrees: Floats, scene: Scene) -> Picture:
    """Palette picture (H, W, 3) of apparent temperatures (H, W)."""
    return grey_to_palette(thermal_levels(random, degrees, scene), PALETTE)
