import re
from html.parser import HTMLParser

import httpx
import pytest


class Page(HTMLParser):
    """What matters of a page: elements, and where scripts and styles come from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_have_no_inline_code_and_nothing_from_elsewhere(
    client: httpx.Client, path: str
) -> None:
    response = client.get(path)
    page = Page(response.text)
    assert response.headers["content-type"].startswith("text/html")
    assert "script-src" not in response.headers["content-security-policy"]
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert all(script["src"] for script in page.of("script"))
    assert not page.of("style")
    for _, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("src", "href"):
            assert not (attributes.get(name) or "").startswith(("http:", "https:", "//"))


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_everything_that_a_page_loads_is_there(client: httpx.Client, path: str) -> None:
    page = Page(client.get(path).text)
    wanted = [script["src"] for script in page.of("script")]
    wanted += [link["href"] for link in page.of("link")]
    for address in wanted:
        assert address is not None
        assert client.get(address).status_code == 200


def test_every_input_of_the_console_has_a_label(client: httpx.Client) -> None:
    page = Page(client.get("/").text)
    labelled = {label.get("for") for label in page.of("label")}
    for tag in ("input", "select"):
        assert all(field["id"] in labelled for field in page.of(tag))


def test_the_console_asks_only_for_elements_that_the_page_has(client: httpx.Client) -> None:
    page = Page(client.get("/").text)
    ids = {attributes.get("id") for _, attributes in page.elements}
    script = client.get("/console/console.js").text
    assert set(re.findall(r'getElementById\("([^"]+)"\)', script)) <= ids


def test_console_files_outside_its_directory_are_not_served(client: httpx.Client) -> None:
    for path in ("/console/..%2f__init__.py", "/console/%2e%2e/%2e%2e/settings.py"):
        assert client.get(path).status_code == 404
