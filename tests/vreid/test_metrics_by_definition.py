"""The metrics equal a slow implementation that was written from the definition alone."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vreid.slow_metrics import QueryFigures, Sighting, figures_of_query, share_matched
from vreid.errors import MetricError
from vreid.metrics import Junk, Labels, evaluate_ranking

# Few different values, so that ties, junk and queries without a positive are everywhere.
distance_values = st.sampled_from([0.0, 0.25, 0.5, 0.75, math.inf])
identities = st.sampled_from([1, 2, 3, None])
places = st.sampled_from(["a", "b", None])
sightings = st.builds(Sighting, identities, places, places, places)
junk_rules = st.sampled_from(["scene", "camera", "view", None])


def labels(samples: Sequence[Sighting]) -> Labels:
    return Labels(
        [each.identity for each in samples],
        [each.camera for each in samples],
        [each.scene for each in samples],
        [each.view for each in samples],
    )


# Drawing takes long where other work has the processors; that is no fault of the test.
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), junk_rules)
def test_every_figure_is_that_of_the_definition(data: st.DataObject, junk: Junk) -> None:
    query = data.draw(st.lists(sightings, min_size=1, max_size=4))
    gallery = data.draw(st.lists(sightings, min_size=1, max_size=8))

    def rows(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[list[float]]]:
        row = st.lists(values, min_size=len(gallery), max_size=len(gallery))
        return st.lists(row, min_size=len(query), max_size=len(query))

    distances = data.draw(rows(distance_values))
    ignored = np.array(data.draw(rows(st.booleans()))) > 0
    if data.draw(st.booleans()):
        ignored[:] = False

    by_query = [
        figures_of_query(row, sample, gallery, junk, without.tolist())
        for row, sample, without in zip(distances, query, ignored, strict=True)
    ]
    expected: list[QueryFigures] = [figures for figures in by_query if figures is not None]
    given_labels = (labels(query), labels(gallery), junk)
    if not expected:
        with pytest.raises(MetricError, match="no query has a positive"):
            evaluate_ranking(distances, *given_labels, ignored)
        return
    ranking = evaluate_ranking(distances, *given_labels, ignored)

    count = len(expected)
    assert ranking.valid_queries == count
    assert ranking.query_rows.tolist() == [
        row for row, figures in enumerate(by_query) if figures is not None
    ]
    assert ranking.average_precision.tolist() == pytest.approx(
        [each.average_precision for each in expected]
    )
    assert ranking.map == pytest.approx(sum(each.average_precision for each in expected) / count)
    unmatched = len(gallery) + 1
    assert ranking.first_match.tolist() == [each.first_match or unmatched for each in expected]
    assert ranking.cmc.tolist() == pytest.approx(
        [share_matched(expected, rank) for rank in range(1, len(gallery) + 1)]
    )
    assert ranking.mean_inverse_negative_penalty == pytest.approx(
        sum(each.inverse_negative_penalty for each in expected) / count
    )


@given(st.data())
def test_ignoring_nothing_is_the_same_as_no_mask(data: st.DataObject) -> None:
    gallery = data.draw(st.lists(sightings, min_size=2, max_size=8))
    gallery[0] = Sighting(1)
    distances = data.draw(
        st.lists(distance_values, min_size=len(gallery), max_size=len(gallery)).map(
            lambda row: [row]
        )
    )
    query = labels([Sighting(1)])
    plain = evaluate_ranking(distances, query, labels(gallery), None)
    nothing = np.zeros((1, len(gallery)), dtype=np.bool_)
    masked = evaluate_ranking(distances, query, labels(gallery), None, nothing)
    assert (plain.map, plain.cmc.tolist()) == (masked.map, masked.cmc.tolist())
