"""Few rows are left to score exactly, and the best are among them."""

import numpy as np
import pytest

from service.gallery.columns.columns import RecordRows
from service.gallery.index.candidates import best_by_codes, best_of_tail, joined
from service.gallery.index.codes import candidates_for
from service.gallery.index.index import SearchIndex
from service.gallery.index.parts import Part
from service.gallery.index.planning import Eligible, eligible_rows, groups
from service.gallery.index.tail import Tail
from service.gallery.query import Query
from tests.service.gallery.builders import (
    FEATURE_SIZE,
    MASKS,
    new_record,
    random_features,
    stored_record,
)
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy
from vreid.scoring import score

ROWS = 2000
GROUPS = {"center": 1, "concat": 1, "shared": len(MASKS)}


@pytest.fixture(scope="module")
def rows() -> RecordRows:
    return RecordRows.of(
        [stored_record(number, new_record(number, MASKS[number % 7])) for number in range(1, 2001)]
    )


@pytest.fixture(scope="module")
def tail(rows: RecordRows) -> Part:
    tail = Tail(FEATURE_SIZE, 64)
    return Part.of(tail.append(rows, rows.features), np.ones(ROWS, np.bool_))


@pytest.fixture(scope="module")
def sealed(rows: RecordRows) -> Part:
    index = SearchIndex(FEATURE_SIZE, seal_rows=ROWS)
    index.append(rows, rows.features)
    assert index.step()
    (part,) = index.sealed_parts()
    index.close()
    return part


@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
@pytest.mark.parametrize("mask", MASKS)
def test_a_tail_leaves_few_rows(
    tail: Part, policy: ResolvedPolicy, mask: tuple[bool, bool, bool]
) -> None:
    query = Query(random_features(np.random.default_rng(1)), np.array(mask))
    eligible = eligible_rows(tail, None, None)
    found = best_of_tail(0, tail, groups(query, policy), eligible, 10)
    if policy == "concat" and not all(mask):
        assert len(found.rows) == 0
    else:
        # Besides the last few rows, which no segment has yet.
        assert 10 <= len(found.rows) <= 30 * GROUPS[policy] + 64


@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
def test_codes_leave_few_rows_and_the_best_are_among_them(
    sealed: Part, rows: RecordRows, policy: ResolvedPolicy
) -> None:
    query = Query(random_features(np.random.default_rng(1)), np.ones(3, np.bool_))
    eligible = eligible_rows(sealed, None, None)
    for group in groups(query, policy):
        found = joined(
            best_by_codes(
                [(0, sealed, eligible)],
                group,
                10,
                FEATURE_SIZE,
                lambda work: [each() for each in work],
            )
        )
        members = (
            np.arange(ROWS) if group.present is None else np.flatnonzero(rows.mask == group.present)
        )
        assert np.isin(found.rows, members).all()
        wanted = candidates_for(10, len(members))
        assert len(found) <= (2 if group.space.common != group.space.present else 1) * wanted
        exact = score(
            query.features[None],
            query.mask[None],
            rows.features[members],
            (rows.mask[members][:, None] >> np.arange(3) & 1).astype(np.bool_),
            policy,
        ).score[0]
        best = members[np.argsort(-exact, kind="stable")[:3]]
        assert np.isin(best, found.rows).all()


def test_no_selector_is_made_without_filter_and_deletions(sealed: Part, tail: Part) -> None:
    for part in (sealed, tail):
        assert eligible_rows(part, None, None) == Eligible(None, ROWS)
        assert eligible_rows(part, None, ROWS) == Eligible(None, ROWS)
        some = eligible_rows(part, None, 30)
        assert some.count == 30
        assert some.allowed is not None
        assert some.allowed[:30].all()
