"""Conditions under which a vehicle is seen; drawn without regard to which vehicle it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LIGHTS = ("sun", "overcast", "dusk", "street", "dark", "glare", "rain")
_LIGHT_SHARES = (0.30, 0.15, 0.11, 0.17, 0.10, 0.07, 0.10)
SCENE_COUNT = 48


@dataclass(frozen=True)
class Scene:
    """One place at one time. Temperatures in degrees Celsius, angles in radians.

    `sun_visible` is linear radiance on a facing surface, `sky_*` the dome's; `lamp_infrared` is
    the camera's own NIR lamp at 8 m.
    """

    label: int
    light: str
    camera: int
    sun_elevation: float
    sun_visible: tuple[float, float, float]
    sun_infrared: float
    sky_visible: tuple[float, float, float]
    sky_infrared: float
    lamp_infrared: float
    air: float
    sky_temperature: float
    sun_heat: float
    ground_heat: float
    wetness: float
    backdrop: int
    surroundings: int
    verge: float
    markings: float


@dataclass(frozen=True)
class Occasion:
    """One vehicle's visit to a scene: heading, heat history, lamps. Shared by its views."""

    heading: float
    engine_heat: float
    wheel_heat: float
    cabin_heat: float
    lamps_visible: bool
    lamps_infrared: bool
    exposure_fault: float
    infrared_fault: float
    crossover: float


def draw_scene(seed: int, label: int) -> Scene:
    """The scene with a label, a function of (seed, label)."""
    random = np.random.default_rng([seed, label, 23])
    light = str(random.choice(LIGHTS, p=np.asarray(_LIGHT_SHARES) / sum(_LIGHT_SHARES)))
    warm = float(random.uniform(0.8, 1.0))
    air = float(random.uniform(8, 30))
    scene = Scene(
        label=label,
        light=light,
        camera=int(random.integers(0, 4)),
        sun_elevation=float(random.uniform(0.5, 1.15)),
        sun_visible=(2.6, 2.5 * warm, 2.25 * warm),
        sun_infrared=2.6,
        sky_visible=(0.42, 0.55, 0.80),
        sky_infrared=0.35,
        lamp_infrared=0.0,
        air=air,
        sky_temperature=air - float(random.uniform(25, 45)),
        sun_heat=float(random.uniform(16, 28)),
        ground_heat=float(random.uniform(0, 7)),
        wetness=0.0,
        backdrop=int(random.integers(0, 4)),
        surroundings=int(random.integers(0, 1 << 30)),
        verge=float(random.uniform(2.0, 5.0)),
        markings=float(random.uniform(1.3, 3.0)),
    )
    night_lamp = float(random.uniform(0.9, 2.0)) if random.random() < 0.85 else 0.0
    ground = float(random.uniform(-2, 7))
    if light == "overcast":
        return replace(
            scene, sun_visible=(0.0, 0.0, 0.0), sun_infrared=0.0, sky_visible=(0.95, 1.0, 1.08),
            sky_infrared=0.8, sun_heat=3.0, ground_heat=ground * 0.4, sky_temperature=air - 8,
        )  # fmt: skip
    if light == "dusk":
        return replace(
            scene, sun_elevation=0.22, sun_visible=(0.55, 0.32, 0.16), sun_infrared=0.5,
            sky_visible=(0.26, 0.25, 0.36), sky_infrared=0.2, lamp_infrared=0.3 * night_lamp,
            sun_heat=5.0, ground_heat=ground + 1.5, sky_temperature=air - 22,
        )  # fmt: skip
    if light == "street":
        return replace(
            scene, sun_elevation=float(random.uniform(0.7, 1.2)), sun_visible=(0.75, 0.47, 0.17),
            sun_infrared=0.2, sky_visible=(0.045, 0.040, 0.038), sky_infrared=0.015,
            lamp_infrared=night_lamp, sun_heat=0.0, ground_heat=ground,
        )  # fmt: skip
    if light in ("dark", "glare"):
        return replace(
            scene, sun_elevation=0.9, sun_visible=(0.03, 0.024, 0.018), sun_infrared=0.01,
            sky_visible=(0.008, 0.009, 0.013), sky_infrared=0.004, lamp_infrared=night_lamp,
            sun_heat=0.0, ground_heat=ground * 0.7,
        )  # fmt: skip
    if light == "rain":
        return replace(
            scene, sun_visible=(0.0, 0.0, 0.0), sun_infrared=0.0, sky_visible=(0.50, 0.54, 0.60),
            sky_infrared=0.42, sun_heat=0.0, ground_heat=0.5, sky_temperature=air - 4, wetness=1.0,
        )  # fmt: skip
    return scene


def draw_occasion(seed: int, identity: int, scene: Scene) -> Occasion:
    """How an identity comes to a scene, a function of (seed, identity, scene label)."""
    random = np.random.default_rng([seed, identity, scene.label, 37])
    state = str(random.choice(["parked", "driven", "started"], p=[0.3, 0.5, 0.2]))
    engine = {"parked": random.uniform(0, 0.12), "driven": random.uniform(0.65, 1.0),
              "started": random.uniform(0.25, 0.5)}[state]  # fmt: skip
    wheel = {"parked": 0.0, "driven": random.uniform(0.5, 1.0), "started": 0.08}[state]
    night = scene.light in ("street", "dark", "glare", "dusk")
    lamps = state != "parked" and bool(random.random() < (0.85 if night else 0.12))
    lamps = lamps or scene.light == "glare"
    differs = bool(random.random() < 0.15) and scene.light != "glare"
    dark_fault = float(random.uniform(0.04, 0.4)) if scene.light == "dark" else 1.0
    if scene.light == "street" and random.random() < 0.15:
        dark_fault = float(random.uniform(0.1, 0.3))
    blown = float(random.uniform(2.2, 4.5)) if random.random() < 0.06 else 1.0
    hazy = scene.light in ("dusk", "rain")
    crossover = (
        float(random.uniform(0.5, 0.85)) if random.random() < (0.25 if hazy else 0.04) else 0.0
    )
    return Occasion(
        heading=float(random.uniform(0, 2 * np.pi)),
        engine_heat=float(engine),
        wheel_heat=float(wheel),
        cabin_heat=float(random.uniform(0, 1)) * (0.3 if state == "parked" else 1.0),
        lamps_visible=lamps,
        lamps_infrared=lamps != differs,
        exposure_fault=dark_fault,
        infrared_fault=blown,
        crossover=crossover,
    )
