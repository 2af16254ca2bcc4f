"""P x K batches, from one source and from several."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training.data.sampler import BatchShape, Draw, MixedSampler, identity_batches
from vreid.errors import ConfigurationError

# Identity -> number of samples: more than K, exactly K, fewer than K.
LABELS = [label for label, count in {5: 9, 6: 4, 7: 2, 8: 5, 9: 8}.items() for _ in range(count)]
SHAPE = BatchShape(identities=2, samples=4)


def batches(seed: int = 0) -> list[list[int]]:
    return identity_batches(LABELS, SHAPE, np.random.default_rng(seed))


def test_every_batch_has_p_identities_with_k_samples_each() -> None:
    for batch in batches():
        counts = Counter(LABELS[row] for row in batch)
        assert list(counts.values()) == [4, 4]


def test_groups_stand_in_sequence() -> None:
    for batch in batches():
        labels = [LABELS[row] for row in batch]
        assert labels == [labels[0]] * 4 + [labels[4]] * 4


def test_no_sample_comes_twice_in_an_epoch_unless_its_identity_has_fewer_than_k() -> None:
    rows = Counter(row for batch in batches() for row in batch)
    assert all(count == 1 or LABELS[row] == 7 for row, count in rows.items())


def test_an_identity_with_fewer_than_k_gives_one_group_with_replacement() -> None:
    groups = [
        [row for row in batch if LABELS[row] == 7] for seed in range(20) for batch in batches(seed)
    ]
    assert {len(group) for group in groups} == {0, 4}


def test_an_epoch_ends_when_fewer_than_p_identities_have_groups_left() -> None:
    # Groups: 2, 1, 1, 1, 2, so at most three batches of two and never fewer than two.
    assert {len(batches(seed)) for seed in range(30)} <= {2, 3}


def sampler(leading: int = 0, rank: int = 0, replicas: int = 1) -> MixedSampler:
    other = [0] * 3 + [1] * 3
    shapes = [SHAPE, BatchShape(2, 3)]
    return MixedSampler([LABELS, other], shapes, 4, leading, rank, replicas)


def test_every_batch_holds_the_part_of_each_source() -> None:
    for batch in sampler():
        rows = [draw.sample for draw in batch]
        assert all(row < len(LABELS) for row in rows[:8])
        assert all(row >= len(LABELS) for row in rows[8:])
        assert len(rows) == 8 + 6


def test_the_leading_source_decides_the_length_of_an_epoch() -> None:
    assert len(sampler(leading=1)) == 1
    assert len(sampler(leading=0)) in (2, 3)


def test_an_epoch_depends_on_seed_and_epoch_alone() -> None:
    first, second = sampler(), sampler()
    list(first)
    for one in (first, second):
        one.start_at(epoch=3)
    assert list(first) == list(second)
    second.start_at(epoch=4)
    assert list(first) != list(second)


def test_a_resumed_epoch_is_the_rest_of_the_whole_one() -> None:
    whole = list(sampler())
    resumed = sampler()
    resumed.start_at(epoch=0, first_batch=1)
    assert len(resumed) == len(whole) - 1
    assert list(resumed) == whole[1:]


def test_every_place_of_an_epoch_has_a_seed_of_its_own() -> None:
    positions = [draw.position for batch in sampler() for draw in batch]
    assert positions == list(range(len(positions)))


def test_processes_share_the_batches_of_an_epoch() -> None:
    whole = sampler().epoch_batches(0)
    parts = [sampler(rank=rank, replicas=2).epoch_batches(0) for rank in range(2)]
    assert parts == [whole[0:2:2], whole[1:2:2]]
    positions = [
        {draw.position for batch in sampler(rank=rank, replicas=2) for draw in batch}
        for rank in range(2)
    ]
    assert positions[0].isdisjoint(positions[1])


def test_a_source_with_too_few_identities_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="identities_per_batch"):
        MixedSampler([[0, 0, 1, 1]], [BatchShape(3, 2)], seed=0)


@given(
    identities=st.integers(2, 7),
    samples=st.integers(1, 4),
    replicas=st.integers(1, 7),
    seed=st.integers(0, 9),
)
def test_processes_divide_every_batch_by_whole_identities(
    identities: int, samples: int, replicas: int, seed: int
) -> None:
    labels = [label for label in range(9) for _ in range(5)]
    shape = BatchShape(identities, samples)
    assume(replicas <= identities)

    def part(rank: int, count: int) -> list[list[Draw]]:
        return list(MixedSampler([labels], [shape], seed, rank=rank, replicas=count, divided=True))

    parts = [part(rank, replicas) for rank in range(replicas)]
    for batches_of_all, whole in zip(zip(*parts, strict=True), part(0, 1), strict=True):
        # Same draws, so same samples and same augmentation, whatever the number of processes.
        assert sorted(draw for batch in batches_of_all for draw in batch) == sorted(whole)
        for batch in batches_of_all:
            counts = Counter(labels[draw.sample] for draw in batch)
            assert set(counts.values()) == {samples}


def test_more_processes_than_identities_in_a_batch_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="fewer devices"):
        MixedSampler([LABELS], [SHAPE], seed=0, replicas=3, divided=True)
