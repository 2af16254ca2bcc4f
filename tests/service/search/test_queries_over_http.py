"""What a query over HTTP may be made of, and what is said about what was compared."""

import base64

import httpx
import numpy as np

from tests.service.calibrated_bundle import THRESHOLD
from tests.service.problem_checks import assert_problem
from tests.service.search.served_gallery import encoded, ids, refused, search
from tests.service.vehicles import picture, triplet
from vreid.modality import Modality


def test_images_records_and_embeddings_are_fused_by_the_mean_of_each_modality(
    client: httpx.Client,
) -> None:
    files = [triplet(1, 5), {"rgb": picture(1, 6)}, {"tir": picture(1, 7, Modality.TIR)}]
    samples = [encoded(each) for each in files]
    embedded = client.post("/embed", json={"samples": samples, "features": True}).json()
    first, second, third = (each["features"] for each in embedded["samples"])
    mixed = search(
        client,
        samples=samples[:1],
        ids=["1-north"],
        embeddings=[{"features": second}, {"features": third}],
        features=True,
    )
    stored = search(client, id="1-north", features=True)["query"]["embedding"]["features"]
    known = [np.frombuffer(base64.b64decode(row), "<f4") for row in stored]
    means = [
        np.mean([first[0], second[0], known[0]], axis=0),
        np.mean([first[1], known[1]], axis=0),
        np.mean([first[2], third[2], known[2]], axis=0),
    ]
    sent = mixed["query"]["embedding"]
    found = [np.frombuffer(base64.b64decode(row), "<f4") for row in sent["features"]]
    np.testing.assert_allclose(found, means, rtol=2e-3, atol=1e-3)
    assert "1-north" not in ids(mixed)
    assert ids(mixed)[0].startswith("1-")


def test_the_returned_embedding_finds_the_same(client: httpx.Client) -> None:
    by_images = client.post("/search", files=triplet(2, 6), data={"features": "true"}).json()
    by_embedding = search(client, embedding=by_images["query"]["embedding"])
    assert by_embedding["results"] == by_images["results"]


def test_records_of_several_identities_are_fused_with_a_warning(client: httpx.Client) -> None:
    assert any(
        "identities" in text for text in search(client, ids=["1-north", "2-north"])["warnings"]
    )
    assert search(client, ids=["1-north", "1-south"])["warnings"] == []


def test_what_makes_no_query_is_refused_by_name(client: httpx.Client) -> None:
    assert refused(client, embeddings=[{"features": [[0.0] * 16, None, None]}]) == [
        "embeddings[0].features[0]"
    ]
    assert refused(client, embedding={"features": [None, [1.0], None]}) == ["embedding.features[1]"]
    assert refused(client, ids=[f"r{number}" for number in range(65)]) == ["ids"]
    assert_problem(client.post("/search", json={"ids": ["1-north", "z"]}), 404, "unknown-record")


def test_parts_of_a_query_that_cancel_out_are_refused_by_name(client: httpx.Client) -> None:
    there, back = ([[sign] * 16, None, None] for sign in (1.0, -1.0))
    opposite = [{"features": there}, {"features": back}]
    assert refused(client, embeddings=opposite) == ["embeddings"]
    stored = search(client, id="1-north", features=True)["query"]["embedding"]["features"]
    row = -np.frombuffer(base64.b64decode(stored[1]), "<f4")
    negated = {"features": [None, row.tolist(), None]}
    assert refused(client, id="1-north", embedding=negated) == ["id", "embedding"]
    assert search(client, embeddings=[*opposite, {"features": there}])["query"]["mask"]["rgb"]


def test_a_query_names_the_row_of_an_embedding_that_float16_cannot_hold(
    client: httpx.Client,
) -> None:
    row = [70000.0] * 16
    assert refused(client, embedding={"features": [None, row, None]}) == ["embedding.features[1]"]
    assert refused(client, embeddings=[{"features": [None, None, row]}]) == [
        "embeddings[0].features[2]"
    ]


def test_a_filter_at_fault_is_named(client: httpx.Client) -> None:
    assert refused(client, "invalid-filter", id="1-north", filter={"colour": "red"}) == ["filter"]


def test_an_explanation_says_what_was_compared(client: httpx.Client) -> None:
    images = triplet(1, 6)
    query = encoded({"nir": images["nir"], "tir": images["tir"]})
    answer = search(client, samples=[query], k=20, explain=True)
    by_id = {result["id"]: result for result in answer["results"]}
    whole, thermal = by_id["1-north"]["explanation"], by_id["1-gate"]["explanation"]
    assert (whole["representation"], whole["modalities"]) == ("shared:nir+tir", ["nir", "tir"])
    assert (thermal["representation"], thermal["modalities"]) == ("shared:tir", ["tir"])
    for result in by_id.values():
        explanation = result["explanation"]
        assert explanation["ranked_by"] == "probability"
        assert explanation["ranking_key"] == result["probability"]
        calibration = explanation["calibration"]
        assert calibration["table"] == "shared"
        assert calibration["probability"] == result["probability"]
        assert calibration["threshold"] == THRESHOLD
        assert calibration["probability"] >= calibration["threshold_probability"] or (
            result["match"] is False
        )
    center = search(
        client, samples=[encoded({"rgb": images["rgb"]})], k=20, policy="center", explain=True
    )
    by_id = {result["id"]: result for result in center["results"]}
    assert by_id["1-gate"]["explanation"]["representation"] == "center:rgb|tir"
    assert by_id["1-gate"]["explanation"]["modalities"] == []
    assert by_id["1-gate"]["explanation"]["ranked_by"] == "score"
    assert search(client, id="1-north")["results"][0]["explanation"] is None


def test_records_of_the_querys_own_camera_can_be_left_out(client: httpx.Client) -> None:
    same = {"exclude_same_camera": True}
    answer = search(client, id="1-north", k=20, filter=same)
    assert {result["camera"] for result in answer["results"]} == {"south", "gate", None}
    several = search(client, ids=["1-north", "1-gate"], k=20, filter=same)
    assert {result["camera"] for result in several["results"]} == {"south", None}
    images = [encoded(triplet(1, 6))]
    told = search(client, samples=images, camera="gate", k=20, filter=same)
    assert {result["camera"] for result in told["results"]} == {"north", "south", None}
    assert refused(client, samples=images, filter=same) == ["camera"]
    scene = {"exclude_same_scene": True}
    assert refused(client, samples=images, camera="gate", filter={"or": [same, scene]}) == ["scene"]
    by_scene = search(client, samples=images, scene="s1", k=20, filter=scene)
    assert {result["camera"] for result in by_scene["results"]} == {"north", "gate", None}


def test_a_record_without_a_camera_leaves_nothing_out_and_says_so(client: httpx.Client) -> None:
    answer = search(client, id="x9", k=20, filter={"exclude_same_camera": True})
    assert len(ids(answer)) == 16
    assert any("send camera" in text for text in answer["warnings"])
