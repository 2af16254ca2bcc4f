"""Rankings that were worked out by hand; the arithmetic stands beside each.

Average precision (AP) is the mean, over a query's positives, of the precision at the rank of each:
the k-th hit at rank r has k / r. The inverse negative penalty (INP) is the number of positives over
the rank of the last. CMC at k is the share of queries whose first hit is at rank k or before.
"""

import math

import numpy as np
import pytest

from vreid.metrics import Junk, Labels, evaluate_ranking


def test_two_queries_without_junk() -> None:
    gallery = Labels([1, 2, 1, 3, 1])
    distances = [
        [0.1, 0.2, 0.3, 0.4, 0.5],
        [0.1, 0.2, 0.3, 0.4, 0.5],
    ]
    ranking = evaluate_ranking(distances, Labels([1, 2]), gallery, None)
    # Identity 1: hits at ranks 1, 3, 5.  AP = (1/1 + 2/3 + 3/5) / 3 = (34/15) / 3 = 34/45.
    # Identity 2: a hit at rank 2.        AP = 1/2.
    assert ranking.average_precision.tolist() == pytest.approx([34 / 45, 1 / 2])
    # mAP = (34/45 + 1/2) / 2 = (68/90 + 45/90) / 2 = 113/180.
    assert ranking.map == pytest.approx(113 / 180)
    # First hits at ranks 1 and 2: half of the queries at rank 1, all from rank 2 on.
    assert ranking.cmc.tolist() == [1 / 2, 1, 1, 1, 1]
    # INP = 3/5 and 1/2; their mean is (6/10 + 5/10) / 2 = 11/20.
    assert ranking.mean_inverse_negative_penalty == pytest.approx(11 / 20)


@pytest.mark.parametrize(
    ("junk", "average_precision", "penalty", "first"),
    [
        # Nothing is dropped: a hit, miss, hit, miss, hit.  (1/1 + 2/3 + 3/5) / 3 = 34/45; 3/5.
        (None, 34 / 45, 3 / 5, 1),
        # The 1st shares the camera: miss, hit, miss, hit.  (1/2 + 2/4) / 2 = 1/2; 2/4.
        ("camera", 1 / 2, 2 / 4, 2),
        # The 3rd shares the scene: hit, miss, miss, hit.   (1/1 + 2/4) / 2 = 3/4; 2/4.
        ("scene", 3 / 4, 2 / 4, 1),
        # The 5th shares the view: hit, miss, hit, miss.    (1/1 + 2/3) / 2 = 5/6; 2/3.
        ("view", 5 / 6, 2 / 3, 1),
    ],
)
def test_each_junk_rule_drops_what_shares_its_own_field(
    junk: Junk, average_precision: float, penalty: float, first: int
) -> None:
    query = Labels([1], camera=[1], scene=[1], view=[1])
    # The two of identity 2 share everything with the query and stay: junk is of one identity.
    gallery = Labels(
        identity=[1, 2, 1, 2, 1],
        camera=[1, 1, 2, 1, 2],
        scene=[2, 1, 1, 1, 2],
        view=[2, 1, 2, 1, 1],
    )
    ranking = evaluate_ranking([[0.1, 0.2, 0.3, 0.4, 0.5]], query, gallery, junk)
    assert ranking.map == pytest.approx(average_precision)
    assert ranking.mean_inverse_negative_penalty == pytest.approx(penalty)
    assert ranking.first_match.tolist() == [first]


def test_ties_are_broken_by_the_order_of_the_gallery() -> None:
    ranking = evaluate_ranking([[0.2, 0.2, 0.1, 0.2]], Labels([1]), Labels([2, 1, 3, 1]), None)
    # Order: the 3rd, then 1st, 2nd, 4th. Hits at ranks 3 and 4.  AP = (1/3 + 2/4) / 2 = 5/12.
    assert ranking.map == pytest.approx(5 / 12)
    assert ranking.cmc.tolist() == [0, 0, 1, 1]
    # INP = 2/4.
    assert ranking.mean_inverse_negative_penalty == pytest.approx(1 / 2)


def test_what_is_infinitely_far_is_not_retrieved() -> None:
    ranking = evaluate_ranking(
        [[0.1, 0.2, 0.3, math.inf, math.inf]],
        Labels([1], scene=[7]),
        Labels([1, 1, 2, 1, 3], scene=[7, 8, 7, 8, 7]),
        "scene",
    )
    # The 1st is junk. Left: a hit at rank 1, a miss at rank 2, and two that are not retrieved, one
    # of them a positive.  AP = (1/1 + 0) / 2 = 1/2.
    assert ranking.map == pytest.approx(1 / 2)
    # The positive that was not retrieved counts at the last of the four places.  INP = 2/4.
    assert ranking.mean_inverse_negative_penalty == pytest.approx(2 / 4)
    assert ranking.cmc.tolist() == [1, 1, 1, 1, 1]


def test_a_pair_that_is_left_out_holds_no_rank() -> None:
    ignored = np.array([[True, False, False, True]])
    ranking = evaluate_ranking(
        [[0.1, 0.2, 0.3, 0.4]], Labels([1]), Labels([2, 3, 1, 1]), None, ignored
    )
    # Without the 1st and the 4th: a miss, then the one positive left at rank 2.  AP = 1/2.
    assert ranking.map == pytest.approx(1 / 2)
    assert ranking.mean_inverse_negative_penalty == pytest.approx(1 / 2)


def test_a_query_without_a_positive_is_no_part_of_the_mean() -> None:
    ranking = evaluate_ranking(
        [[0.1, 0.2], [0.1, 0.2], [0.1, 0.2]],
        Labels([1, 1, 4], camera=[1, 2, 1]),
        Labels([1, 2], camera=[1, 1]),
        "camera",
    )
    # The first query's one positive is of its own camera, the third has none: mAP = (1/1) / 1.
    assert ranking.query_rows.tolist() == [1]
    assert (ranking.map, ranking.valid_queries) == (1, 1)


def test_a_distance_of_minus_infinity_is_the_nearest() -> None:
    ranking = evaluate_ranking([[0.1, -math.inf]], Labels([1]), Labels([2, 1]), None)
    # The 2nd comes first: AP = 1/1.
    assert ranking.map == 1
