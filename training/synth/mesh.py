"""Triangle meshes with smooth normals and surface coordinates, and a few rounded solids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int32]


def single(values: Sequence[float] | Sequence[Sequence[float]]) -> Floats:
    """Array of 32-bit floats."""
    return np.asarray(values, np.float32)


class Part(IntEnum):
    """What a triangle belongs to; the surface markings of a part depend on it."""

    BODY = 0
    WHEEL = 1
    PAINTED = 2
    PLASTIC = 3
    CHROME = 4
    EXHAUST = 5
    CARGO = 6
    UNDERBODY = 7


@dataclass(frozen=True)
class Mesh:
    """Triangles in metres; x forward, y left, z up, the ground at z = 0.

    vertices (N, 3), normals (N, 3), surface (N, 2): unbowed length x and section angle
    -1 (floor) .. 0 (shoulder) .. 1 (roof centre); faces (M, 3); part (M,) of `Part`.
    """

    vertices: Floats
    normals: Floats
    surface: Floats
    faces: Integers
    part: Integers


def smooth_normals(vertices: Floats, faces: Integers) -> Floats:
    """Area-weighted unit vertex normals (N, 3) of vertices (N, 3) and faces (M, 3)."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], across)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: Floats = (normals / np.maximum(length, 1e-9)).astype(np.float32)
    return unit


def grid_faces(rows: int, columns: int) -> Integers:
    """Triangles (M, 3) of a grid of rows rings, each a closed loop of columns vertices."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    following = (column + 1) % columns
    first = (row * columns + column).ravel()
    second = (row * columns + following).ravel()
    third = ((row + 1) * columns + following).ravel()
    fourth = ((row + 1) * columns + column).ravel()
    faces = np.concatenate(
        [np.stack([first, second, third], 1), np.stack([first, third, fourth], 1)]
    )
    return faces.astype(np.int32)


def solid(vertices: NDArray[np.floating], faces: Integers, part: Part) -> Mesh:
    """Mesh of one part, with normals turned outwards from its centre."""
    points = vertices.astype(np.float32)
    normals = smooth_normals(points, faces)
    outward = np.einsum("ij,ij->i", normals, points - points.mean(axis=0))
    if outward.sum() < 0:
        normals = -normals
    surface = np.zeros((len(points), 2), np.float32)
    surface[:, 0] = points[:, 0]
    return Mesh(points, normals, surface, faces, np.full(len(faces), int(part), np.int32))


def superellipsoid(
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    part: Part,
    squareness: float = 2.0,
    rings: int = 10,
    segments: int = 16,
) -> Mesh:
    """Rounded box: an ellipsoid at squareness 2, close to a box from 6 on; metres."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rings)[:, None]
    longitude = np.linspace(-np.pi, np.pi, segments, endpoint=False)[None, :] + 0.01
    power = 2.0 / squareness

    def bend(value: NDArray[np.float64]) -> NDArray[np.float64]:
        bent: NDArray[np.float64] = np.sign(value) * np.abs(value) ** power
        return bent

    x = bend(np.cos(latitude)) * bend(np.cos(longitude))
    y = bend(np.cos(latitude)) * bend(np.sin(longitude))
    z = bend(np.sin(latitude)) * np.ones_like(longitude)
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3) * np.asarray(radii)
    return solid(points + np.asarray(centre), grid_faces(rings, segments), part)


def tube(
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    radius: float,
    part: Part,
    segments: int = 10,
) -> Mesh:
    """Closed round bar between two points, metres."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    along = (last - first) / np.linalg.norm(last - first)
    reference = np.array([0.0, 0.0, 1.0]) if abs(along[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    side = np.cross(along, reference)
    side /= np.linalg.norm(side)
    up = np.cross(side, along)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    loop = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up
    rings = [first + 0 * loop, first + loop * radius, last + loop * radius, last + 0 * loop]
    return solid(np.concatenate(rings), grid_faces(4, segments), part)


def join(meshes: list[Mesh]) -> Mesh:
    """One mesh of all triangles of meshes, in order."""
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    shifted = [mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)]
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.surface for mesh in meshes]),
        np.concatenate(shifted).astype(np.int32),
        np.concatenate([mesh.part for mesh in meshes]),
    )
