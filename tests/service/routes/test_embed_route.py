import base64

import httpx
import numpy as np
import pytest

from tests.service.problem_checks import assert_problem
from tests.service.vehicles import picture, thermal_tiff, triplet
from vreid.bundle import Bundle
from vreid.embedding import embed_samples
from vreid.engines import open_engine
from vreid.fusion import concatenate, masked_center
from vreid.modality import Modality, parse_modality
from vreid.sample import Sample


def as_json(images: dict[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(data).decode() for name, data in images.items()}


def in_process(bundle: Bundle, images: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray]:
    sample = Sample({parse_modality(name): data for name, data in images.items()})
    return embed_samples([sample], bundle, open_engine(bundle))


def test_a_complete_sample_gets_both_representations(
    client: httpx.Client, calibrated_bundle: Bundle
) -> None:
    answer = client.post("/embed", files=triplet(1)).json()
    (sample,) = answer["samples"]
    features, mask = in_process(calibrated_bundle, triplet(1))
    assert sample["mask"] == {"rgb": True, "nir": True, "tir": True}
    np.testing.assert_allclose(sample["center"], masked_center(features, mask)[0], atol=1e-7)
    np.testing.assert_allclose(sample["concat"], concatenate(features)[0], atol=1e-7)
    assert answer["model"]["fingerprint"] == calibrated_bundle.fingerprint


def test_an_incomplete_sample_has_a_center_and_no_concatenation(client: httpx.Client) -> None:
    (sample,) = client.post("/embed", files={"nir": picture(1, 0, Modality.NIR)}).json()["samples"]
    assert sample["mask"] == {"rgb": False, "nir": True, "tir": False}
    assert sample["concat"] is None
    assert np.linalg.norm(sample["center"]) == pytest.approx(1, abs=1e-6)


def test_a_document_embeds_several_samples_in_their_order(client: httpx.Client) -> None:
    samples = [as_json(triplet(1)), as_json({"rgb": picture(2)})]
    answer = client.post("/embed", json={"samples": samples}).json()
    alone = [
        client.post("/embed", json={"samples": [each]}).json()["samples"][0] for each in samples
    ]
    assert answer["samples"] == alone


def test_vectors_can_come_as_base64_of_float32(client: httpx.Client) -> None:
    numbers = client.post("/embed", files=triplet(1)).json()["samples"][0]["center"]
    text = client.post("/embed", files=triplet(1), data={"encoding": "base64"}).json()
    decoded = np.frombuffer(base64.b64decode(text["samples"][0]["center"]), dtype="<f4")
    np.testing.assert_array_equal(decoded, np.array(numbers, dtype=np.float32))


def test_branch_features_come_when_asked_for(
    client: httpx.Client, calibrated_bundle: Bundle
) -> None:
    images = {"rgb": picture(1), "tir": picture(1, 0, Modality.TIR)}
    answer = client.post("/embed", files=images, data={"features": "true"}).json()
    rgb, nir, tir = answer["samples"][0]["features"]
    features, _ = in_process(calibrated_bundle, images)
    assert nir is None
    np.testing.assert_array_equal(np.array([rgb, tir], dtype=np.float32), features[0][[0, 2]])


def test_a_picture_in_the_wrong_slot_is_warned_about(client: httpx.Client) -> None:
    (sample,) = client.post("/embed", files={"nir": picture(1)}).json()["samples"]
    assert any("nir image has colour" in warning for warning in sample["warnings"])


def test_a_radiometric_thermal_picture_is_read(client: httpx.Client) -> None:
    response = client.post("/embed", files={"tir": thermal_tiff(1)})
    assert response.status_code == 200


def test_too_many_samples_are_refused(client: httpx.Client) -> None:
    samples = [as_json({"rgb": picture(1)})] * 65
    body = assert_problem(client.post("/embed", json={"samples": samples}), 422, "invalid-request")
    assert "at most 64" in body["detail"]


def test_the_sample_at_fault_is_named(client: httpx.Client) -> None:
    samples = [as_json({"rgb": picture(1)}), as_json({"tir": b"nothing"})]
    body = assert_problem(
        client.post("/embed", json={"samples": samples}), 422, "undecodable-image"
    )
    assert body["errors"][0]["field"] == "samples[1].tir"
