"""Where a shell has windows: side windows between pillars, windscreen, rear window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.synth.body import Profile
from training.synth.design import Design
from training.synth.mesh import Floats, single

Mask = NDArray[np.bool_]


def window_areas(
    design: Design, profile: Profile, points: Floats, normals: Floats, along: Floats
) -> tuple[Mask, Mask, Floats]:
    """Window points, their black frame, and the margin to the edge in metres."""
    y, z = np.abs(points[:, 1]), points[:, 2]
    half, length = design.width / 2, design.length
    top = profile.top_at(along)
    ahead, behind = profile.top_at(along + 0.11), profile.top_at(along - 0.11)
    low = profile.shoulder_at(along) + 0.035
    high = np.minimum(np.minimum(ahead, behind), top) - 0.10
    side = np.minimum(z - low, high - z)
    side = np.minimum(side, (np.abs(normals[:, 1]) - 0.45) * 0.3)
    if design.kind in ("pickup", "truck"):
        side = np.minimum(side, along - (length * (0.5 - design.roof_rear) - 0.05))
    rear_limit = -length / 2 + 0.22
    side = np.minimum(side, along - rear_limit)
    if design.panel_sides:
        side = np.minimum(side, along - (length * (0.5 - design.roof_front) - 0.75))
    if design.kind == "bus":
        side = np.minimum(side, design.height - 0.55 - z)
        side = np.minimum(side, np.abs(((along + 10) % 1.45) - 0.725) - 0.045)
        side = np.minimum(side, length / 2 - 0.25 - along)
    for pillar in pillars(design):
        side = np.minimum(side, np.abs(along - pillar) - 0.038)
    cowl = float(profile.top_at(single([length * (0.5 - design.cowl)]))[0])
    reach = half * 0.86 - 0.20 * (z - cowl)
    if design.kind in ("bus", "truck", "van"):
        reach = half * 0.88 - 0.06 * (z - cowl)
    roof_edge = design.height - (0.09 if design.kind != "bus" else 0.4)
    front = np.minimum(np.minimum(z - cowl - 0.01, roof_edge - z), reach - y)
    front = np.minimum(front, (normals[:, 0] - 0.2) * 0.4)
    if design.kind == "bus":
        front = np.minimum(front, along - (length / 2 - 0.25))
    floor = design.belt + (0.10 if design.kind != "sedan" else 0.15)
    rear = np.minimum(np.minimum(z - floor, roof_edge - 0.03 - z), reach - 0.02 - y)
    rear = np.minimum(rear, (-normals[:, 0] - 0.2) * 0.4)
    if design.panel_sides or design.kind == "truck":
        rear = rear * 0 - 1
    margin = np.maximum(np.maximum(side, front), rear).astype(np.float32)
    return margin > 0, (margin > -0.02) & (margin <= 0), margin


def pillars(design: Design) -> list[float]:
    """Positions of the side-window pillars along x, metres."""
    if design.kind in ("bus", "truck"):
        return []
    first = design.length * (0.5 - design.roof_front) - (0.62 if design.doors == 4 else 0.85)
    places = [first]
    if design.kind != "pickup":
        places.append(max(first - 0.86, design.rear_axle + 0.02))
    return places
