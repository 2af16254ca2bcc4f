"""Groups, pages and re-ranking over HTTP."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.problem_checks import assert_problem
from tests.service.search.served_gallery import encoded, ids, pages, refused, search
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


def test_groups_have_their_best_sample_first_and_count_what_was_found(client: httpx.Client) -> None:
    plain = search(client, samples=[encoded(triplet(0, 6))], k=20)
    grouped = search(
        client, samples=[encoded(triplet(0, 6))], k=20, group_by="identity", group_size=2
    )
    expected: dict[str, list[str]] = {}
    for result in plain["results"]:
        expected.setdefault(result["identity"] or result["id"], []).append(result["id"])
    assert ids(grouped) == [members[0] for members in expected.values()]
    assert [result["rank"] for result in grouped["results"]] == list(range(1, len(expected) + 1))
    for result, members in zip(grouped["results"], expected.values(), strict=True):
        group = result["group"]
        assert [sample["id"] for sample in group["samples"]] == members[:2]
        assert [sample["rank"] for sample in group["samples"]] == [1, 2][: len(members)]
        assert group["found"] == len(members)
        assert group["identity"] == result["identity"]
    assert grouped["searched"] == 17
    assert grouped["next_cursor"] is None


def test_k_counts_groups(client: httpx.Client) -> None:
    answer = search(client, id="3-south", k=2, group_by="identity")
    assert len(answer["results"]) == 2
    assert answer["results"][0]["group"]["found"] == 2
    assert "3-south" not in [
        sample["id"] for result in answer["results"] for sample in result["group"]["samples"]
    ]


@pytest.mark.parametrize("options", [{}, {"group_by": "identity"}, {"min_score": 0.0}])
def test_pages_together_are_the_ranking(client: httpx.Client, options: dict[str, Any]) -> None:
    query = {"samples": [encoded({"tir": triplet(4, 6)["tir"]})], **options}
    whole = search(client, **query, k=20)
    found = pages(client, **query, k=3)
    assert [each for answer in found for each in ids(answer)] == ids(whole)
    ranks = [result["rank"] for answer in found for result in answer["results"]]
    assert ranks == list(range(1, len(ids(whole)) + 1))
    assert len(found) == -(-len(ids(whole)) // 3)


def test_a_page_may_have_another_size_and_be_asked_for_by_form_or_embedding(
    client: httpx.Client,
) -> None:
    whole = client.post("/search", files=triplet(1, 6), data={"k": "9"}).json()
    fields = {"k": "4", "features": "true"}
    first = client.post("/search", files=triplet(1, 6), data=fields).json()
    cursor = first["next_cursor"]
    by_form = client.post(
        "/search", files=triplet(1, 6), data={"k": "5", "cursor": cursor, "explain": "true"}
    ).json()
    by_embedding = search(client, embedding=first["query"]["embedding"], cursor=cursor, k=5)
    assert ids(first) + ids(by_form) == ids(whole) == ids(first) + ids(by_embedding)


def test_pages_neither_repeat_nor_skip_while_others_store_and_delete(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with running_service(calibrated_bundle.path, tmp_path / "gallery") as (client, _):
        for number in range(8):
            client.post("/gallery", files=triplet(number), data={"id": f"r{number}"})
        query = {"samples": [encoded(triplet(3, 5))]}
        ranking = ids(search(client, **query, k=8))
        first = search(client, **query, k=3)
        # A record better than all, one of the first page and one of the next.
        client.post("/gallery", files=triplet(3, 5), data={"id": "new"})
        client.delete(f"/gallery/{ranking[1]}")
        client.delete(f"/gallery/{ranking[4]}")
        client.patch(f"/gallery/{ranking[2]}", json={"camera": "north"})
        second = search(client, **query, k=10, cursor=first["next_cursor"])
        assert ids(first) == ranking[:3]
        assert ids(second) == [ranking[3], *ranking[5:]]
        assert [result["rank"] for result in second["results"]] == [4, 5, 6, 7]
        assert ids(search(client, **query, k=1)) == ["new"]


def test_a_cursor_belongs_to_its_search(client: httpx.Client) -> None:
    cursor = search(client, id="1-north", k=2)["next_cursor"]
    for other in (
        {"id": "1-south"},
        {"ids": ["1-north", "1-south"]},
        {"id": "1-north", "policy": "center"},
        {"id": "1-north", "filter": {"camera": "north"}},
        {"id": "1-north", "min_score": 0.1},
        {"id": "1-north", "group_by": "identity"},
    ):
        response = client.post("/search", json={**other, "cursor": cursor})
        body = assert_problem(response, 422, "invalid-request")
        assert "belongs to another search" in body["detail"]
        assert [error["field"] for error in body["errors"]] == ["cursor"]
    assert refused(client, id="1-north", cursor=cursor[:-1]) == ["cursor"]
    assert refused(client, id="1-north", cursor=cursor, rerank=True) == ["cursor"]


def test_re_ranking_keeps_the_first_scores_and_ranks_beside(client: httpx.Client) -> None:
    plain = search(client, id="2-gate", k=16)
    for rerank in (True, {"method": "query-expansion", "neighbours": 2}):
        answer = search(client, id="2-gate", k=16, rerank=rerank)
        assert sorted(ids(answer)) == sorted(ids(plain))
        distances = [result["rerank"]["distance"] for result in answer["results"]]
        assert distances == sorted(distances)
        for result in answer["results"]:
            before = plain["results"][result["rerank"]["original_rank"] - 1]
            assert result["id"] == before["id"]
            for name in ("score", "probability", "match", "contributions"):
                assert result[name] == before[name]
        assert answer["next_cursor"] is None
    assert plain["results"][0]["rerank"] is None


def test_only_the_candidates_are_re_ranked_and_grouped(client: httpx.Client) -> None:
    plain = search(client, id="2-gate", k=5)
    answer = search(client, id="2-gate", k=5, rerank={"candidates": 5}, group_by="identity")
    members = [s["id"] for result in answer["results"] for s in result["group"]["samples"]]
    assert sorted(members) == sorted(ids(plain))
    assert answer["searched"] == 5


def test_re_ranking_needs_as_many_candidates_as_results(client: httpx.Client) -> None:
    assert refused(client, id="2-gate", k=6, rerank={"candidates": 5}) == ["rerank.candidates"]
    # Within the service's own limit, 1000.
    assert len(ids(search(client, id="2-gate", k=1000, rerank=True))) == 16
