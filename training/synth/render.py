"""One aligned triplet of a vehicle: visible, near infrared and thermal pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from training.synth.design import Design
from training.synth.environment import Surroundings, build_surroundings
from training.synth.foreground import draw_foreground
from training.synth.heat import temperatures
from training.synth.materials import MaterialTable
from training.synth.mesh import Floats
from training.synth.raycast import Caster, cast_view
from training.synth.scene import Occasion, Scene
from training.synth.sensor import (
    Picture,
    expose_infrared,
    expose_thermal,
    expose_visible,
    shift,
)
from training.synth.shading import light_up, shade
from training.synth.vehicle import build_vehicle
from training.synth.view import draw_view

_SAMPLES = 2


@dataclass(frozen=True)
class Triplet:
    """Three pictures (H, W, 3) uint8 of one moment."""

    visible: Picture
    infrared: Picture
    thermal: Picture


@lru_cache(maxsize=48)
def _surroundings(scene: Scene) -> Surroundings:
    return build_surroundings(scene)


class Studio:
    """Renders views of one vehicle; its mesh is built once."""

    def __init__(self, design: Design) -> None:
        self.design = design
        mesh, self._profile = build_vehicle(design)
        self._caster = Caster(mesh)
        self._table = MaterialTable(design)

    def triplet(
        self,
        random: np.random.Generator,
        scene: Scene,
        occasion: Occasion,
        direction: int,
        height: int,
        width: int,
    ) -> Triplet:
        """A triplet from one of eight directions, height x width pixels."""
        # Separate streams keep one spectrum's draws from moving another's.
        streams = random.spawn(5)
        view = draw_view(streams[0], direction, self._caster.mesh.vertices, width / height)
        tall, wide = height * _SAMPLES, width * _SAMPLES
        buffer = cast_view(
            self._caster, self.design, self._profile, view.eye, view.rays(tall, wide)
        )
        light = light_up(buffer, self._caster, scene, occasion, self.design)
        surroundings = _surroundings(scene)
        parts = (light, scene, occasion, self.design, self._table, surroundings)
        flat_visible, flat_infrared = shade(buffer, *parts)
        degrees = temperatures(buffer, *parts).reshape(tall, wide)
        visible = _pool(np.minimum(flat_visible, 20).reshape(tall, wide, 3))
        infrared = _pool(np.minimum(flat_infrared, 20).reshape(tall, wide, 1))[..., 0]
        heat = _pool(degrees[..., None])[..., 0]
        for layer in draw_foreground(streams[1], scene, height, width):
            clear = 1 - layer.opacity
            visible = visible * clear[..., None] + layer.visible * layer.opacity[..., None]
            infrared = infrared * clear + layer.infrared * layer.opacity
            heat = heat * clear + layer.temperature * layer.opacity
        reach = max(1, round(width / 100))
        offsets = streams[1].integers(-reach, reach + 1, (2, 2))
        return Triplet(
            expose_visible(streams[2], visible, scene, occasion),
            expose_infrared(streams[3], shift(infrared, *map(int, offsets[0])), scene, occasion),
            expose_thermal(streams[4], shift(heat, *map(int, offsets[1])), scene),
        )


def _pool(image: Floats) -> Floats:
    tall, wide, channels = image.shape
    blocks = image.reshape(tall // _SAMPLES, _SAMPLES, wide // _SAMPLES, _SAMPLES, channels)
    pooled: Floats = blocks.mean(axis=(1, 3), dtype=np.float32)
    return pooled
