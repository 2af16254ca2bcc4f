"""Settings of a recipe that nothing would read: who gives one expects it to matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.model.backbones import BACKBONES
from vreid.errors import ConfigurationError

if TYPE_CHECKING:
    from training.config import TrainingConfig


def refuse_unused_settings(config: TrainingConfig, where: str) -> None:
    """Checks a recipe, not a checkpoint: what was trained so can be read for ever.

    Args:
        config: of the recipe.
        where: its file.

    Raises:
        ConfigurationError: a setting has no effect beside the others; the message names it.
    """
    model, schedule = config.model, config.schedule
    backbone = BACKBONES.get(model.backbone)
    if model.pooling != "class" and backbone is not None and not backbone.tokens:
        raise ConfigurationError(
            f"{where}: model.pooling is {model.pooling!r}, and {model.backbone!r} has no tokens to "
            "pool; leave it out, or take a vision transformer as model.backbone"
        )
    if schedule.milestones and schedule.kind != "multistep":
        raise ConfigurationError(
            f"{where}: schedule.milestones has no effect with schedule.kind {schedule.kind!r}; set "
            'it to [], or schedule.kind to "multistep"'
        )
