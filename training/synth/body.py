"""The lofted body shell: side profile, rounded cross-sections, rounded ends, open wheel arches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.synth.design import Design
from training.synth.mesh import Floats, Mesh, Part, grid_faces, single, smooth_normals

_HALF = 26
ARCH_GAP = 0.055


@dataclass(frozen=True)
class Profile:
    """Side view sampled along x (K,): roof line, shoulder line and half width in metres.

    `shell_rear` is the x where the lofted shell ends (a truck's shell is its cab).
    """

    x: Floats
    top: Floats
    shoulder: Floats
    half_width: Floats
    shell_rear: float

    def top_at(self, x: Floats) -> Floats:
        """Height of the roof line over x, metres."""
        return np.interp(x, self.x, self.top).astype(np.float32)

    def shoulder_at(self, x: Floats) -> Floats:
        """Height of the shoulder under the windows at x, metres."""
        return np.interp(x, self.x, self.shoulder).astype(np.float32)


def _side_line(design: Design) -> tuple[list[float], list[float]]:
    belt, height, nose = design.belt, design.height, design.nose
    tail: list[tuple[float, float]]
    if design.kind == "sedan":
        deck = belt + 0.12
        tail = [(design.deck, deck), (0.97, deck - 0.03), (1.0, deck - 0.12)]
    elif design.kind == "pickup":
        tail = [(design.deck, belt + 0.06), (0.99, belt + 0.05), (1.0, belt)]
    elif design.kind == "truck":
        tail = [(design.deck, height - 0.1), (1.0, height - 0.1)]
    else:
        low = belt + (0.06 if design.kind != "bus" else 1.2)
        tail = [(design.deck, low), (1.0, low - 0.15 if design.kind != "bus" else low)]
    cowl_height = max(belt + 0.04, nose + 0.12) if design.kind != "bus" else belt + 0.1
    hood = (cowl_height + nose) / 2 + 0.05
    line = [
        (0.0, nose - 0.03),
        (0.03, nose + 0.03),
        (design.cowl * 0.5, hood if design.cowl > 0.1 else nose + 0.06),
        (design.cowl, cowl_height),
        (design.roof_front, height - 0.035),
        ((design.roof_front * 0.55 + design.roof_rear * 0.45), height),
        (design.roof_rear, height - (0.06 if design.kind not in ("bus", "truck") else 0.02)),
        *tail,
    ]
    return [point[0] for point in line], [point[1] for point in line]


def side_profile(design: Design) -> Profile:
    """The side view of a design's shell."""
    share, height = _side_line(design)
    shell_end = 1.0 if design.kind != "truck" else design.deck
    fine = np.linspace(0.0, shell_end, 400)
    top = np.interp(fine, share, height)
    kernel = np.hanning(15 if design.kind not in ("truck", "bus") else 7)
    pad = len(kernel) // 2
    smooth = np.convolve(np.pad(top, pad, mode="edge"), kernel / kernel.sum(), mode="valid")
    shoulder = np.minimum(design.belt, smooth - 0.09)
    x = design.length * (0.5 - fine)
    taper = np.ones_like(x)
    if design.kind not in ("bus", "truck"):
        taper = 1.0 - 0.06 * np.clip((fine - 0.8) / 0.2, 0, 1) ** 2
        taper -= 0.07 * np.clip((0.2 - fine) / 0.2, 0, 1) ** 2
    order = slice(None, None, -1)
    return Profile(
        x[order].astype(np.float32),
        smooth[order].astype(np.float32),
        shoulder[order].astype(np.float32),
        (taper * design.width / 2)[order].astype(np.float32),
        float(x[-1]),
    )


def _stations(front: float, rear: float, ends: tuple[float, float]) -> tuple[Floats, Floats]:
    """Station x and end scale 0..1: dense where the ends round off, regular between."""
    xs: list[NDArray[np.float64]] = []
    scales: list[NDArray[np.float64]] = []
    power = 2.0 / 4.5
    angle = np.linspace(0.0, np.pi / 2, 200)
    depth = 1.0 - np.cos(angle) ** power
    scale = np.sin(angle) ** power
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(depth), np.diff(scale)))])
    even = np.linspace(0.0, arc[-1], 16)
    depth, scale = np.interp(even, arc, depth), np.interp(even, arc, scale)
    xs.append(front - ends[0] * depth)
    scales.append(scale)
    middle = np.linspace(front - ends[0], rear + ends[1], 84)[1:-1]
    xs.append(middle)
    scales.append(np.ones_like(middle))
    xs.append((rear + ends[1] * depth)[::-1])
    scales.append(scale[::-1])
    return np.concatenate(xs).astype(np.float32), np.concatenate(scales).astype(np.float32)


def _half_section(
    design: Design, half_width: float, floor: float, shoulder: float, top: float
) -> NDArray[np.float64]:
    """Half outline (2 * _HALF, 3) of y, z, section angle from floor centre to roof centre."""
    angle = np.linspace(0.0, np.pi / 2, 160)
    lower_power, upper_power = 2.0 / 7.0, 2.0 / design.boxiness
    low_y = half_width * np.cos(angle) ** lower_power
    low_z = shoulder - (shoulder - floor) * np.sin(angle) ** lower_power
    high_y = half_width * np.cos(angle) ** upper_power
    high_z = shoulder + (top - shoulder) * np.sin(angle) ** upper_power
    lean = 0.20 if design.kind not in ("van", "truck", "bus") else 0.07
    high_y = high_y * (1.0 - lean * (high_z - shoulder) / 0.5 * 0.5)
    swell = (shoulder - low_z) / max(shoulder - floor, 0.1)
    low_y = low_y * (1.0 - 0.05 * swell**2)
    crest = floor + design.crease * (shoulder - floor)
    low_y = low_y + 0.018 * np.exp(-(((low_z - crest) / 0.045) ** 2)) * (low_y > half_width * 0.8)
    halves = []
    for y, z, sign in ((low_y, low_z, -1.0), (high_y, high_z, 1.0)):
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(y), np.diff(z)))])
        even = np.linspace(0.0, arc[-1], _HALF)
        columns = [np.interp(even, arc, column) for column in (y, z, sign * angle / (np.pi / 2))]
        halves.append(np.stack(columns, axis=1))
    return np.concatenate([halves[0][::-1], halves[1][1:]])


def build_body(design: Design, profile: Profile) -> Mesh:
    """The shell of a design, wheel arches cut out, with surface coordinates."""
    blunt = design.kind in ("truck", "bus", "van")
    ends = (0.3 if not blunt else 0.2, 0.24 if not blunt else 0.1)
    front = design.length / 2
    xs, scales = _stations(front, profile.shell_rear, ends)
    rings = []
    for x, scale in zip(xs, scales, strict=True):
        floor = design.clearance + 0.1 * float(np.clip((abs(x) - front + 0.6) / 0.6, 0, 1)) ** 2
        station = single([x])
        top, shoulder = float(profile.top_at(station)[0]), float(profile.shoulder_at(station)[0])
        half_width = float(np.interp(x, profile.x, profile.half_width))
        half = _half_section(design, half_width, floor, shoulder, top)
        centre = (floor + top) / 2
        half[:, 0] *= scale
        half[:, 1] = centre + (half[:, 1] - centre) * scale
        mirrored = half[-2:0:-1] * np.array([-1.0, 1.0, 1.0])
        ring = np.concatenate([half, mirrored])
        rings.append(np.concatenate([np.full((len(ring), 1), x), ring], axis=1))
    stack = np.concatenate(rings).astype(np.float32)
    columns = len(rings[0])
    vertices = stack[:, :3].copy()
    sideways = (vertices[:, 1] / (design.width / 2)) ** 2
    towards_front = np.clip(vertices[:, 0] / front, 0, 1)
    towards_rear = np.clip(-vertices[:, 0] / front, 0, 1)
    vertices[:, 0] -= design.bow * sideways * towards_front
    vertices[:, 0] += 0.6 * design.bow * sideways * towards_rear
    surface = np.stack([stack[:, 0], stack[:, 3]], axis=1)
    for axle in (design.front_axle, design.rear_axle):
        distance = np.hypot(vertices[:, 0] - axle, vertices[:, 2] - design.wheel_radius)
        rim = design.wheel_radius + ARCH_GAP
        flare = 0.022 * np.exp(-(((distance - rim) / 0.06) ** 2))
        vertices[:, 1] += np.sign(vertices[:, 1]) * flare * (np.abs(vertices[:, 1]) > 0.6)
    faces = grid_faces(len(rings), columns)
    normals = smooth_normals(vertices, faces)
    if float(np.einsum("ij,ij->", normals, vertices - vertices.mean(axis=0))) < 0:
        normals = -normals
    faces = faces[~in_arch(design, vertices)[faces].all(axis=1)]
    part = np.full(len(faces), int(Part.BODY), np.int32)
    return Mesh(vertices, normals, surface.astype(np.float32), faces, part)


def in_arch(design: Design, points: Floats) -> NDArray[np.bool_]:
    """Which points (N, 3) of the shell lie in the opening of a wheel arch, (N,)."""
    inside = np.zeros(len(points), bool)
    side = np.abs(points[:, 1]) > design.width * 0.28
    for axle in (design.front_axle, design.rear_axle):
        distance = np.hypot(points[:, 0] - axle, points[:, 2] - design.wheel_radius)
        below = (np.abs(points[:, 0] - axle) < design.wheel_radius + ARCH_GAP * 0.8) & (
            points[:, 2] < design.wheel_radius
        )
        inside |= ((distance < design.wheel_radius + ARCH_GAP) | below) & side
    return inside
