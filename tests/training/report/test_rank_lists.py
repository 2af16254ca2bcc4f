"""Which queries are shown and what stands in their lists, against sorting by hand."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.training.report.vehicles import PREPROCESSING, vehicles, without_thermal
from training.report.rank_lists import (
    MATCHES,
    MOST_JUNK,
    Verdict,
    chosen_queries,
    false_first_matches,
    rank_list,
)
from training.report.scored_dataset import ScoredDataset, score_dataset
from training.report.thumbnails import SIDES, thumbnails_within
from vreid.metrics import Labels
from vreid.modality import MODALITIES
from vreid.sample import Sample


@pytest.fixture(scope="module")
def scored() -> ScoredDataset:
    return score_dataset(vehicles()[1], "shared")


def test_lists_follow_the_score_and_number_what_counts(scored: ScoredDataset) -> None:
    labels = (scored.dataset.query.labels, scored.dataset.gallery.labels)
    assert labels[0].scene is not None
    assert labels[1].scene is not None
    for position in range(scored.ranking.valid_queries):
        one = rank_list(scored, position)
        values = [match.score for match in one.matches]
        assert values == sorted(values, reverse=True)
        ranks = [match.rank for match in one.matches if match.rank is not None]
        assert ranks == list(range(1, MATCHES + 1))
        for match in one.matches:
            same = labels[0].identity[one.query] == labels[1].identity[match.row]
            scene = labels[0].scene[one.query] == labels[1].scene[match.row]
            wanted = Verdict.JUNK if same and scene else Verdict.TRUE if same else Verdict.FALSE
            assert match.verdict is wanted
            assert (match.rank is None) == (wanted is Verdict.JUNK)
            assert np.nansum(match.contributions) == pytest.approx(match.score)
        hits = [match.rank for match in one.matches if match.verdict is Verdict.TRUE]
        if hits:
            assert hits[0] == one.first_match


def test_worst_median_and_best_are_chosen_once_and_in_order(scored: ScoredDataset) -> None:
    chosen = chosen_queries(scored)
    assert list(chosen) == ["worst", "median", "best"]
    positions = [position for group in chosen.values() for position in group]
    assert len(set(positions)) == 9
    precision = scored.ranking.average_precision
    assert precision[list(chosen["worst"])] == pytest.approx(np.sort(precision)[:3])
    assert precision[list(chosen["best"])] == pytest.approx(np.sort(precision)[::-1][:3])
    assert chosen == chosen_queries(scored)


def test_a_group_shows_different_vehicles_where_there_are_enough() -> None:
    dataset = vehicles()[1]
    identity = np.asarray(dataset.gallery.labels.identity)
    half = len(dataset.query)
    # Every vehicle is searched for twice.
    doubled = replace(
        dataset,
        query=dataset.gallery.rows(np.arange(len(identity)) >= half),
        gallery=dataset.query,
        junk=None,
    )
    scored = score_dataset(doubled, "shared")
    names = np.asarray(doubled.query.labels.identity)[scored.ranking.query_rows]
    for group in chosen_queries(scored).values():
        assert len({names[position] for position in group}) == 3


def test_few_queries_are_shown_once() -> None:
    scored = score_dataset(vehicles(identities=2)[1], "shared")
    assert {group: len(rows) for group, rows in chosen_queries(scored).items()} == {
        "worst": 2,
        "median": 0,
        "best": 0,
    }


def test_much_junk_is_counted_and_not_shown() -> None:
    dataset = vehicles(noise=0.1)[1]
    gallery = dataset.gallery
    # Five entries of the first query's own scene, which stand before everything else.
    copies = [0] * 5 + list(range(len(gallery)))
    labels = Labels(
        np.asarray(gallery.labels.identity)[copies],
        scene=np.asarray(gallery.labels.scene)[copies],
    )
    more = replace(
        gallery, features=gallery.features[copies], mask=gallery.mask[copies], labels=labels
    )
    scored = score_dataset(replace(dataset, gallery=more), "shared")
    one = rank_list(scored, 0)
    assert one.query == 0
    assert [match.verdict for match in one.matches].count(Verdict.JUNK) == MOST_JUNK
    assert one.junk_left_out == 6 - MOST_JUNK


def test_false_first_matches_come_by_falling_score(scored: ScoredDataset) -> None:
    failures = false_first_matches(scored)
    wrong = scored.ranking.first_match > 1
    assert len(failures) == wrong.sum() > 0
    assert {one.query for one in failures} == set(scored.ranking.query_rows[wrong].tolist())
    values = [one.found.score for one in failures]
    assert values == sorted(values, reverse=True)
    for one in failures:
        assert one.wanted is not None
        position = scored.ranking.query_rows.tolist().index(one.query)
        assert one.wanted.rank == scored.ranking.first_match[position]
        assert one.wanted.score <= one.found.score
    assert [one.query for one in false_first_matches(scored, 1)] == [failures[0].query]


def test_of_equal_scores_the_earlier_row_is_first_and_without_pairs_none(
    scored: ScoredDataset,
) -> None:
    keys = np.zeros_like(scored.scores.ranking_key)
    keys[:, [4, 7]] = 0.5
    tied = replace(scored, scores=replace(scored.scores, ranking_key=keys))
    marked = np.zeros_like(scored.same)
    marked[0, 2:] = marked[1, 5:] = marked[2, [1, 3]] = True
    assert tied.first_of(marked)[:4].tolist() == [4, 7, 1, -1]


def test_a_modality_that_is_not_there_contributes_nothing() -> None:
    scored = score_dataset(without_thermal(vehicles()[1]), "shared")
    assert np.isnan(scored.contributions(0, 0)[2])
    assert not np.isnan(scored.contributions(0, 0)[:2]).any()


def test_thumbnails_shrink_until_they_fit() -> None:
    samples = vehicles()[0].gallery
    large = thumbnails_within(samples, range(10), PREPROCESSING, 10_000_000)
    assert set(large) == set(range(10))
    assert all(address.startswith("data:image/jpeg;base64,") for address in large[0].values())
    assert [set(large[index]) for index in range(10)] == [
        set(samples[index].images) for index in range(10)
    ]


def test_a_thumbnail_shown_often_counts_often() -> None:
    data = BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(data, "PNG")
    sample = Sample({MODALITIES[0]: data.getvalue()})

    def size(times: int, budget: int) -> int:
        made = thumbnails_within([sample], [0] * times, PREPROCESSING, budget)
        return len(made[0][MODALITIES[0]])

    largest = size(1, 1_000_000)
    assert size(10, 10 * largest) == largest
    assert 10 * size(10, 10 * largest - 1) < 10 * largest
    assert size(1, 0) == min(size(1, budget) for budget in (0, 5_000, 100_000))
    assert len(SIDES) > 1
