"""Which vehicle an identity is: body, dimensions, paint, wheels, lamps, marks, heat layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BODY_KINDS = ("sedan", "hatchback", "estate", "suv", "van", "pickup", "truck", "bus")
BODY_SHARES = (0.24, 0.19, 0.1, 0.19, 0.12, 0.07, 0.06, 0.03)


@dataclass(frozen=True)
class Paint:
    """A coat: visible albedo (linear RGB 0..1), NIR albedo, metallic share 0..1."""

    name: str
    visible: tuple[float, float, float]
    infrared: float
    metallic: float


# A dark coat that turns light in NIR and two blacks that differ there are deliberate: colour alone
# must not predict the infrared grey.
PAINTS: tuple[tuple[Paint, float], ...] = (
    (Paint("white", (0.80, 0.80, 0.78), 0.74, 0.0), 0.20),
    (Paint("silver", (0.46, 0.47, 0.48), 0.46, 0.7), 0.15),
    (Paint("grey", (0.16, 0.165, 0.17), 0.30, 0.5), 0.12),
    (Paint("carbon black", (0.012, 0.012, 0.013), 0.03, 0.1), 0.11),
    (Paint("transparent black", (0.015, 0.014, 0.014), 0.42, 0.1), 0.06),
    (Paint("red", (0.45, 0.02, 0.018), 0.46, 0.1), 0.09),
    (Paint("dark red", (0.16, 0.01, 0.015), 0.38, 0.4), 0.05),
    (Paint("blue", (0.02, 0.07, 0.33), 0.46, 0.3), 0.08),
    (Paint("navy", (0.012, 0.022, 0.07), 0.20, 0.3), 0.05),
    (Paint("green", (0.02, 0.12, 0.05), 0.46, 0.3), 0.03),
    (Paint("beige", (0.48, 0.40, 0.28), 0.55, 0.4), 0.03),
    (Paint("yellow", (0.72, 0.44, 0.02), 0.70, 0.0), 0.02),
    (Paint("brown", (0.10, 0.05, 0.025), 0.38, 0.4), 0.01),
)


@dataclass(frozen=True)
class Design:
    """Everything that stays with an identity. Lengths in metres, angles in radians."""

    kind: str
    length: float
    width: float
    height: float
    clearance: float
    wheel_radius: float
    front_axle: float
    rear_axle: float
    belt: float
    nose: float
    cowl: float
    roof_front: float
    roof_rear: float
    deck: float
    boxiness: float
    bow: float
    paint: Paint
    second_paint: Paint
    scheme: str
    spokes: int
    spoke_width: float
    rim_share: float
    rim_dark: bool
    lamp_height: float
    lamp_width: float
    lamp_size: float
    lamp_slant: float
    tail_kind: int
    grille_width: float
    grille_height: float
    grille_bars: int
    grille_chrome: bool
    lower_grille: float
    fog_lamps: bool
    plate_front: float
    plate_rear: float
    plate_yellow: bool
    tint: float
    panel_sides: bool
    doors: int
    crease: float
    cladding: float
    chrome_line: bool
    rails: bool
    roof_box: bool
    spoiler: bool
    antenna: int
    sunroof: bool
    ladder: bool
    sticker: tuple[float, float, float]
    rust: tuple[float, float, float]
    dent: tuple[float, float, float]
    logo: int
    hubcap: int
    rear_engine: bool
    exhaust_side: int
    exhaust_pipes: int
    thermal_absorptance: float
    insulation: tuple[float, ...]


_PROPORTIONS: dict[str, tuple[float, ...]] = {
    # length width height clearance wheel belt nose | cowl roof_front roof_rear deck | boxiness
    "sedan": (4.6, 1.80, 1.45, 0.20, 0.325, 0.95, 0.72, 0.27, 0.45, 0.69, 0.86, 4.2),
    "hatchback": (4.05, 1.74, 1.49, 0.19, 0.31, 0.97, 0.76, 0.24, 0.43, 0.83, 0.955, 4.2),
    "estate": (4.65, 1.81, 1.48, 0.19, 0.325, 0.96, 0.73, 0.26, 0.44, 0.88, 0.965, 4.3),
    "suv": (4.55, 1.87, 1.70, 0.26, 0.37, 1.10, 1.0, 0.25, 0.40, 0.88, 0.97, 5.2),
    "van": (5.0, 1.93, 1.98, 0.22, 0.335, 1.18, 0.90, 0.135, 0.29, 0.96, 0.985, 6.0),
    "pickup": (5.2, 1.87, 1.78, 0.28, 0.38, 1.12, 0.98, 0.25, 0.38, 0.58, 0.635, 5.0),
    "truck": (6.3, 2.05, 2.15, 0.34, 0.40, 1.32, 1.05, 0.06, 0.125, 0.27, 0.295, 6.0),
    "bus": (9.0, 2.40, 2.95, 0.30, 0.46, 1.35, 1.10, 0.015, 0.05, 0.985, 0.995, 8.0),
}


def draw_design(seed: int, identity: int) -> Design:
    """The vehicle of an identity, a function of (seed, identity) alone."""
    random = np.random.default_rng([seed, identity, 11])

    def pick(share: float) -> bool:
        return bool(random.random() < share)

    def between(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    kind = str(random.choice(BODY_KINDS, p=np.asarray(BODY_SHARES) / sum(BODY_SHARES)))
    length, width, height, clearance, wheel, belt, nose, cowl, front, rear, deck, box = (
        _PROPORTIONS[kind]
    )
    scale = between(0.93, 1.07)
    length *= scale
    height *= between(0.96, 1.05)
    big = kind in ("truck", "bus", "van")
    if kind == "van":
        height *= between(0.94, 1.16)
    front_overhang = 0.18 if kind != "truck" else 0.14
    rear_overhang = 0.2 if kind != "bus" else 0.27
    weights = np.asarray([share for _, share in PAINTS])
    weights /= weights.sum()
    paint = PAINTS[int(random.choice(len(PAINTS), p=weights))][0]
    second = PAINTS[int(random.choice(len(PAINTS), p=weights))][0]
    schemes = ["plain", "two_tone", "roof", "stripe", "centre_stripes", "band"]
    scheme = str(random.choice(schemes, p=[0.66, 0.07, 0.09, 0.08, 0.04, 0.06]))
    return Design(
        kind=kind,
        length=length,
        width=width * between(0.97, 1.04),
        height=height,
        clearance=clearance * between(0.9, 1.1),
        wheel_radius=wheel * between(0.95, 1.06),
        front_axle=length * (0.5 - front_overhang - between(-0.015, 0.015)),
        rear_axle=-length * (0.5 - rear_overhang - between(-0.02, 0.02)),
        belt=belt * between(0.97, 1.04),
        nose=nose * between(0.95, 1.07),
        cowl=cowl + between(-0.012, 0.012),
        roof_front=front + between(-0.012, 0.015),
        roof_rear=rear + between(-0.02, 0.015),
        deck=deck + between(-0.008, 0.008),
        boxiness=box * between(0.85, 1.2),
        bow=between(0.10, 0.24) if not big else between(0.05, 0.10),
        paint=paint,
        second_paint=second,
        scheme=scheme,
        spokes=int(random.choice([3, 5, 5, 6, 7, 8, 10, 14])),
        spoke_width=between(0.25, 0.6),
        rim_share=between(0.62, 0.76),
        rim_dark=pick(0.25),
        lamp_height=between(-0.06, 0.05),
        lamp_width=between(0.13, 0.24),
        lamp_size=between(0.05, 0.095),
        lamp_slant=between(-0.05, 0.35),
        tail_kind=int(random.integers(0, 4)),
        grille_width=between(0.3, 0.58),
        grille_height=between(0.05, 0.13),
        grille_bars=int(random.integers(0, 6)),
        grille_chrome=pick(0.5),
        lower_grille=between(0.35, 0.75),
        fog_lamps=pick(0.5),
        plate_front=between(-0.03, 0.05),
        plate_rear=between(0.0, 1.0),
        plate_yellow=pick(0.15),
        tint=float(random.choice([0.15, 0.3, 0.45, 0.6])) * between(0.85, 1.15),
        panel_sides=kind == "van" and pick(0.5),
        doors=2 if kind == "hatchback" and pick(0.4) else 4,
        crease=between(0.45, 0.85),
        cladding=between(0.05, 0.14) if kind in ("suv", "pickup") and pick(0.6) else 0.0,
        chrome_line=pick(0.35),
        rails=kind in ("estate", "suv", "van") and pick(0.55),
        roof_box=kind not in ("truck", "bus", "pickup") and pick(0.1),
        spoiler=kind in ("sedan", "hatchback", "suv") and pick(0.3),
        antenna=int(random.integers(0, 3)),
        sunroof=kind not in ("truck", "bus", "van") and pick(0.25),
        ladder=kind in ("van", "truck") and pick(0.2),
        sticker=(between(-0.3, 0.3), between(0.2, 0.8), between(0.04, 0.1) if pick(0.3) else 0.0),
        rust=(between(-0.45, 0.45), between(0.1, 0.5), between(0.08, 0.2) if pick(0.15) else 0.0),
        dent=(between(-0.4, 0.4), between(0.2, 0.8), between(0.1, 0.22) if pick(0.3) else 0.0),
        logo=int(random.integers(1, 5)) if big and pick(0.6) else 0,
        hubcap=int(random.integers(0, 3)),
        rear_engine=kind == "bus" or pick(0.06),
        exhaust_side=int(random.choice([-1, 1])),
        exhaust_pipes=int(random.choice([1, 1, 1, 2])),
        thermal_absorptance=between(0.45, 0.95),
        insulation=tuple(float(value) for value in random.normal(0, 1, 10)),
    )
