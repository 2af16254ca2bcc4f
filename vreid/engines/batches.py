"""How a batch of any size becomes runs of few fixed sizes.

Memory of an inference library grows with each new shape that it meets, and never shrinks.
"""

from collections.abc import Mapping, Sequence

_GPU_SIZES = (1, 4, 8, 16, 32)

_ONE = (1,)

_BY_ENGINE: Mapping[str, tuple[int, ...]] = {
    "onnxruntime-cuda": _GPU_SIZES,
    "onnxruntime-tensorrt": _GPU_SIZES,
}

_ON_A_PROCESSOR: Mapping[str, tuple[int, ...]] = {"int8": (1, 2, 4, 8)}
"""By precision. In 8 bits an image is computed in less time than it takes to bring a branch's
weights back into the processor's cache, which the other branches have emptied: runs of 8 give half
as many images again. In float32 larger runs are no faster, and with large networks slower."""


def batch_sizes_of(engine: str, precision: str) -> tuple[int, ...]:
    """What an engine's runs are padded to or compiled for, ascending."""
    return _BY_ENGINE.get(engine) or _ON_A_PROCESSOR.get(precision, _ONE)


def cut(count: int, batch_sizes: Sequence[int], lanes: int) -> list[slice]:
    """Which images go into which run: what fits one is one, more is shared out among the lanes.

    It depends on nothing but these numbers, so that an image's run does not depend on who else
    runs. What fits one run is not shared out: those who know the sizes keep a lane busy with each
    call, and halves of runs would take longer together.

    Args:
        count: images.
        batch_sizes: ascending.
        lanes: of the engine, free or not.
    """
    share = count if count <= batch_sizes[-1] else -(-count // lanes)
    size = padded_size(min(share, batch_sizes[-1]), batch_sizes)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def padded_size(count: int, batch_sizes: Sequence[int]) -> int:
    """The smallest of the ascending sizes that holds `count` images; none may be more."""
    return next(size for size in batch_sizes if size >= count)
