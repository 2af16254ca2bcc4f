from pathlib import Path

import pytest

from service.errors import GalleryUnsupported
from service.gallery.address import MilvusAddress, directory_of, parse_address
from service.settings import load_settings
from service.variables import effective_values
from vreid.errors import ConfigurationError

SECRET = "s3cr:t"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("milvus://host/name", MilvusAddress("http://host:19530", "name")),
        ("milvus://host:1/name?index=FLAT", MilvusAddress("http://host:1", "name", index="FLAT")),
        ("milvus+https://h:2/db/name", MilvusAddress("https://h:2", "name", "db")),
        ("milvus://u:p%2F@[::1]:3/n", MilvusAddress("http://[::1]:3", "n", "", "u", "p/")),
        ("milvus-lite:/a/b.db", MilvusAddress("/a/b.db", "gallery", index="FLAT")),
    ],
)
def test_reads_a_server(text: str, address: MilvusAddress) -> None:
    assert parse_address(text) == address
    assert parse_address(Path(text)) == address


@pytest.mark.parametrize("text", ["/a/b", "relative", "milvus", "a:b"])
def test_takes_everything_else_for_a_directory(text: str) -> None:
    assert parse_address(text) == Path(text)


@pytest.mark.parametrize(
    "text",
    [
        f"milvus://u:{SECRET}@host",
        f"milvus://u:{SECRET}@host/a/b/c",
        f"milvus://u:{SECRET}@host:port/a",
        f"milvus://u:{SECRET}@host/name?indx=FLAT",
        f"http://u:{SECRET}@host/name",
    ],
)
def test_a_wrong_address_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings({"gallery": text})
    assert SECRET not in str(refused.value)
    assert "milvus://" in str(refused.value)


def test_no_password_is_shown() -> None:
    settings = load_settings({"gallery": f"milvus://u:{SECRET}@host/name"})
    assert isinstance(settings.gallery, MilvusAddress)
    assert settings.gallery.password == SECRET
    shown = [str(effective_values(settings)), settings.model_dump_json(), repr(settings)]
    assert all(SECRET not in each for each in shown)
    assert all("milvus://u:***@host:19530/name" in each for each in shown[:2])


def test_what_needs_files_refuses_a_server() -> None:
    with pytest.raises(GalleryUnsupported, match="a backup"):
        directory_of("milvus://host/name", "a backup")
    assert directory_of("/somewhere", "a backup") == Path("/somewhere")
