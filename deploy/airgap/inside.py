"""Installs a bundle, searches, upgrades, goes back and removes it again; prints what was seen.

Runs as root in a minimal Debian without a network: standard library only.

usage: python3 inside.py BUNDLE
"""

from __future__ import annotations

import errno
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = Path("/opt/vreid")
UNIT = Path("/etc/systemd/system/vreid.service")
STATE = Path("/var/lib/vreid")
ADDRESS = "http://127.0.0.1:8000"
READY_SECONDS = 300.0


def main(bundle: Path) -> None:
    """Run every step; an assertion ends it at the first that fails."""
    since = time.monotonic()

    def told(sentence: str) -> None:
        nonlocal since
        print(f"  {time.monotonic() - since:6.1f} s  {sentence}", flush=True)
        since = time.monotonic()

    check_no_network()
    told("no interface but loopback, no way out")
    run("sha256sum", "--check", "--quiet", "--strict", "MANIFEST.sha256", folder=bundle)
    told("sha256sum finds every file as the manifest has it")
    refuse_tampering(bundle)
    told("a byte more in a wheel, a file too many, a file too few: nothing is installed")

    installed(bundle, "install", "--units")
    first = os.readlink(PREFIX / "current")
    told(f"installed {Path(first).name}: {size(Path(first)) / 1e6:.0f} MB")
    again = installed(bundle, "install", "--units")
    assert "is installed" in again, again
    told("installed again: nothing to do")

    make_directories()
    vreid("index", f"{share()}/samples", "--bundle", f"{share()}/model", "--gallery", gallery())
    told("indexed the sample gallery")
    key = vreid("keys", "create", "trial").strip()
    with serving():
        told("the unit's command is ready")
        told(f"searched over HTTP: {search(key)}")

    second = next_version(bundle)
    installed(second, "install")
    assert os.readlink(PREFIX / "previous") == first
    assert os.readlink(PREFIX / "current") != first
    told("upgraded")
    with serving():
        told(f"searched the same gallery: {search(key)}")
    run("python3", str(PREFIX / "current" / "install.py"), "rollback")
    assert os.readlink(PREFIX / "current") == first
    with serving():
        told(f"went back, and searched: {search(key)}")

    records = Path(gallery()) / "gallery.sqlite3"
    run("python3", str(PREFIX / "current" / "install.py"), "uninstall")
    assert not PREFIX.exists()
    assert not UNIT.exists()
    assert records.is_file()
    assert Path("/etc/vreid/vreid.env").is_file()
    told("removed; gallery, keys and settings are still there")


def check_no_network() -> None:
    """Assert that nothing but this machine itself can be reached."""
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    with socket.socket() as outside:
        assert outside.connect_ex(("192.0.2.1", 80)) == errno.ENETUNREACH


def refuse_tampering(bundle: Path) -> None:
    """Assert that a bundle with any fault is refused before anything is done."""
    wheel = max((bundle / "wheels").iterdir(), key=lambda path: path.stat().st_size)
    length = wheel.stat().st_size
    with wheel.open("ab") as file:
        file.write(b"x")
    refused(bundle, f"{wheel.name} has changed")
    os.truncate(wheel, length)
    extra = bundle / "wheels" / "more-1.0-py3-none-any.whl"
    extra.touch()
    refused(bundle, "is not in the manifest")
    extra.unlink()
    moved = wheel.rename(bundle.parent / wheel.name)
    refused(bundle, f"{wheel.name} is missing")
    moved.rename(wheel)


def refused(bundle: Path, reason: str) -> None:
    """Assert that the installer ends with `reason` and has installed nothing."""
    done = subprocess.run(
        ["python3", bundle / "install.py", "install"], capture_output=True, text=True
    )
    assert done.returncode == 1, done
    assert reason in done.stderr, done.stderr
    assert not PREFIX.exists()


def installed(bundle: Path, *arguments: str) -> str:
    """Run a bundle's installer."""
    return run("python3", str(bundle / "install.py"), *arguments)


def next_version(bundle: Path) -> Path:
    """Return the bundle with another page and a manifest that fits: what a later making gives."""
    page = bundle / "docs" / "CHANGELOG.md"
    page.write_text(page.read_text() + "\n")
    digest = run("sha256sum", "docs/CHANGELOG.md", folder=bundle).strip()
    manifest = bundle / "MANIFEST.sha256"
    lines = manifest.read_text().splitlines()
    replaced = [digest if line.endswith("  docs/CHANGELOG.md") else line for line in lines]
    assert replaced != lines
    manifest.write_text("\n".join(replaced) + "\n")
    return bundle


def make_directories() -> None:
    """Make what systemd makes of StateDirectory and CacheDirectory."""
    for path in (STATE, Path("/var/cache/vreid")):
        path.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(path, "vreid", "vreid")


def unit_environment() -> dict[str, str]:
    """Return the variables that the installed unit sets, those of its file included."""
    lines = UNIT.read_text().splitlines()
    pairs = [
        pair
        for line in lines
        if line.startswith("Environment=")
        for pair in line.removeprefix("Environment=").split()
    ]
    assert f"VREID_BUNDLE={share()}/model" in pairs
    (file,) = (line.split("=-")[1] for line in lines if line.startswith("EnvironmentFile="))
    pairs += [line for line in Path(file).read_text().splitlines() if re.match(r"[A-Z]", line)]
    return dict(pair.split("=", 1) for pair in pairs)


def gallery() -> str:
    """Return the gallery that the unit serves."""
    return unit_environment()["VREID_GALLERY"]


def share() -> Path:
    """Return where the current version's samples and model lie."""
    return PREFIX / "current" / "share"


def as_user(*command: str) -> list[str]:
    """Return the command as the unit's user runs it, with the unit's variables."""
    user = pwd.getpwnam("vreid")
    drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    variables = [f"{name}={value}" for name, value in unit_environment().items()]
    keys = f"VREID_ACCESS__KEYS={STATE}/keys.json"
    return [*drop, "--no-new-privs", "env", *variables, keys, *command]


def vreid(*arguments: str) -> str:
    """Run the installed program as the unit's user."""
    return run(*as_user(str(PREFIX / "current" / "bin" / "vreid"), *arguments))


@contextmanager
def serving() -> Iterator[None]:
    """Run the unit's command until the block ends; it is ready when the block begins."""
    (start,) = re.findall(r"^ExecStart=(.*)", UNIT.read_text(), re.MULTILINE)
    assert start.startswith(f"{PREFIX}/current/bin/vreid"), start
    log = Path("/trial/service.log")
    with log.open("w") as output:
        process = subprocess.Popen(as_user(*start.split()), stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield
        process.terminate()
        assert process.wait(timeout=60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def is_ready() -> bool:
    """Ask the probe."""
    try:
        with urllib.request.urlopen(f"{ADDRESS}/health/ready", timeout=10):
            return True
    except (OSError, urllib.error.HTTPError):
        return False


def search(key: str) -> str:
    """Search with the query's pictures and return the ranking's beginning.

    Raises:
        AssertionError: another vehicle than the query's is the first.
    """
    folder = share() / "samples" / "query"
    os.environ["VREID_API_KEY"] = key
    answer = json.loads(run("python3", "/trial/query.py", str(folder), "8000"))
    expected = json.loads((folder / "query.json").read_text())["identity"]
    ranked = [f"{result['identity']} {result['score']:.3f}" for result in answer["results"]]
    assert answer["results"][0]["identity"] == expected, ranked
    return ", ".join(ranked[:3])


def size(folder: Path) -> int:
    """Return the bytes of all files."""
    return sum(path.lstat().st_size for path in folder.rglob("*"))


def run(*command: str, folder: Path | None = None) -> str:
    """Run a command that must succeed, and return what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
