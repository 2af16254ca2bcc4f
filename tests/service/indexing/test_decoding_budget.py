"""Images are decoded together while their pixels fit into memory."""

import threading

from service.indexing.decoding_budget import BYTES_PER_PIXEL, DecodingBudget

PATIENCE = 60


def test_images_that_fit_are_decoded_together() -> None:
    budget = DecodingBudget(100 * BYTES_PER_PIXEL)
    together = threading.Barrier(2)

    def decode() -> None:
        with budget.of(50):
            together.wait(PATIENCE)

    threads = [threading.Thread(target=decode) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert not together.broken


def test_one_that_does_not_fit_waits_for_the_others_and_then_goes_alone() -> None:
    budget = DecodingBudget(100 * BYTES_PER_PIXEL)
    order: list[str] = []

    def decode() -> None:
        with budget.of(1000):
            order.append("large")

    with budget.of(1):
        large = threading.Thread(target=decode)
        large.start()
        large.join(0.05)
        order.append("small")
    large.join(PATIENCE)
    assert order == ["small", "large"]


def test_what_fails_gives_its_room_back() -> None:
    budget = DecodingBudget(BYTES_PER_PIXEL)
    for _ in range(3):
        try:
            with budget.of(1):
                raise MemoryError
        except MemoryError:
            continue
    with budget.of(1):
        pass
