"""An identity's whole mesh: shell, wheels and whatever is bolted on."""

from __future__ import annotations

import numpy as np

from training.synth.body import Profile, build_body, side_profile
from training.synth.design import Design
from training.synth.details import attachments
from training.synth.mesh import Mesh, Part, grid_faces, join, solid

_SEGMENTS = 36


def _wheel(design: Design, axle: float, side: int) -> Mesh:
    radius = design.wheel_radius
    rim = radius * design.rim_share
    face = design.width / 2 - 0.03
    outline = [
        (0.0, -0.005), (0.07, -0.005), (0.12, -0.03), (rim - 0.03, -0.02), (rim, 0.004),
        (rim + 0.015, 0.0), (radius * 0.88, 0.016), (radius * 0.97, 0.0), (radius, -0.04),
        (radius, -0.19), (radius * 0.9, -0.22), (0.0, -0.22),
    ]  # fmt: skip
    angle = np.linspace(0, 2 * np.pi, _SEGMENTS, endpoint=False)
    rings = []
    for distance, depth in outline:
        reach = max(distance, 1e-4)
        rings.append(
            np.stack(
                [
                    axle + reach * np.cos(angle),
                    np.full(_SEGMENTS, side * (face + depth)),
                    radius + reach * np.sin(angle),
                ],
                axis=1,
            )
        )
    return solid(np.concatenate(rings), grid_faces(len(outline), _SEGMENTS), Part.WHEEL)


def build_vehicle(design: Design) -> tuple[Mesh, Profile]:
    """The mesh of a design in metres, wheels on the ground, and its side profile."""
    profile = side_profile(design)
    meshes = [build_body(design, profile)]
    for axle in (design.front_axle, design.rear_axle):
        meshes.extend(_wheel(design, axle, side) for side in (-1, 1))
    meshes.extend(attachments(design, profile))
    return join(meshes), profile
