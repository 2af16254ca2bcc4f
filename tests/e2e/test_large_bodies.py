"""Bodies that arrive in many pieces, several on one connection, are answered."""

import pytest

from tests.e2e.processes import ServiceProcess
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet


@pytest.mark.parametrize("size", [60_000, 70_000, 200_000, 3_000_000])
def test_each_of_several_large_bodies_on_a_connection_is_answered(
    service: ServiceProcess, size: int
) -> None:
    for _ in range(8):
        answer = service.client.post("/embed", files={"rgb": b"\xff" * size})
        assert_problem(answer, 422, "undecodable-image")
        padded = triplet(1)["rgb"] + bytes(size)
        assert service.client.post("/embed", files={"rgb": padded}).status_code == 200
