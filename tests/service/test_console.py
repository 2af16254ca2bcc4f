import posixpath
import re
from html.parser import HTMLParser

import httpx
import pytest

from service.routes.console import STATIC

MODULES = {
    path.relative_to(STATIC).as_posix(): path.read_text("utf-8")
    for path in sorted(STATIC.rglob("*.js"))
}
IMPORTS = re.compile(r'(?:import|export) \{([^}]*)\} from "(\.[^"]+)"')
LOADED_LATER = re.compile(r'import\("(\.[^"]+)"\)')
ROOMS = (
    {"calls"},
    {"parts", "router.js"},
    {"access", "labels", "pictures", "records", "jobs", "memory"},
    {"search", "compare", "enrol", "browse", "record", "activity", "status"},
    {"main.js"},
)
"""The console's folders and the modules beside them: each imports from itself and from above."""

EXPORTS = re.compile(r"export (?:async )?(?:function|class|const) (\w+)")


def named(source: str, module: str) -> str:
    """The name of the module that a module means by `source`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(module), source))


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
    policy = response.headers["content-security-policy"].split("; ")
    assert not any(rule.startswith("script-src") and rule != "script-src 'self'" for rule in policy)
    assert any(rule in policy for rule in ("default-src 'self'", "default-src 'none'"))
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


def test_the_console_may_load_nothing_but_its_own_files_and_show_blobs(
    client: httpx.Client,
) -> None:
    policy = client.get("/").headers["content-security-policy"].split("; ")
    rules = dict(rule.partition(" ")[::2] for rule in policy)
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["img-src"] == "'self' blob:"


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_imports_is_exported_there(name: str) -> None:
    for names, source in IMPORTS.findall(MODULES[name]):
        wanted = {each.strip().partition(" as ")[0] for each in names.split(",") if each.strip()}
        assert wanted <= set(EXPORTS.findall(MODULES[named(source, name)])), f"{name}: {source}"


def test_rooms_import_only_from_rooms_above_them() -> None:
    levels = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
    for name, text in MODULES.items():
        room = name.partition("/")[0]
        for source in [source for _, source in IMPORTS.findall(text)] + LOADED_LATER.findall(text):
            other = named(source, name).partition("/")[0]
            assert room == other or levels[other] < levels[room], f"{name}: {source}"


def test_every_module_is_loaded_by_the_page(client: httpx.Client) -> None:
    pages = [Page(client.get(path).text) for path in ("/", "/docs")]
    sources = [script["src"] or "" for page in pages for script in page.of("script")]
    waiting = [
        source.removeprefix("/console/") for source in sources if source.startswith("/console/")
    ]
    loaded: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in loaded:
            loaded.add(name)
            sources = [source for _, source in IMPORTS.findall(MODULES[name])]
            sources += LOADED_LATER.findall(MODULES[name])
            waiting += [named(source, name) for source in sources]
    assert loaded == set(MODULES)


def test_every_style_sheet_is_loaded_by_the_page(client: httpx.Client) -> None:
    links = Page(client.get("/").text).of("link")
    loaded = {str(link["href"]).removeprefix("/console/") for link in links}
    assert {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.css")} <= loaded


@pytest.mark.parametrize("name", MODULES)
def test_no_module_makes_code_or_elements_out_of_text(name: str) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.findall(forbidden, MODULES[name])
    assert not re.findall(r"https?://", MODULES[name])


def test_the_console_asks_only_for_elements_that_the_page_has(client: httpx.Client) -> None:
    page = Page(client.get("/").text)
    ids = {attributes.get("id") for _, attributes in page.elements}
    for script in MODULES.values():
        assert set(re.findall(r'getElementById\("([^"]+)"\)', script)) <= ids


def test_console_files_outside_its_directory_are_not_served(client: httpx.Client) -> None:
    for path in ("/console/..%2f__init__.py", "/console/%2e%2e/%2e%2e/settings.py"):
        assert client.get(path).status_code == 404
