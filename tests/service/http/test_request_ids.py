import re

import pytest

from service.http.request_ids import chosen_request_id, new_request_id


def test_a_new_id_is_32_digits_and_never_the_same() -> None:
    found = {new_request_id() for _ in range(1000)}
    assert len(found) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in found)


def test_a_short_and_plain_id_of_the_caller_is_kept() -> None:
    assert chosen_request_id("job-7:3.a_b") == "job-7:3.a_b"


@pytest.mark.parametrize("given", [None, "", "a b", "a\n", "é", "a" * 129])
def test_any_other_is_replaced(given: str | None) -> None:
    assert re.fullmatch("[0-9a-f]{32}", chosen_request_id(given))
