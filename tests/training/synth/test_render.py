from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.synth.design import BODY_KINDS, PAINTS, Design, Paint, draw_design
from training.synth.render import Studio, Triplet
from training.synth.scene import SCENE_COUNT, Occasion, Scene, draw_occasion, draw_scene
from training.synth.sensor import PALETTE
from vreid.palettes import palette_table

SEED = 7
HEIGHT, WIDTH = 48, 84


def scene_of(light: str) -> Scene:
    scenes = (draw_scene(SEED, label) for label in range(1, SCENE_COUNT + 1))
    return next(scene for scene in scenes if scene.light == light)


def calm(scene: Scene) -> Occasion:
    """A parked visit without faults."""
    occasion = draw_occasion(SEED, 1, scene)
    return replace(
        occasion,
        lamps_visible=False,
        lamps_infrared=False,
        exposure_fault=1.0,
        infrared_fault=1.0,
        crossover=0.0,
    )


def plain(paint: Paint) -> Design:
    design = draw_design(SEED, 5)
    return replace(design, paint=paint, second_paint=paint, scheme="plain", rust=(0.0, 0.0, 0.0))


def paint_named(name: str) -> Paint:
    return next(paint for paint, _ in PAINTS if paint.name == name)


def picture(design: Design, scene: Scene, occasion: Occasion, direction: int = 1) -> Triplet:
    random = np.random.default_rng(3)
    return Studio(design).triplet(random, scene, occasion, direction, HEIGHT, WIDTH)


@pytest.mark.parametrize("light", ["sun", "overcast", "street", "dark", "rain"])
def test_infrared_has_three_equal_channels(light: str) -> None:
    scene = scene_of(light)
    infrared = picture(draw_design(SEED, 5), scene, calm(scene)).infrared
    assert infrared.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(infrared[..., 0], infrared[..., 1])
    assert np.array_equal(infrared[..., 0], infrared[..., 2])


def test_thermal_colours_lie_on_the_palette() -> None:
    scene = scene_of("sun")
    thermal = picture(draw_design(SEED, 5), scene, calm(scene)).thermal
    known = {tuple(colour) for colour in palette_table(PALETTE).tolist()}
    assert {tuple(colour) for colour in thermal.reshape(-1, 3).tolist()} <= known


def test_another_paint_leaves_the_thermal_picture_alone() -> None:
    scene = scene_of("sun")
    white, black = (
        picture(plain(paint_named(name)), scene, calm(scene)) for name in ("white", "carbon black")
    )
    assert np.array_equal(white.thermal, black.thermal)
    assert not np.array_equal(white.visible, black.visible)
    assert white.infrared.mean() > black.infrared.mean() + 5


@pytest.mark.parametrize("scheme", ["two_tone", "roof", "stripe", "centre_stripes", "band"])
def test_a_paint_scheme_does_not_show_in_the_thermal_picture(scheme: str) -> None:
    scene = scene_of("overcast")
    one_coat = replace(plain(paint_named("white")), second_paint=paint_named("red"))
    before = picture(one_coat, scene, calm(scene))
    after = picture(replace(one_coat, scheme=scheme), scene, calm(scene))
    assert np.array_equal(before.thermal, after.thermal)


@pytest.mark.parametrize("light", ["sun", "street"])
def test_red_and_blue_of_one_infrared_constant_look_alike_in_infrared(light: str) -> None:
    scene = scene_of(light)
    red = Paint("red", (0.45, 0.02, 0.018), 0.46, 0.2)
    blue = Paint("blue", (0.02, 0.07, 0.33), 0.46, 0.2)
    one, other = (picture(plain(paint), scene, calm(scene)) for paint in (red, blue))
    assert np.array_equal(one.infrared, other.infrared)
    assert one.visible[..., 0].mean() > other.visible[..., 0].mean()


def test_exposure_fault_at_night_leaves_the_visible_picture_dark() -> None:
    scene = scene_of("dark")
    visible = picture(
        draw_design(SEED, 5), scene, replace(calm(scene), exposure_fault=0.05)
    ).visible
    assert visible.mean() < 20


def test_infrared_lamp_makes_the_night_readable() -> None:
    scene = replace(scene_of("dark"), lamp_infrared=1.5)
    design = plain(paint_named("silver"))
    with_lamp = picture(design, scene, calm(scene)).infrared.mean()
    without = picture(design, replace(scene, lamp_infrared=0.0), calm(scene)).infrared.mean()
    assert with_lamp > 2 * without


def test_driving_heats_the_wheels() -> None:
    scene = scene_of("overcast")
    design = draw_design(SEED, 5)
    parked = replace(calm(scene), wheel_heat=0.0, engine_heat=0.0)
    driven = replace(calm(scene), wheel_heat=1.0, engine_heat=1.0)
    assert not np.array_equal(
        picture(design, scene, parked, 2).thermal, picture(design, scene, driven, 2).thermal
    )


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_every_body_kind_fills_a_good_part_of_the_crop(kind: str) -> None:
    identity = next(one for one in range(1, 300) if draw_design(SEED, one).kind == kind)
    scene = scene_of("overcast")
    thin = replace(scene, wetness=0.0)
    random = np.random.default_rng(1)
    studio = Studio(replace(draw_design(SEED, identity), paint=paint_named("red")))
    shown = studio.triplet(random, thin, calm(thin), 2, HEIGHT, WIDTH)
    centre = shown.visible[HEIGHT // 3 : -HEIGHT // 3, WIDTH // 4 : -WIDTH // 4]
    assert centre.std() > 5


def test_identities_differ_and_repeat() -> None:
    assert draw_design(SEED, 3) == draw_design(SEED, 3)
    assert draw_design(SEED, 3) != draw_design(SEED, 4)
    assert draw_design(SEED, 3) != draw_design(SEED + 1, 3)


def test_scenes_do_not_depend_on_identities() -> None:
    assert draw_scene(SEED, 9) == draw_scene(SEED, 9)
    assert draw_scene(SEED, 9) != draw_scene(SEED, 10)


def test_no_coat_of_paint_is_unique_to_one_identity() -> None:
    names = [draw_design(SEED, one).paint.name for one in range(1, 201)]
    assert all(names.count(name) > 1 or names.count(name) == 0 for name in set(names))
