"""Radiance in the visible and the near infrared from one geometry buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.synth.design import Design
from training.synth.environment import Ground, Surroundings, ground_at
from training.synth.materials import Material, MaterialTable
from training.synth.mesh import Floats, single
from training.synth.raycast import Buffer, Caster
from training.synth.scene import Occasion, Scene

_SUN_AZIMUTH = 0.7
_LAMP_REFERENCE = 8.0


@dataclass(frozen=True)
class Light:
    """Sun or street lamp seen from the vehicle: unit direction (3,), shadow shares per pixel."""

    direction: Floats
    on_vehicle: Floats
    on_ground: Floats
    ground: Ground


def light_up(
    buffer: Buffer, caster: Caster, scene: Scene, occasion: Occasion, design: Design
) -> Light:
    """Direct light of a view: shadow rays toward the scene's single strong source."""
    azimuth = _SUN_AZIMUTH - occasion.heading
    flat = np.cos(scene.sun_elevation)
    direction = np.array(
        [flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(scene.sun_elevation)], np.float32
    )
    on_vehicle = np.zeros(len(buffer.vehicle), np.float32)
    on_ground = np.ones(len(buffer.ground), np.float32)
    if max(scene.sun_visible) > 0.02 or scene.sun_heat > 1:
        lit = np.flatnonzero(buffer.normals @ direction > 0)
        starts = buffer.points[lit] + buffer.normals[lit] * 0.02
        on_vehicle[lit] = ~caster.blocked(starts, np.broadcast_to(direction, starts.shape).copy())
        reach = design.length * 0.5 + design.height * 2.2
        close = np.flatnonzero(np.abs(buffer.ground_points[:, :2]).max(axis=1) < reach)
        starts = buffer.ground_points[close] + single([0, 0, 0.01])
        on_ground[close] = ~caster.blocked(starts, np.broadcast_to(direction, starts.shape).copy())
    return Light(
        direction, on_vehicle, on_ground, ground_at(scene, buffer.ground_points, occasion.heading)
    )


def contact_shade(design: Design, points: Floats) -> Floats:
    """Share (G,) of the sky that ground points (G, 3) still see beside and below the vehicle."""
    beyond_x = np.maximum(np.abs(points[:, 0]) - design.length * 0.46, 0)
    beyond_y = np.maximum(np.abs(points[:, 1]) - design.width * 0.42, 0)
    away = np.hypot(beyond_x, beyond_y) / 0.7
    shade: Floats = (1.0 - 0.88 * np.exp(-away * 1.6)).astype(np.float32)
    return shade


def _reflect(directions: Floats, normals: Floats) -> tuple[Floats, Floats]:
    cosine = -np.einsum("ij,ij->i", directions, normals)
    mirrored = directions + 2 * cosine[:, None] * normals
    return mirrored, np.clip(cosine, 0, 1)


def fresnel(base: Floats, cosine: Floats) -> Floats:
    """Mirror share (N,) at cosine (N,) of the angle to the normal; base at normal incidence."""
    share: Floats = base + (1 - base) * (1 - cosine) ** 5
    return share


def _sky_share(buffer: Buffer) -> tuple[Floats, Floats]:
    up = 0.5 + 0.5 * buffer.normals[:, 2]
    low = np.clip(0.25 + buffer.points[:, 2] / 0.7, 0.25, 1.0)
    return (up * low).astype(np.float32), ((1 - up) * low).astype(np.float32)


def _cabin(design: Design, points: Floats, directions: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Whether a ray through a window leaves by the far side, and the cabin's grey (N,)."""
    sign = np.sign(directions[:, 1]) + (directions[:, 1] == 0)
    speed = np.maximum(np.abs(directions[:, 1]), 1e-3)
    wall = design.width * 0.40
    travel = (wall - sign * points[:, 1]) / speed
    height = points[:, 2] + directions[:, 2] * travel
    along = points[:, 0] + directions[:, 0] * travel
    front = design.length * (0.5 - design.roof_front) + 0.2
    rear = design.length * (0.5 - design.roof_rear) + 0.1
    out = (
        (height > design.belt + 0.06)
        & (height < design.height - 0.14)
        & (along < front)
        & (along > rear)
    )
    grey = np.full(len(points), 0.035, np.float32)
    for lane in (0.36, -0.36):
        offset = (lane - points[:, 1]) / np.where(
            np.abs(directions[:, 1]) < 1e-3, 1e-3, directions[:, 1]
        )
        x, z = points[:, 0] + directions[:, 0] * offset, points[:, 2] + directions[:, 2] * offset
        for seat in (front - 0.75, front - 1.65):
            rest = ((x - seat) / 0.12) ** 4 + ((z - design.belt - 0.12) / 0.13) ** 4 < 1
            seatback = (np.abs(x - seat) < 0.1) & (z < design.belt + 0.02)
            seen = (offset > 0) & (rest | seatback) & (seat > rear)
            out &= ~seen
            grey[seen] = 0.10
    return out, grey


def shade(
    buffer: Buffer,
    light: Light,
    scene: Scene,
    occasion: Occasion,
    design: Design,
    table: MaterialTable,
    surroundings: Surroundings,
) -> tuple[Floats, Floats]:
    """Linear radiance of the pixels: visible (P, 3) and NIR (P,)."""
    count = len(buffer.directions)
    visible = np.zeros((count, 3), np.float32)
    infrared = np.zeros(count, np.float32)
    sun = np.asarray(scene.sun_visible, np.float32)
    sky = np.asarray(scene.sky_visible, np.float32)
    look_v, look_n, _ = surroundings.look(buffer.directions[buffer.sky], occasion.heading)
    visible[buffer.sky], infrared[buffer.sky] = look_v, look_n
    _shade_ground(buffer, light, scene, occasion, design, surroundings, visible, infrared)

    material = buffer.material
    view = buffer.directions[buffer.vehicle]
    mirrored, cosine = _reflect(view, buffer.normals)
    mirror_v, mirror_n, _ = surroundings.look(mirrored, occasion.heading)
    mirror = table.mirror[material]
    gloss = np.where(mirror >= 0.04, 1.0, 0.25).astype(np.float32)
    share = fresnel(mirror, cosine) * gloss
    below = np.clip(1 + mirrored[:, 2] * 3, 0.35, 1) * np.clip(0.4 + buffer.points[:, 2], 0.4, 1)
    share = share * np.where(mirrored[:, 2] < 0, below, 1).astype(np.float32)
    up, down = _sky_share(buffer)
    facing_sun = np.clip(buffer.normals @ light.direction, 0, 1) * light.on_vehicle
    bounce_v = (sun * np.sin(scene.sun_elevation) * 0.16 + sky * 0.13).astype(np.float32)
    bounce_n = scene.sun_infrared * 0.15 + scene.sky_infrared * 0.16
    light_v = facing_sun[:, None] * sun + up[:, None] * sky + down[:, None] * bounce_v
    light_n = facing_sun * scene.sun_infrared + up * scene.sky_infrared + down * bounce_n
    fall = (_LAMP_REFERENCE / np.maximum(buffer.distance, 1.5)) ** 2
    lamp = scene.lamp_infrared * fall
    light_n = light_n + lamp * cosine

    albedo_v, albedo_n = table.visible[material], table.infrared[material]
    metal = table.metallic[material]
    flake = 1 + metal * (1.1 * cosine**2 - 0.55)
    body_v = albedo_v * (light_v * flake[:, None])
    body_n = albedo_n * (light_n * flake)
    glass = np.flatnonzero(material == Material.GLASS)
    if len(glass):
        through, grey = _cabin(design, buffer.points[glass], view[glass])
        behind_v, behind_n, _ = surroundings.look(view[glass], occasion.heading)
        clear_v, clear_n = design.tint, 0.35 + 0.65 * design.tint
        interior = (0.5 * sky + 0.12 * sun * 0.5)[None, :] * grey[:, None]
        body_v[glass] = np.where(through[:, None], behind_v * clear_v**2, interior * clear_v)
        inside_n = (
            grey * 2.0 * (0.5 * scene.sky_infrared + 0.1 * scene.sun_infrared + 0.5 * lamp[glass])
        )
        body_n[glass] = np.where(through, behind_n * clear_n**2, inside_n * clear_n)
    tint_v = np.where(
        (material == Material.CHROME)[:, None] | (material == Material.RIM)[:, None], 0.9, 1.0
    )
    out_v = body_v * (1 - share[:, None] * 0.6) + share[:, None] * mirror_v * tint_v
    out_n = body_n * (1 - share * 0.6) + share * mirror_n
    glint = np.clip(mirrored @ light.direction, 0, 1)
    window = np.where(material == Material.GLASS, 0.15, 1.0)
    sharp = glint**1200 * 9 * gloss * window + metal * glint**18 * 0.25 * (0.3 + albedo_n)
    out_v += (sharp * light.on_vehicle)[:, None] * sun
    out_n += sharp * light.on_vehicle * scene.sun_infrared
    retro = np.zeros(len(material), np.float32)
    for kind, gain in ((Material.PLATE, 5.0), (Material.PLATE_TEXT, 4.6), (Material.TAILLAMP, 1.0),
                       (Material.HEADLAMP, 1.1), (Material.AMBER, 0.9)):  # fmt: skip
        retro[material == kind] = gain
    out_n += retro * lamp * np.clip(cosine * 1.5, 0, 1) * 0.5
    out_n += gloss * lamp * np.clip(cosine, 0, 1) ** 300 * 2.0
    _switch_on(occasion, scene, material, cosine, out_v, out_n)
    visible[buffer.vehicle] = out_v
    infrared[buffer.vehicle] = out_n
    return visible, infrared


def _switch_on(
    occasion: Occasion,
    scene: Scene,
    material: NDArray[np.int8],
    cosine: Floats,
    visible: Floats,
    infrared: Floats,
) -> None:
    front, tail = material == Material.HEADLAMP, material == Material.TAILLAMP
    strength = 16.0 if scene.light == "glare" else 5.0
    beam = (0.25 + 0.75 * cosine**2) * strength
    if occasion.lamps_visible:
        visible[front] += beam[front, None] * single([1.0, 0.93, 0.78])
        visible[tail] += single([0.9, 0.05, 0.03]) * (0.5 + 0.5 * cosine[tail, None])
    if occasion.lamps_infrared:
        infrared[front] += beam[front]
        infrared[tail] += 0.5 * (0.5 + 0.5 * cosine[tail])


def _shade_ground(
    buffer: Buffer,
    light: Light,
    scene: Scene,
    occasion: Occasion,
    design: Design,
    surroundings: Surroundings,
    visible: Floats,
    infrared: Floats,
) -> None:
    points, ground = buffer.ground_points, light.ground
    sky = np.asarray(scene.sky_visible, np.float32)
    sun = np.asarray(scene.sun_visible, np.float32)
    open_sky = contact_shade(design, points)
    level = np.sin(scene.sun_elevation)
    direct = light.on_ground * level
    away = np.linalg.norm(points - buffer.eye, axis=1)
    slant = np.clip(buffer.eye[2] / np.maximum(away, 0.5), 0.05, 1)
    lamp = scene.lamp_infrared * (_LAMP_REFERENCE / np.maximum(away, 2.0)) ** 2 * slant
    out_v = ground.visible * (direct[:, None] * sun + open_sky[:, None] * sky)
    out_n = ground.infrared * (direct * scene.sun_infrared + open_sky * scene.sky_infrared + lamp)
    view = buffer.directions[buffer.ground]
    mirrored = view * single([1, 1, -1])
    mirror_v, mirror_n, _ = surroundings.look(mirrored, occasion.heading)
    share = fresnel(np.float32(0.03) * np.ones(len(points), np.float32), slant.astype(np.float32))
    share = share * (0.12 + 0.7 * ground.wet) * open_sky
    visible[buffer.ground] = out_v * (1 - share[:, None]) + share[:, None] * mirror_v
    infrared[buffer.ground] = out_n * (1 - share) + share * mirror_n
