import httpx

from service.running import Running
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


def test_a_service_that_can_search_is_ready(client: httpx.Client) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert set(answer.json()["checks"]) == {"bundle", "engine", "lanes", "gallery"}


def test_a_service_whose_gallery_is_gone_is_alive_and_not_ready(
    service: tuple[httpx.Client, Running],
) -> None:
    client, running = service
    running.gallery.close()
    response = client.get("/health/ready")
    assert "gallery" in assert_problem(response, 503, "not-ready")["detail"]
    assert response.headers["retry-after"]
    assert client.get("/health/live").status_code == 200


def test_info_names_model_engine_gallery_and_limits(
    service: tuple[httpx.Client, Running], calibrated_bundle: Bundle
) -> None:
    client, _ = service
    client.post("/gallery", files=triplet(1))
    answer = client.get("/info").json()
    assert answer["model"]["fingerprint"] == calibrated_bundle.fingerprint
    assert answer["model"]["feature_size"] == 16
    assert answer["engine"]["name"] == "onnxruntime-cpu"
    assert answer["engine"]["threads"] >= 1
    assert answer["gallery"]["records"] == 1
    index = answer["gallery"]["index"]
    assert (index["tail_rows"], index["sealed_rows"], index["sealed_segments"]) == (1, 0, 0)
    assert index["bytes_in_memory"] > 0
    assert answer["limits"]["k"] == 1000
