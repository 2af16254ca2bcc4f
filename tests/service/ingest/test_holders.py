"""Idempotency keys belong to whoever holds the API key."""

from itertools import combinations

from service.keys.key import make_key
from service.routes.ingest import holders_key


def test_the_same_text_of_two_holders_means_two_requests() -> None:
    north, south = make_key("north", "enrol")[0], make_key("south", "enrol")[0]
    given = [holders_key("1", None), holders_key("1", north), holders_key("1", south)]
    assert all(one != other for one, other in combinations(given, 2))


def test_a_new_api_key_of_the_same_name_goes_on_where_the_old_one_was() -> None:
    old, new = make_key("north", "enrol")[0], make_key("north", "enrol")[0]
    assert holders_key("1", old) == holders_key("1", new)


def test_without_an_idempotency_key_the_content_counts_for_every_holder() -> None:
    assert holders_key(None, make_key("north", "enrol")[0]) is None


def test_no_name_reaches_into_the_keys_of_another() -> None:
    """A line break parts the two, and an idempotency key holds none."""
    name, other = make_key("a", "enrol")[0], make_key("a b", "enrol")[0]
    assert holders_key("b c", name) != holders_key("c", other)
