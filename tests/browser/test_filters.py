"""A filter in the form: what the form cannot show stays as it was asked for."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import page_opener

READ = """async (filter) => {
  const { filters } = await import("/console/labels/filters.js");
  const form = filters(document.createElement("div"), { scope: "search" });
  form.set(filter);
  return form.read();
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, sample_service: str) -> Iterator[Page]:
    with page_opener(browser) as opener:
        yield opener(sample_service)


@pytest.mark.parametrize(
    "filter",
    [
        {"camera": ["north", "gate, east", 'the "old" one', " yard "]},
        {"camera": {"exists": True}, "exclude_camera": ["a"]},
        {"identity": {"exists": False}},
        {"identity": {"exists": True}},
        {"captured_at": {"from": "2026-03-01T00:00:00.000Z"}},
        {"captured_at": {"from": "2026-03-01T00:00:00.123456Z", "to": "2026-04-01T00:00:00.000Z"}},
        {"captured_at": {"exists": False}},
        {"captured_at": {"from": "12026-03-01T00:00:00Z"}},
        {"attributes": {"speed": [62]}},
        {"attributes": {"speed": ["62", 62]}},
        {"attributes": {"speed": {"from": 10, "through": 20}}},
        {"attributes": {"speed": {"from": 10, "to": 20}, "colour": ["red, dark", "blue"]}},
        {"attributes": {"speed": {"above": 10}, "colour": {"exists": False}}},
        {"attributes": {"speed": {"from": "10"}, "towing": True, "axles": []}},
        {"exclude_same_camera": True, "exclude_same_scene": False},
        {"not": {"camera": "north"}, "any": [{"scene": "a"}]},
    ],
)
def test_a_filter_is_read_as_it_was_set(page: Page, filter: dict[str, Any]) -> None:
    assert page.evaluate(READ, filter) == filter
