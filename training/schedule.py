"""Learning rate as a function of time, so that a resumed run needs no state for it."""

from math import cos, pi

from training.config import ScheduleConfig

ONE_CYCLE_START, ONE_CYCLE_END = 1 / 25, 1e-5


def learning_rate_factor(schedule: ScheduleConfig, time: float, epochs: int) -> float:
    """What to multiply the configured learning rate by.

    Args:
        schedule: which course.
        time: epochs since the start, with fraction.
        epochs: length of the run.
    """
    if schedule.kind == "one_cycle":
        return _one_cycle(time, schedule.warmup_epochs, epochs)
    if schedule.kind == "cosine":
        return _cosine(schedule, time, epochs)
    passed = sum(time >= milestone for milestone in schedule.milestones)
    return _warmup(schedule, time) * schedule.decay**passed


def _warmup(schedule: ScheduleConfig, time: float) -> float:
    if time >= schedule.warmup_epochs:
        return 1.0
    # Warm-up goes by whole epochs, as in the released code.
    share = int(time) / schedule.warmup_epochs
    return schedule.warmup_factor + (1 - schedule.warmup_factor) * share


def _one_cycle(time: float, rise: float, epochs: int) -> float:
    if time < rise:
        return _half_cosine(ONE_CYCLE_START, 1.0, time / rise)
    return _half_cosine(1.0, ONE_CYCLE_END, (time - rise) / max(epochs - rise, 1e-9))


def _cosine(schedule: ScheduleConfig, time: float, epochs: int) -> float:
    rise = schedule.warmup_epochs
    if time < rise:
        return schedule.warmup_factor + (1 - schedule.warmup_factor) * time / rise
    return _half_cosine(1.0, schedule.end_factor, (time - rise) / max(epochs - rise, 1e-9))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + cos(pi * min(share, 1.0))) / 2
