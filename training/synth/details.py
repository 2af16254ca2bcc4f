"""What is bolted to a shell: mirrors, rails, roof box, spoiler, antenna, exhaust, ladder, cargo."""

from __future__ import annotations

import numpy as np

from training.synth.body import Profile
from training.synth.design import Design
from training.synth.mesh import Mesh, Part, single, superellipsoid, tube


def _mirrors(design: Design) -> list[Mesh]:
    x = design.length * (0.5 - design.cowl) - 0.28 - 0.12 * (design.kind == "sedan")
    z = design.belt + 0.09
    size = (0.07, 0.10, 0.07) if design.kind not in ("truck", "bus", "van") else (0.06, 0.1, 0.16)
    if design.kind == "bus":
        x, z = design.length / 2 + 0.02, design.height - 0.75
    part = Part.PAINTED if design.rim_share < 0.7 else Part.PLASTIC
    out = design.width / 2 + 0.06
    return [superellipsoid((x, side * out, z), size, part, 3.0, 8, 12) for side in (-1, 1)]


def _roof(design: Design, profile: Profile) -> list[Mesh]:
    meshes = []
    half, height = design.width / 2, design.height
    front = design.length * (0.5 - design.roof_front) - 0.15
    rear = design.length * (0.5 - design.roof_rear) + 0.1
    if design.rails:
        part = Part.CHROME if design.chrome_line else Part.PLASTIC
        low, high = (float(profile.top_at(single([end]))[0]) + 0.02 for end in (front, rear))
        for side in (-1, 1):
            reach = side * half * 0.70
            meshes.append(tube((front, reach, low), (rear, reach, high), 0.022, part, 8))
    if design.roof_box:
        centre = ((front + rear) / 2, half * 0.1, height + 0.11)
        meshes.append(superellipsoid(centre, (0.78, 0.34, 0.16), Part.PLASTIC, 4.0, 10, 20))
    if design.antenna == 1 and design.kind not in ("truck", "bus"):
        tip = (rear - 0.25, 0, height + 0.28)
        meshes.append(tube((rear, 0, height - 0.1), tip, 0.008, Part.PLASTIC, 6))
    elif design.antenna == 2:
        fin = (rear, 0, height - 0.01)
        meshes.append(superellipsoid(fin, (0.1, 0.025, 0.06), Part.PAINTED))
    return meshes


def _spoiler(design: Design, profile: Profile) -> list[Mesh]:
    half = design.width / 2
    x = design.length * (0.5 - design.roof_rear) - 0.1
    z = design.height - 0.04
    if design.kind == "sedan":
        x = -design.length / 2 + 0.2
        z = float(profile.top_at(single([x]))[0]) + 0.10
    wing = superellipsoid((x, 0, z), (0.16, half * 0.72, 0.025), Part.PAINTED, 5, 8, 20)
    feet = [
        superellipsoid((x, side * half * 0.5, z - 0.07), (0.05, 0.02, 0.07), Part.PAINTED)
        for side in (-1, 1)
    ]
    return [wing, *feet]


def _exhaust(design: Design) -> list[Mesh]:
    back, low = -design.length / 2, design.clearance
    meshes = []
    for pipe in range(design.exhaust_pipes):
        y = design.exhaust_side * (design.width / 2) * (0.62 - 0.12 * pipe)
        start, end = (back + 0.4, y, low + 0.05), (back + 0.03, y, low + 0.06)
        meshes.append(tube(start, end, 0.035, Part.EXHAUST))
    return meshes


def _ladder(design: Design) -> list[Mesh]:
    back = -design.length / 2 - 0.06
    top = design.height + (0.75 if design.kind == "truck" else -0.05)
    left, right = 0.15 * design.width, 0.45 * design.width
    rails = [tube((back, y, 0.6), (back, y, top), 0.02, Part.CHROME, 6) for y in (left, right)]
    steps = [
        tube((back, left, float(z)), (back, right, float(z)), 0.016, Part.CHROME, 6)
        for z in np.linspace(0.7, top - 0.1, 6)
    ]
    return rails + steps


def _cargo(design: Design, profile: Profile) -> list[Mesh]:
    rear, front = -design.length / 2, profile.shell_rear - 0.06
    half, floor = design.width / 2, 0.95
    roof = design.height + 0.65 + 0.15 * design.insulation[0] / 3
    middle, reach = (rear + front) / 2, (front - rear) / 2
    radii = (reach, half + 0.06, (roof - floor) / 2)
    return [
        superellipsoid((middle, 0.0, (floor + roof) / 2), radii, Part.CARGO, 22.0, 24, 48),
        superellipsoid((middle, 0, 0.8), (reach - 0.1, 0.45, 0.12), Part.UNDERBODY, 8.0),
        superellipsoid((0.35, 0.0, 0.62), (0.45, half - 0.1, 0.16), Part.PLASTIC, 6.0),
    ]


def attachments(design: Design, profile: Profile) -> list[Mesh]:
    """Meshes of everything that a design carries besides shell and wheels, metres."""
    meshes = [*_mirrors(design), *_roof(design, profile)]
    if design.spoiler:
        meshes += _spoiler(design, profile)
    meshes += _exhaust(design)
    if design.ladder:
        meshes += _ladder(design)
    if design.kind == "truck":
        meshes += _cargo(design, profile)
    return meshes
