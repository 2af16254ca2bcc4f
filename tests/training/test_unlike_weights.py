"""What is said of weights that do not fit a model."""

import pytest
import torch

from training.config import TrainingConfig
from training.unlike_weights import unlike_settings, unlike_tensors


def changed(config: TrainingConfig, section: str, **settings: object) -> TrainingConfig:
    part = getattr(config, section).model_copy(update=settings)
    return config.model_copy(update={section: part})


def test_settings_that_differ_are_named_what_is_given_first(tiny: TrainingConfig) -> None:
    given = changed(tiny, "model", architecture="hamnet", backbone="resnet50")
    assert unlike_settings(tiny, given) == (
        "architecture hamnet instead of ccnet, backbone resnet50 instead of osnet_x0_25"
    )


@pytest.mark.parametrize("settings", [{"pretrained": "hub"}, {"drop_path": 0.5}])
def test_settings_without_tensors_are_no_difference(
    tiny: TrainingConfig, settings: dict[str, object]
) -> None:
    assert unlike_settings(tiny, changed(tiny, "model", **settings)) == ""


def test_the_image_size_is_named_where_the_model_is_the_same(tiny: TrainingConfig) -> None:
    larger = changed(tiny, "preprocessing", height=64)
    assert unlike_settings(tiny, larger) == "image size 64 x 32 instead of 32 x 32"
    assert "image size" not in unlike_settings(tiny, changed(larger, "model", backbone="resnet50"))


def test_tensors_that_do_not_fit_are_counted_and_one_is_named() -> None:
    wanted = {"a": torch.zeros(2), "b": torch.zeros(3)}
    assert unlike_tensors(wanted, wanted) == "all tensors fit"
    assert unlike_tensors(wanted, {"a": torch.zeros(2), "c": torch.zeros(1)}) == (
        "2 tensors do not fit, the first: b is missing"
    )
    assert unlike_tensors(wanted, {**wanted, "c": torch.zeros(1)}).endswith("c is unknown")
    assert unlike_tensors(wanted, {**wanted, "b": torch.zeros(4)}).endswith(
        "b has shape (4,) instead of (3,)"
    )
