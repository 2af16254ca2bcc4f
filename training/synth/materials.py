"""Material constants: visible and NIR reflectance, mirror strength, thermal behaviour."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from training.synth.design import Design
from training.synth.mesh import Floats


class Material(IntEnum):
    """What a point of a vehicle is made of."""

    PAINT = 0
    SECOND_PAINT = 1
    GLASS = 2
    RUBBER = 3
    TYRE = 4
    RIM = 5
    BRAKE = 6
    PLASTIC = 7
    HEADLAMP = 8
    TAILLAMP = 9
    PLATE = 10
    PLATE_TEXT = 11
    GRILLE = 12
    CHROME = 13
    SEAM = 14
    STICKER = 15
    RUST = 16
    UNDERBODY = 17
    EXHAUST = 18
    AMBER = 19
    CARGO = 20
    HANDLE = 21
    LOGO = 22


# visible R G B | NIR | mirror at normal incidence | emissivity | sun load
_CONSTANTS: dict[Material, tuple[float, ...]] = {
    Material.PAINT: (0.5, 0.5, 0.5, 0.5, 0.045, 0.86, 0.7),
    Material.SECOND_PAINT: (0.5, 0.5, 0.5, 0.5, 0.045, 0.86, 0.7),
    Material.GLASS: (0.01, 0.012, 0.012, 0.012, 0.07, 0.78, 0.55),
    Material.RUBBER: (0.018, 0.018, 0.018, 0.04, 0.02, 0.94, 0.9),
    Material.TYRE: (0.03, 0.03, 0.031, 0.05, 0.01, 0.95, 0.9),
    Material.RIM: (0.42, 0.43, 0.44, 0.45, 0.16, 0.55, 0.4),
    Material.BRAKE: (0.03, 0.03, 0.03, 0.04, 0.02, 0.9, 0.3),
    Material.PLASTIC: (0.03, 0.03, 0.031, 0.12, 0.025, 0.94, 0.95),
    Material.HEADLAMP: (0.42, 0.44, 0.46, 0.5, 0.16, 0.86, 0.3),
    Material.TAILLAMP: (0.34, 0.015, 0.015, 0.48, 0.08, 0.9, 0.5),
    Material.PLATE: (0.68, 0.69, 0.68, 0.75, 0.03, 0.72, 0.2),
    Material.PLATE_TEXT: (0.03, 0.03, 0.03, 0.72, 0.03, 0.72, 0.2),
    Material.GRILLE: (0.012, 0.012, 0.012, 0.04, 0.015, 0.95, 0.5),
    Material.CHROME: (0.25, 0.26, 0.27, 0.27, 0.5, 0.4, 0.2),
    Material.SEAM: (0.01, 0.01, 0.01, 0.02, 0.0, 0.95, 0.6),
    Material.STICKER: (0.7, 0.68, 0.5, 0.35, 0.03, 0.9, 0.7),
    Material.RUST: (0.14, 0.055, 0.02, 0.3, 0.01, 0.93, 0.85),
    Material.UNDERBODY: (0.012, 0.012, 0.012, 0.02, 0.0, 0.95, 0.0),
    Material.EXHAUST: (0.2, 0.19, 0.18, 0.22, 0.2, 0.7, 0.2),
    Material.AMBER: (0.6, 0.22, 0.02, 0.6, 0.08, 0.9, 0.4),
    Material.CARGO: (0.68, 0.68, 0.66, 0.62, 0.03, 0.9, 0.4),
    Material.HANDLE: (0.05, 0.05, 0.05, 0.1, 0.1, 0.8, 0.6),
    Material.LOGO: (0.05, 0.16, 0.4, 0.4, 0.03, 0.9, 0.4),
}


class MaterialTable:
    """Constants of a design's materials, indexed by `Material`.

    visible (K, 3), infrared (K,), mirror (K,), emissivity (K,), sun_load (K,), metallic (K,);
    the thermal columns never depend on the paint.
    """

    def __init__(self, design: Design) -> None:
        table = np.asarray([_CONSTANTS[material] for material in Material], np.float32)
        self.visible: Floats = table[:, :3].copy()
        self.infrared: Floats = table[:, 3].copy()
        self.mirror: Floats = table[:, 4]
        self.emissivity: Floats = table[:, 5].copy()
        self.sun_load: Floats = table[:, 6].copy()
        self.metallic: Floats = np.zeros(len(table), np.float32)
        for slot, paint in (
            (Material.PAINT, design.paint),
            (Material.SECOND_PAINT, design.second_paint),
        ):
            self.visible[slot] = paint.visible
            self.infrared[slot] = paint.infrared
            self.metallic[slot] = paint.metallic
            self.sun_load[slot] = design.thermal_absorptance
        # Vinyl and lettering take the temperature and emissivity of the panel below them.
        panel = Material.CARGO if design.kind == "truck" else Material.PAINT
        for decal in (Material.STICKER, Material.LOGO):
            self.emissivity[decal] = self.emissivity[panel]
            self.sun_load[decal] = self.sun_load[panel]
        if design.plate_yellow:
            self.visible[Material.PLATE] = (0.7, 0.5, 0.05)
        if design.rim_dark:
            self.visible[Material.RIM] = (0.05, 0.05, 0.052)
            self.infrared[Material.RIM] = 0.12
        cargo = float(np.clip(0.5 + 0.2 * design.insulation[9], 0.1, 0.75))
        self.visible[Material.CARGO] = (cargo, cargo, cargo * 0.98)
        self.infrared[Material.CARGO] = 0.2 + 0.5 * cargo
        logos: tuple[tuple[float, float, float, float], ...] = (
            (0.05, 0.16, 0.4, 0.4),
            (0.5, 0.03, 0.03, 0.45),
            (0.03, 0.2, 0.06, 0.3),
            (0.05, 0.05, 0.05, 0.04),
        )
        chosen = logos[(design.logo - 1) % 4]
        self.visible[Material.LOGO] = chosen[:3]
        self.infrared[Material.LOGO] = chosen[3]


def as_materials(count: int, material: Material) -> NDArray[np.int8]:
    """Array (count,) of one material."""
    return np.full(count, int(material), np.int8)
