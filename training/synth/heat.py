"""Apparent temperatures: a small heat model that knows neither paint nor lettering."""

from __future__ import annotations

import numpy as np

from training.synth.design import Design
from training.synth.environment import Surroundings
from training.synth.materials import Material, MaterialTable
from training.synth.mesh import Floats
from training.synth.raycast import Buffer
from training.synth.scene import Occasion, Scene
from training.synth.shading import Light, contact_shade

_SKIN = (Material.PAINT, Material.SECOND_PAINT, Material.STICKER, Material.LOGO)


def _bump(distance: Floats, width: float) -> Floats:
    bump: Floats = np.exp(-((distance / width) ** 2)).astype(np.float32)
    return bump


def _structure(design: Design, along: Floats, height: Floats) -> Floats:
    """Identity's inner panels as degrees: beams and insulation behind the skin."""
    share = along / design.length
    pattern = np.zeros(len(along), np.float32)
    for order, weight in enumerate(design.insulation[:6]):
        pattern += weight * np.cos(2 * np.pi * (order + 1) * share + order)
    beam = design.clearance + (0.35 + 0.1 * design.insulation[6]) * (design.belt - design.clearance)
    pattern += design.insulation[7] * 1.5 * _bump(height - beam, 0.09)
    return pattern * 0.35


def temperatures(
    buffer: Buffer,
    light: Light,
    scene: Scene,
    occasion: Occasion,
    design: Design,
    table: MaterialTable,
    surroundings: Surroundings,
) -> Floats:
    """Apparent temperature (P,) of the pixels in degrees Celsius."""
    out = np.empty(len(buffer.directions), np.float32)
    _, _, far = surroundings.look(buffer.directions[buffer.sky], occasion.heading)
    out[buffer.sky] = far
    out[buffer.ground] = _ground(buffer, light, scene, occasion, design)

    material, points, normals = buffer.material, buffer.points, buffer.normals
    along, height = buffer.along, points[:, 2]
    clear = np.clip((scene.air - scene.sky_temperature) / 30.0, 0.1, 1.4)
    sun = np.clip(normals @ light.direction, 0, 1) * (0.25 + 0.75 * light.on_vehicle)
    up = np.clip(normals[:, 2], 0, 1)
    heat = table.sun_load[material] * scene.sun_heat * (sun + 0.18)
    heat = heat - 6.0 * clear * up * (scene.sun_heat < 8)
    side = np.clip(1 - height / 0.9, 0, 1) * (1 - up)
    heat = heat + 0.35 * scene.ground_heat * side
    skin = np.isin(material, _SKIN)
    heat = heat + _structure(design, along, height) * skin

    end = -1.0 if design.rear_engine else 1.0
    bay = end * (design.length / 2 - 0.18 * min(design.length, 5.0))
    engine = occasion.engine_heat
    bonnet = _bump(along - bay, 0.62) * _bump(points[:, 1] - 0.15 * design.insulation[8], 0.75)
    heat = heat + engine * 19.0 * bonnet * (0.35 + 0.65 * up)
    nose = end * along > design.length / 2 - 0.45
    heat = heat + engine * 5.0 * nose * (normals[:, 0] * end > 0.3)
    grille = (material == Material.GRILLE) & nose
    heat = heat + np.where(grille, 20.0 * engine, 0.0)
    pipe_y = design.exhaust_side * design.width * 0.31
    tail = np.hypot(along + design.length / 2, (points[:, 1] - pipe_y) * 1.4)
    heat = heat + engine * 11.0 * _bump(np.hypot(tail, height - design.clearance - 0.1), 0.4)
    wheels = occasion.wheel_heat
    heat = heat + np.where(material == Material.EXHAUST, 45.0 * engine, 0.0)
    heat = heat + np.where(material == Material.BRAKE, 24.0 * wheels, 0.0)
    heat = heat + np.where(material == Material.RIM, 9.0 * wheels, 0.0)
    heat = heat + np.where(material == Material.TYRE, 13.0 * wheels + 0.3 * scene.ground_heat, 0.0)
    heat = heat + np.where(
        material == Material.UNDERBODY, 6.0 * engine + 0.4 * scene.ground_heat, 0.0
    )
    heat = heat + np.where(material == Material.SEAM, 1.6 + 1.5 * engine, 0.0)
    for kind, offset in (
        (Material.HANDLE, 1.6), (Material.RUBBER, 1.2), (Material.CHROME, -1.0),
        (Material.PLATE, -1.6), (Material.PLATE_TEXT, -1.6), (Material.PLASTIC, 0.8),
    ):  # fmt: skip
        heat = heat + np.where(material == kind, offset, 0.0)
    glass = material == Material.GLASS
    warm_cabin = 6.0 * occasion.cabin_heat + 0.35 * scene.sun_heat
    edge = 1 - np.exp(-np.clip(buffer.margin, 0, 1) / 0.05)
    heat = np.where(
        glass,
        warm_cabin * (0.6 + 0.4 * edge) + 0.25 * heat - 2.0 * clear * (scene.sun_heat < 8),
        heat,
    )
    if occasion.lamps_infrared:
        heat = heat + np.where(material == Material.HEADLAMP, 6.0, 0.0)

    view = buffer.directions[buffer.vehicle]
    cosine = np.clip(-np.einsum("ij,ij->i", view, normals), 0, 1)
    mirrored = view + 2 * cosine[:, None] * normals
    _, _, reflected = surroundings.look(mirrored, occasion.heading)
    mirror = 1 - table.emissivity[material]
    mirror = mirror + (1 - mirror) * 0.6 * (1 - cosine) ** 4
    own = scene.air + heat
    seen = own * (1 - mirror) + reflected * mirror
    body = float(np.median(seen)) if len(seen) else scene.air
    seen = seen + (body - seen) * occasion.crossover
    out[buffer.vehicle] = seen
    if occasion.crossover:
        out += (body - out) * occasion.crossover * 0.6
    return out


def _ground(
    buffer: Buffer, light: Light, scene: Scene, occasion: Occasion, design: Design
) -> Floats:
    points = buffer.ground_points
    shade = contact_shade(design, points)
    heat = light.ground.heat + scene.sun_heat * 0.45 * (0.35 + 0.65 * light.on_ground)
    cooled = np.where(shade < 0.5, heat * 0.65 + 1.0, heat)
    under = _bump(points[:, 0] - 0.3 * design.length * (-1 if design.rear_engine else 1), 0.8)
    under = under * _bump(points[:, 1], 0.7)
    warm: Floats = (
        scene.air + cooled + 7.0 * occasion.engine_heat * under - 3.0 * light.ground.wet
    ).astype(np.float32)
    return warm
