"""Which material a surface point has: windows, lamps, grille, seams, wheels, paint schemes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.synth.body import Profile
from training.synth.design import Design
from training.synth.materials import Material, as_materials
from training.synth.mesh import Floats, Integers, Part
from training.synth.windows import Mask, pillars, window_areas

Labels = NDArray[np.int8]


def oval(across: Floats, up: Floats, half_across: float, half_up: float, power: float = 4) -> Mask:
    """Points inside a superellipse centred on zero."""
    inside: Mask = (np.abs(across) / half_across) ** power + (np.abs(up) / half_up) ** power < 1
    return inside


def mark_wheels(design: Design, points: Floats) -> Labels:
    """Materials (N,) of wheel points (N, 3): tyre, rim, spokes, gaps that show the brake."""
    near_front = np.abs(points[:, 0] - design.front_axle) < np.abs(points[:, 0] - design.rear_axle)
    axle = np.where(near_front, design.front_axle, design.rear_axle)
    dx, dz = points[:, 0] - axle, points[:, 2] - design.wheel_radius
    distance = np.hypot(dx, dz)
    rim = design.wheel_radius * design.rim_share
    materials = as_materials(len(points), Material.TYRE)
    outer = np.abs(points[:, 1]) > design.width / 2 - 0.12
    angle = np.arctan2(dz, dx)
    phase = np.abs(((angle * design.spokes / (2 * np.pi)) % 1.0) - 0.5) * 2
    if design.hubcap == 0:
        spoke = phase < design.spoke_width * (0.7 + 0.5 * (1 - distance / rim))
    elif design.hubcap == 1:
        twin = np.abs(phase - 0.45)
        spoke = twin < design.spoke_width * 0.45
    else:
        spoke = ~oval(phase, distance - rim * 0.66, 0.5, rim * 0.2, 2)
    materials[(distance < rim) & outer] = Material.BRAKE
    materials[(distance < rim) & outer & spoke] = Material.RIM
    materials[(distance < rim) & outer & (distance > rim - 0.022)] = Material.RIM
    materials[(distance < 0.065) & outer] = Material.RIM
    materials[(distance < 0.028) & outer] = Material.PLASTIC
    return materials


def _front(design: Design, points: Floats, out: Labels, ends: Mask) -> None:
    y, z = points[:, 1], points[:, 2]
    wide, half = np.abs(y), design.width / 2
    base = design.nose if design.kind != "bus" else design.belt - 0.1
    lamp_y, lamp_z = half * 0.70, base - 0.10 + design.lamp_height * 0.6
    grille_z = base - 0.13
    grille = oval(wide, z - grille_z, design.grille_width, design.grille_height) & ends
    frame = oval(wide, z - grille_z, design.grille_width + 0.025, design.grille_height + 0.022)
    out[frame & ends & ~grille] = Material.CHROME if design.grille_chrome else Material.PLASTIC
    out[grille] = Material.GRILLE
    if design.grille_bars:
        step = 2 * design.grille_height / (design.grille_bars + 1)
        bars = np.abs(((z - grille_z + design.grille_height) % step) - step / 2) < 0.008
        out[grille & bars] = Material.CHROME if design.grille_chrome else Material.PLASTIC
    out[ends & oval(y, z - grille_z, 0.055, 0.05, 2)] = Material.CHROME
    low_z = design.clearance + 0.17
    out[ends & oval(wide, z - low_z, design.lower_grille, 0.065)] = Material.GRILLE
    if design.fog_lamps:
        out[ends & oval(wide - half * 0.76, z - low_z - 0.02, 0.055, 0.05, 2)] = Material.HEADLAMP
    slanted = z - lamp_z - design.lamp_slant * (wide - lamp_y)
    out[
        ends & oval(wide - lamp_y, slanted, design.lamp_width + 0.02, design.lamp_size + 0.018, 3)
    ] = Material.PLASTIC
    lamp = ends & oval(wide - lamp_y, slanted, design.lamp_width, design.lamp_size, 3)
    out[lamp] = Material.HEADLAMP
    out[lamp & (wide > lamp_y + design.lamp_width * 0.62)] = Material.AMBER
    _plate(design, y, z - (design.clearance + 0.31 + design.plate_front), out, ends)


def _plate(design: Design, y: Floats, up: Floats, out: Labels, ends: Mask) -> None:
    out[ends & oval(y, up, 0.275, 0.075, 12)] = Material.PLASTIC
    out[ends & oval(y, up, 0.26, 0.06, 12)] = Material.PLATE
    cell = np.floor((y + 0.22) / 0.055)
    glyph = np.abs((y + 0.22) / 0.055 - cell - 0.5) < 0.3
    pattern = np.sin(cell * 12.9898 + design.length * 78.233) * 43758.5453
    holes = np.abs(up - (pattern % 0.05 - 0.025)) < 0.012
    out[ends & glyph & ~holes & (np.abs(y) < 0.22) & (np.abs(up) < 0.038)] = Material.PLATE_TEXT


def _rear(design: Design, points: Floats, out: Labels, ends: Mask) -> None:
    y, z = points[:, 1], points[:, 2]
    wide, half = np.abs(y), design.width / 2
    base = design.belt - 0.08
    seam = np.abs(z - (design.clearance + 0.38)) < 0.009
    out[ends & seam & (wide < half * 0.93)] = Material.SEAM
    if design.tail_kind == 0:
        lamp = oval(wide - half * 0.86, z - base - 0.02, 0.085, 0.19)
        amber = oval(wide - half * 0.86, z - base - 0.08, 0.085, 0.035)
    elif design.tail_kind == 1:
        lamp = oval(wide - half * 0.70, z - base, 0.22, 0.075)
        amber = oval(wide - half * 0.62, z - base, 0.05, 0.06)
    elif design.tail_kind == 2:
        lamp = oval(wide - half * 0.80, z - base - 0.03, 0.075, 0.075, 2)
        lamp |= oval(wide - half * 0.60, z - base - 0.03, 0.065, 0.065, 2)
        amber = oval(wide - half * 0.80, z - base + 0.08, 0.05, 0.03, 2)
    else:
        lamp = oval(wide, z - base - 0.02, half * 0.95, 0.045)
        amber = oval(wide - half * 0.85, z - base - 0.02, 0.06, 0.03)
    out[ends & lamp] = Material.TAILLAMP
    out[ends & amber] = Material.AMBER
    level = base - 0.13 if design.plate_rear > 0.4 else design.clearance + 0.28
    _plate(design, y, z - level, out, ends)
    out[ends & oval(y, z - base - 0.02, 0.05, 0.045, 2)] = Material.CHROME
    if design.doors == 4 and design.kind == "van":
        out[ends & (wide < 0.008) & (out == Material.PAINT)] = Material.SEAM


def _sides(
    design: Design, profile: Profile, points: Floats, along: Floats, out: Labels, flank: Mask
) -> None:
    z = points[:, 2]
    shoulder = profile.shoulder_at(along)
    door_low = design.clearance + 0.12
    places = pillars(design)
    hinge = design.length * (0.5 - design.cowl) - 0.22
    if design.kind in ("truck", "bus"):
        hinge = design.length / 2 - 0.35
        places = [hinge - 0.95]
    edges = [hinge, *places[: 2 if design.doors == 4 else 1]]
    rail = flank & (z > door_low) & (z < shoulder + 0.02)
    for edge in edges:
        out[rail & (np.abs(along - edge) < 0.009)] = Material.SEAM
    span = (along < edges[0]) & (along > edges[-1])
    out[flank & span & (np.abs(z - door_low) < 0.010)] = Material.SEAM
    for edge in edges[1:]:
        handle = oval(along - edge - 0.13, z - (shoulder - 0.12), 0.085, 0.018, 4)
        out[flank & handle] = Material.CHROME if design.chrome_line else Material.HANDLE
    if design.cladding > 0:
        out[flank & (z < design.clearance + 0.12 + design.cladding)] = Material.PLASTIC
        for axle in (design.front_axle, design.rear_axle):
            ring = np.hypot(along - axle, z - design.wheel_radius) < design.wheel_radius + 0.12
            out[flank & ring] = Material.PLASTIC
    out[flank & (z < design.clearance + 0.07)] = Material.PLASTIC
    x, level, size = design.sticker
    if size > 0:
        out[
            flank & oval(along - x * design.length, z - level * design.belt, size, size * 0.7, 2)
        ] = Material.STICKER
    x, level, size = design.rust
    if size > 0:
        wobble = 1 + 0.35 * np.sin(along * 31 + 3 * np.sin(z * 40)) * np.sin(z * 37)
        one_side = points[:, 1] * design.exhaust_side > 0
        rust = oval(along - x * design.length, z - level, size * 1.3, size * 0.6, 2)
        out[flank & one_side & rust & (wobble > 0.8)] = Material.RUST


def mark_body(
    design: Design, profile: Profile, points: Floats, normals: Floats, surface: Floats
) -> tuple[Labels, Floats]:
    """Materials (N,) of shell points (N, 3) and the margin (N,) inside a window in metres."""
    along, section = surface[:, 0], surface[:, 1]
    y, z = points[:, 1], points[:, 2]
    out = as_materials(len(points), Material.PAINT)
    front, rear = design.length / 2, profile.shell_rear
    flank = (np.abs(normals[:, 1]) > 0.5) & (section < 0.5)
    second = Material.SECOND_PAINT
    if design.scheme == "two_tone":
        out[z < design.clearance + design.crease * (design.belt - design.clearance)] = second
    elif design.scheme == "roof":
        out[z > profile.shoulder_at(along) + 0.12] = second
    elif design.scheme == "stripe":
        level = design.clearance + 0.45 * (design.belt - design.clearance)
        out[flank & (np.abs(z - level - 0.03 * along) < 0.05)] = second
    elif design.scheme == "centre_stripes":
        out[(np.abs(np.abs(y) - 0.2) < 0.1) & (section > 0.3)] = second
    elif design.scheme == "band":
        out[np.abs(along + 0.25 * design.length + 0.6 * (z - 0.8)) < 0.22] = second
    hood = (section > 0.2) & (normals[:, 2] > 0.5)
    cowl_x = front - design.length * design.cowl
    out[hood & (along > cowl_x) & (np.abs(np.abs(y) - design.width * 0.40) < 0.010)] = Material.SEAM
    out[(section > 0.1) & (np.abs(along - cowl_x - 0.03) < 0.035) & (normals[:, 2] > 0.3)] = (
        Material.PLASTIC
    )
    if design.kind == "sedan":
        lid = design.length * (0.5 - design.deck) + 0.02
        out[hood & (along < lid) & (np.abs(np.abs(y) - design.width * 0.38) < 0.010)] = (
            Material.SEAM
        )
    if design.kind == "pickup":
        bed = (along < front - design.length * design.deck - 0.02) & (along > rear + 0.12)
        out[bed & (normals[:, 2] > 0.5) & (np.abs(y) < design.width * 0.40)] = Material.PLASTIC
    if design.sunroof:
        middle = front - design.length * (design.roof_front + 0.12)
        out[(z > design.height - 0.1) & oval(along - middle, y, 0.3, 0.36, 8)] = Material.GLASS
    _sides(design, profile, points, along, out, flank)
    _front(
        design,
        points,
        out,
        (along > front - 0.5) & (normals[:, 0] > 0.12) & (z < design.belt + 0.1),
    )
    if design.kind != "truck":
        _rear(
            design,
            points,
            out,
            (along < rear + 0.45) & (normals[:, 0] < -0.12) & (z < design.belt + 0.2),
        )
    glass, frame, margin = window_areas(design, profile, points, normals, along)
    out[frame] = Material.RUBBER
    if design.chrome_line:
        lower = np.abs(z - profile.shoulder_at(along) - 0.015) < 0.013
        out[flank & lower & (along < cowl_x - 0.35) & (along > rear + 0.5)] = Material.CHROME
    out[glass] = Material.GLASS
    out[(section < -0.9) & (normals[:, 2] < -0.6)] = Material.UNDERBODY
    if design.logo and design.kind in ("van", "bus"):
        spot = oval(
            along + 0.22 * design.length, z - design.belt * 0.8, 0.6, 0.22, 2 + 2 * design.logo
        )
        out[spot & flank & (out == Material.PAINT)] = Material.LOGO
    return out, margin


def _mark_cargo(design: Design, points: Floats, normals: Floats) -> Labels:
    out = as_materials(len(points), Material.CARGO)
    y, z = points[:, 1], points[:, 2]
    side = np.abs(normals[:, 1]) > 0.6
    out[z < 1.02] = Material.RIM
    if design.logo:
        out[
            side & oval(points[:, 0] + 0.14 * design.length, z - 1.9, 1.2, 0.36, 2 * design.logo)
        ] = Material.LOGO
    back = normals[:, 0] < -0.6
    out[back & (np.abs(y) < 0.012)] = Material.SEAM
    out[back & (np.abs(np.abs(y) - 0.78) < 0.14) & (np.abs(z - 1.05) < 0.06)] = Material.TAILLAMP
    _plate(design, y, z - 1.06, out, back)
    return out


def materials_of(
    design: Design,
    profile: Profile,
    points: Floats,
    normals: Floats,
    surface: Floats,
    part: Integers,
) -> tuple[Labels, Floats]:
    """Materials (N,) of hit points on any part, and the window margin (N,) in metres."""
    out = as_materials(len(points), Material.PLASTIC)
    margin = np.full(len(points), -1, np.float32)
    shell = part == Part.BODY
    out[shell], margin[shell] = mark_body(
        design, profile, points[shell], normals[shell], surface[shell]
    )
    wheel = part == Part.WHEEL
    out[wheel] = mark_wheels(design, points[wheel])
    cargo = part == Part.CARGO
    out[cargo] = _mark_cargo(design, points[cargo], normals[cargo])
    for kind, material in (
        (Part.PAINTED, Material.PAINT),
        (Part.CHROME, Material.CHROME),
        (Part.EXHAUST, Material.EXHAUST),
        (Part.UNDERBODY, Material.UNDERBODY),
    ):
        out[part == kind] = material
    return out, margin
