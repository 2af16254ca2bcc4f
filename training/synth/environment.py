"""What surrounds the vehicle: sky, trees, buildings and the ground, in all three spectra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from training.synth.mesh import Floats, single
from training.synth.scene import Scene

_AZIMUTHS, _LEVELS = 2048, 256
_TOP, _BOTTOM = 1.0, -0.12


@lru_cache(maxsize=8)
def smooth_noise(seed: int, rows: int, columns: int, octaves: tuple[int, ...]) -> Floats:
    """Periodic noise (rows, columns) of mean 0, deviation 1; octaves in cycles per rows pixels."""
    random = np.random.default_rng([seed, 5])
    total = np.zeros((rows, columns))
    for octave, cycles in enumerate(octaves):
        frequency_rows = np.fft.fftfreq(rows)[:, None] * rows
        frequency_columns = np.fft.rfftfreq(columns)[None, :] * rows
        radius = np.hypot(frequency_rows, frequency_columns)
        band = np.exp(-(((radius - cycles) / (0.5 * cycles)) ** 2))
        layer = np.fft.irfft2(
            np.fft.rfft2(random.normal(size=(rows, columns))) * band, (rows, columns)
        )
        total += layer / max(float(layer.std()), 1e-9) * 0.6**octave
    noise: Floats = (total / total.std()).astype(np.float32)
    noise.setflags(write=False)
    return noise


def _skyline(random: np.random.Generator, slowest: int, fastest: int) -> Floats:
    """Periodic curve over azimuth of deviation 1, its waves between two counts per turn."""
    turn = np.linspace(0, 2 * np.pi, _AZIMUTHS, endpoint=False)
    counts = random.integers(slowest, fastest + 1, 9)
    curve = sum(np.sin(count * turn + random.uniform(0, 6.3)) for count in counts)
    return np.asarray(curve / np.std(curve), np.float32)


@dataclass(frozen=True)
class Surroundings:
    """Panorama by azimuth and height: visible (L, A, 3), infrared (L, A), temperature (L, A)."""

    visible: Floats
    infrared: Floats
    temperature: Floats

    def look(self, directions: Floats, heading: float) -> tuple[Floats, Floats, Floats]:
        """Visible (N, 3), NIR (N,) radiance and degrees (N,) along unit directions (N, 3)."""
        azimuth = np.arctan2(directions[:, 1], directions[:, 0]) + heading
        column = (azimuth * (_AZIMUTHS / (2 * np.pi))).astype(np.int32) % _AZIMUTHS
        share = (np.clip(directions[:, 2], _BOTTOM, _TOP) - _BOTTOM) / (_TOP - _BOTTOM)
        row = (np.sqrt(share) * (_LEVELS - 1)).astype(np.int32)
        return self.visible[row, column], self.infrared[row, column], self.temperature[row, column]


def build_surroundings(scene: Scene) -> Surroundings:
    """The panorama of a scene."""
    random = np.random.default_rng([scene.surroundings, 3])
    level = (np.linspace(0, 1, _LEVELS) ** 2 * (_TOP - _BOTTOM) + _BOTTOM)[:, None].astype(
        np.float32
    )
    noise = smooth_noise(scene.surroundings % 1009, _LEVELS, _AZIMUTHS, (5, 14, 40))
    rough = smooth_noise(scene.surroundings % 1013 + 1, _LEVELS, _AZIMUTHS, (20, 45, 90))
    sky_visible = np.asarray(scene.sky_visible, np.float32)
    rise = np.clip(level, 0, 1)[..., None]
    pale = single([1.15, 1.05, 0.92]) if scene.light in ("sun", "dusk") else single([1, 1, 1])
    visible = sky_visible * (pale * (1 - rise) * 1.5 + rise * 0.75)
    visible = np.broadcast_to(visible, (_LEVELS, _AZIMUTHS, 3)).copy()
    cloud = np.clip(noise * 0.5 + 0.2, 0, 1)[..., None] * np.clip(rise * 4, 0, 1)
    brightness = float(sky_visible.mean())
    visible = visible * (1 - 0.5 * cloud) + cloud * 0.5 * brightness * 1.9
    infrared = (
        scene.sky_infrared * (1.1 - 0.6 * rise[..., 0]) + 0.5 * scene.sky_infrared * cloud[..., 0]
    )
    temperature = (
        scene.air
        - 3
        + (scene.sky_temperature - scene.air + 3) * np.clip(rise[..., 0], 0.02, 1) ** 0.45
    )
    temperature = temperature + 3.0 * cloud[..., 0]
    azimuth = np.arange(_AZIMUTHS)
    sunlit = np.asarray(scene.sun_visible, np.float32) * 0.45 + sky_visible * 0.8
    sunlit_infrared = (
        scene.sun_infrared * 0.45 + scene.sky_infrared * 0.8 + 0.10 * scene.lamp_infrared
    )
    if scene.backdrop != 1:
        edges = np.sort(random.integers(0, _AZIMUTHS, 14))
        blocks = np.searchsorted(edges, azimuth)
        heights = random.uniform(0.08, 0.42, 16)[blocks]
        walls = random.uniform(0.12, 0.5, 16)[blocks]
        tints = random.uniform(0.8, 1.15, (16, 3))[blocks]
        wall = level < heights[None, :]
        windows = ((azimuth % 26) > 13)[None, :] & ((np.arange(_LEVELS) % 14) > 6)[:, None]
        windows = windows & (walls > 0.2)[None, :]
        stain = np.clip(1 + 0.06 * rough + 0.10 * noise, 0.4, 1.5)
        shade = (walls[None, :] * stain * np.where(windows, 0.4, 1.0))[..., None]
        lit = random.random((_LEVELS // 14 + 1, _AZIMUTHS // 26 + 1)) < 0.2
        glow = lit[(np.arange(_LEVELS) // 14)[:, None], (azimuth // 26)[None, :]] & windows
        front = (shade * tints[None] * sunlit * 0.8).astype(np.float32)
        if scene.light in ("street", "dark", "dusk", "glare"):
            front = front + glow[..., None] * single([0.35, 0.27, 0.15])
        visible = np.where(wall[..., None], front, visible)
        infrared = np.where(wall, shade[..., 0] * sunlit_infrared * 0.8, infrared)
        warm = (
            scene.air
            + 0.35 * scene.ground_heat
            + 5 * (walls[None, :] - 0.3)
            + np.where(windows, -3, 0)
        )
        temperature = np.where(wall, warm, temperature)
    if scene.backdrop != 2:
        base = random.uniform(0.02, 0.3)
        crown = base + 0.07 * _skyline(random, 12, 50) + 0.03 * _skyline(random, 60, 160)
        crown = crown[None, :] + 0.018 * rough
        gaps = _skyline(random, 3, 20) > random.uniform(-1.6, 0.2)
        tree = (level < crown) & gaps[None, :]
        leaf = np.clip(0.6 + 0.32 * rough + 0.25 * noise, 0.1, 1.7)[..., None]
        season = single(
            [[0.05, 0.10, 0.025], [0.07, 0.09, 0.02], [0.04, 0.08, 0.03]][int(random.integers(3))]
        )
        visible = np.where(tree[..., None], leaf * season * sunlit, visible)
        infrared = np.where(tree, leaf[..., 0] * 0.5 * sunlit_infrared, infrared)
        temperature = np.where(tree, scene.air - 0.5 + 1.2 * rough, temperature)
    under = level < 0.0
    asphalt = sunlit * 0.16
    visible = np.where(under[..., None], asphalt, visible)
    infrared = np.where(under, 0.2 * sunlit_infrared, infrared)
    temperature = np.where(under, scene.air + scene.ground_heat, temperature)
    return Surroundings(
        visible.astype(np.float32),
        np.asarray(infrared, np.float32),
        np.asarray(temperature, np.float32),
    )


@dataclass(frozen=True)
class Ground:
    """Ground samples: visible albedo (N, 3), NIR albedo (N,), degrees above air (N,), wet (N,)."""

    visible: Floats
    infrared: Floats
    heat: Floats
    wet: Floats


def ground_at(scene: Scene, points: Floats, heading: float) -> Ground:
    """The ground's constants under points (N, 3) on z = 0; the road runs along the heading."""
    noise = smooth_noise(31, 256, 256, (14, 40, 100))
    patches = smooth_noise(37, 256, 256, (3, 7))
    lane = np.cos(heading) * 1.5
    column = (points[:, 0] * 48).astype(np.int32) % 256
    row = (points[:, 1] * 48).astype(np.int32) % 256
    fade = 1 / (1 + (np.hypot(points[:, 0], points[:, 1]) / 11) ** 2)
    grain = noise[row, column] * fade
    patch = patches[
        (points[:, 1] * 14).astype(np.int32) % 256, (points[:, 0] * 14).astype(np.int32) % 256
    ]
    grey = np.clip(0.13 + 0.02 * grain + 0.022 * patch, 0.03, 0.4)
    visible = grey[:, None] * single([1.0, 0.99, 0.96])
    infrared = grey * 1.25
    heat = scene.ground_heat * (1 + 0.06 * patch) + 0.25 * grain
    y = points[:, 1] + lane
    line = np.abs(np.abs(y) - scene.markings - 0.6) < 0.06
    line |= (np.abs(y + scene.markings * 1.9) < 0.06) & ((points[:, 0] % 4.0) < 2.2)
    line &= grain > -1.2
    visible = np.where(line[:, None], single([0.5, 0.5, 0.48]), visible)
    infrared = np.where(line, 0.55, infrared)
    heat = np.where(line, heat - 0.12 * scene.ground_heat, heat)
    verge = y > scene.verge + 1.2
    blade = np.clip(0.7 + 0.22 * grain + 0.25 * patch, 0.15, 1.6)
    dry = np.clip(0.5 + 0.5 * patches[row, column], 0, 1)[:, None]
    grass = single([0.05, 0.08, 0.025]) * (1 - dry) + single([0.13, 0.12, 0.06]) * dry
    visible = np.where(verge[:, None], blade[:, None] * grass, visible)
    infrared = np.where(verge, blade * 0.48, infrared)
    heat = np.where(verge, 0.3 + 0.15 * scene.ground_heat + 0.4 * grain, heat)
    kerb = np.abs(y - scene.verge - 1.1) < 0.12
    visible = np.where(kerb[:, None], 0.3 + 0.02 * grain[:, None], visible)
    infrared = np.where(kerb, 0.34, infrared)
    wet = np.where(verge, 0.0, scene.wetness * np.clip(0.7 + 0.4 * patch, 0.1, 1.0)).astype(
        np.float32
    )
    darker = 1 - 0.45 * wet
    return Ground(
        (visible * darker[:, None]).astype(np.float32),
        (infrared * darker).astype(np.float32),
        heat.astype(np.float32),
        wet,
    )
