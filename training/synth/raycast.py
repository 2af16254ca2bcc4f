"""Geometry buffer of one view: what every ray hits first, shared by the three spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from training.synth.body import Profile, in_arch
from training.synth.design import Design
from training.synth.markings import materials_of
from training.synth.materials import Material
from training.synth.mesh import Floats, Integers, Mesh, Part

_SELF_HIT = 2e-3


class Caster:
    """Ray queries against one mesh, in metres."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._scene = EmbreeScene()
        self._triangles = TriangleMesh(self._scene, mesh.vertices[mesh.faces].astype(np.float32))

    def first(self, origins: Floats, directions: Floats) -> tuple[Integers, Floats, Floats]:
        """Triangle (N,) or -1, distance (N,) and barycentric (N, 2) of the first hit."""
        hit = self._scene.run(origins, directions, output=True)
        weights = np.stack([hit["u"], hit["v"]], axis=1)
        return hit["primID"].astype(np.int32), hit["tfar"], weights

    def blocked(self, origins: Floats, directions: Floats) -> NDArray[np.bool_]:
        """Whether anything lies along the rays (N, 3), (N,)."""
        result = self._scene.run(origins, directions, query="OCCLUDED")
        blocked: NDArray[np.bool_] = np.asarray(result) != -1
        return blocked


@dataclass(frozen=True)
class Buffer:
    """Flat arrays over the P pixels of a view; vehicle arrays over its V pixels only.

    directions (P, 3); vehicle, ground, sky index arrays into P; points, normals (V, 3);
    along, material, margin, distance (V,); ground_points (G, 3).
    """

    eye: Floats
    directions: Floats
    vehicle: NDArray[np.int64]
    ground: NDArray[np.int64]
    sky: NDArray[np.int64]
    points: Floats
    normals: Floats
    along: Floats
    material: NDArray[np.int8]
    margin: Floats
    distance: Floats
    ground_points: Floats


def cast_view(
    caster: Caster, design: Design, profile: Profile, eye: Floats, directions: Floats
) -> Buffer:
    """First hits of rays (P, 3) from eye (3,), passing through the open wheel arches."""
    mesh = caster.mesh
    origins = np.broadcast_to(eye.astype(np.float32), directions.shape).copy()
    triangle, distance, weights = caster.first(origins, directions)
    for _ in range(2):
        hit = np.flatnonzero(triangle >= 0)
        shell = hit[mesh.part[triangle[hit]] == Part.BODY]
        points = origins[shell] + directions[shell] * distance[shell, None]
        outward = mesh.normals[mesh.faces[triangle[shell], 0]]
        outside = np.einsum("ij,ij->i", outward, directions[shell]) < 0.1
        through = shell[in_arch(design, points) & outside]
        if not len(through):
            break
        onward = origins[through] + directions[through] * (distance[through, None] + _SELF_HIT)
        found, reach, share = caster.first(onward, directions[through])
        triangle[through], weights[through] = found, share
        distance[through] = np.where(found >= 0, reach + distance[through] + _SELF_HIT, 1e9)
    falling = directions[:, 2] < -1e-4
    drop = np.where(falling, -eye[2] / np.where(falling, directions[:, 2], -1), 1e9)
    hit_mask = (triangle >= 0) & (distance < drop)
    vehicle = np.flatnonzero(hit_mask)
    near = falling & (drop < 300.0)
    ground = np.flatnonzero(~hit_mask & near)
    sky = np.flatnonzero(~hit_mask & ~near)
    found = triangle[vehicle]
    corners = mesh.faces[found]
    share = weights[vehicle]
    blend = np.stack([1 - share.sum(axis=1), share[:, 0], share[:, 1]], axis=1)
    normals = np.einsum("ij,ijk->ik", blend, mesh.normals[corners]).astype(np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    surface = np.einsum("ij,ijk->ik", blend, mesh.surface[corners]).astype(np.float32)
    points = eye + directions[vehicle] * distance[vehicle, None]
    part = mesh.part[found]
    material, margin = materials_of(design, profile, points, normals, surface, part)
    view = directions[vehicle]
    facing = np.einsum("ij,ij->i", normals, view)
    inner = (facing > 0.25) & (part == Part.BODY)
    material[inner] = Material.UNDERBODY
    normals = np.where((facing > 0)[:, None], normals - 1.02 * facing[:, None] * view, normals)
    normals = _dent(design, points, surface, normals, part)
    ground_points = eye + directions[ground] * drop[ground, None]
    return Buffer(
        eye, directions, vehicle, ground, sky, points.astype(np.float32),
        normals.astype(np.float32), surface[:, 0], material, margin,
        distance[vehicle].astype(np.float32),
        ground_points.astype(np.float32),
    )  # fmt: skip


def _dent(
    design: Design, points: Floats, surface: Floats, normals: Floats, part: Integers
) -> Floats:
    x, level, size = design.dent
    if size > 0:
        across = (surface[:, 0] - x * design.length) / size
        up = (points[:, 2] - level * design.belt) / size
        one_side = (points[:, 1] * design.exhaust_side < 0) & (part == Part.BODY)
        press = np.exp(-(across**2 + up**2) * 2.5) * one_side
        normals = normals.copy()
        normals[:, 0] += 0.9 * press * across
        normals[:, 2] += 0.9 * press * up
    unit: Floats = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    return unit
