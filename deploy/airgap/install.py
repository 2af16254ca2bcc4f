#!/usr/bin/env python3
"""Installs this air-gapped bundle of vreid; needs Python 3.11 and no network.

    python3 install.py verify                      compare every file with its checksum
    python3 install.py install --prefix DIR        into DIR/versions/VERSION, then DIR/current
    python3 install.py install --units             as root: also a user, settings and units
    python3 install.py list                        versions that are installed
    python3 install.py rollback                    back to the version that was current before
    python3 install.py prune                       remove versions that are neither
    python3 install.py uninstall                   remove all of it but data, keys and settings

Installing again, or after an interruption, does what is left to do. Units that run are stopped
while the version is switched. The units are this bundle's and written anew: what a site changes
belongs into `systemctl edit vreid`. The gallery, the keys and /etc/vreid are never removed.
"""
# One file of the standard library alone: whoever runs it as root can read all of it before, and the
# copy in each installed version needs nothing beside it.

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "MANIFEST.sha256"
FACTS = "bundle.json"
SHARED = ("deploy", "docs", "examples", "licences", "model", "samples")
"""Folders of the bundle that are copied beside the programs."""

USER = "vreid"
UNIT = "vreid.service"
_COMPLETE = ".complete"
_ROOM = 5
"""Times the size of the wheels that their installation may take on the disk."""


class InstallError(Exception):
    """It cannot go on; the message says what to do."""


@dataclass(frozen=True)
class Places:
    """Where things go.

    Attributes:
        prefix: holds the versions and the links to them.
        root: what /etc is looked for in; / but for trials.
    """

    prefix: Path
    root: Path = Path("/")

    @property
    def versions(self) -> Path:
        """One folder for each installed version."""
        return self.prefix / "versions"

    @property
    def current(self) -> Path:
        """The link to the version in use."""
        return self.prefix / "current"

    @property
    def previous(self) -> Path:
        """The link to the version that was in use before."""
        return self.prefix / "previous"

    @property
    def units(self) -> Path:
        """Where systemd finds units of this machine."""
        return self.root / "etc" / "systemd" / "system"

    @property
    def settings(self) -> Path:
        """The file of variables that the units read."""
        return self.root / "etc" / "vreid" / "vreid.env"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all of it was done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = ("verify", "install", "list", "rollback", "prune", "uninstall")
    parser.add_argument("command", choices=commands)
    parser.add_argument(
        "--prefix", type=Path, default=Path("/opt/vreid"), help="default /opt/vreid"
    )
    parser.add_argument("--units", action="store_true", help="user, settings and units; as root")
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    places = Places(chosen.prefix.absolute(), chosen.root.absolute())
    bundle = Path(__file__).resolve().parent
    os.umask(0o022)
    try:
        if chosen.command == "verify":
            print(f"{verify(bundle)} files are what they were")
        elif chosen.command == "install":
            install(bundle, places, chosen.units)
        elif chosen.command == "list":
            print("\n".join(listing(places)) or "nothing is installed")
        elif chosen.command == "rollback":
            rollback(places)
        elif chosen.command == "prune":
            prune(places)
        else:
            uninstall(places)
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}; as root, or with another --prefix?", file=sys.stderr)
        return 1
    return 0


# The bundle


def checksum(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundle_files(bundle: Path) -> Iterator[Path]:
    """Yield every file of a bundle but the manifest, sorted; links count as files."""
    for path in sorted(bundle.rglob("*")):
        if (path.is_symlink() or not path.is_dir()) and path != bundle / MANIFEST:
            yield path


def read_manifest(bundle: Path) -> dict[str, str]:
    """Return the checksums by name, as `sha256sum` writes them.

    Raises:
        InstallError: there is no manifest, or a line of it is none.
    """
    manifest = bundle / MANIFEST
    if not manifest.is_file():
        raise InstallError(f"{manifest} is not there; copy the whole bundle, and run it from there")
    found = {}
    for line in manifest.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
        if match is None:
            raise InstallError(f"{manifest} is damaged: {line[:80]!r}; copy the bundle again")
        found[match[2]] = match[1]
    return found


def verify(bundle: Path) -> int:
    """Compare every file with the manifest and return how many there are.

    Raises:
        InstallError: a file is missing, changed, a link, or not in the manifest.
    """
    expected = read_manifest(bundle)
    found = {str(path.relative_to(bundle)) for path in bundle_files(bundle)}
    found = {name for name in found if "__pycache__" not in Path(name).parts}
    faults = [f"{name} is missing" for name in sorted(expected.keys() - found)]
    faults += [f"{name} is not in the manifest" for name in sorted(found - expected.keys())]
    for name in sorted(found & expected.keys()):
        if (bundle / name).is_symlink():
            faults.append(f"{name} is a link")
        elif checksum(bundle / name) != expected[name]:
            faults.append(f"{name} has changed")
    if faults:
        more = f", and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise InstallError(
            f"{'; '.join(faults[:5])}{more}; nothing was installed: copy the bundle again, and "
            "ask where it came from if that does not help"
        )
    return len(expected)


def check_machine(bundle: Path) -> None:
    """Ask whether the bundle's wheels run here.

    Raises:
        InstallError: another Python or another kind of machine.
    """
    facts = json.loads((bundle / FACTS).read_text())
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python != facts["python"]:
        raise InstallError(
            f"this is Python {python} and the wheels are for {facts['python']}; run: "
            f"python{facts['python']} install.py"
        )
    machine = f"{sys.platform}-{os.uname().machine}"
    if machine != facts["platform"]:
        raise InstallError(f"this machine is {machine} and the bundle is for {facts['platform']}")


def version_name(bundle: Path) -> str:
    """Return the version and, to tell makings apart, some of the manifest's checksum."""
    facts = json.loads((bundle / FACTS).read_text())
    return f"{facts['version']}-{checksum(bundle / MANIFEST)[:12]}"


# What is done on the machine


def install(bundle: Path, places: Places, units: bool) -> None:
    """Verify, install into a folder of the version, and make it the current one.

    Raises:
        InstallError: the bundle or the machine is not fit for it; nothing has changed then.
    """
    if units and os.geteuid() != 0:
        raise InstallError("--units makes a user and units; run it as root")
    check_machine(bundle)
    print(f"{verify(bundle)} files are what they were")
    name = version_name(bundle)
    target = places.versions / name
    if (target / _COMPLETE).exists():
        print(f"{name} is installed")
    else:
        shutil.rmtree(target, ignore_errors=True)
        check_room(bundle, places)
        fill(bundle, target)
        print(f"installed {name}")
    activate(places, target, units)


def check_room(bundle: Path, places: Places) -> None:
    """Ask whether the disk has room.

    Raises:
        InstallError: it has not.
    """
    needed = _ROOM * sum(path.stat().st_size for path in (bundle / "wheels").iterdir())
    needed += sum(p.stat().st_size for name in SHARED for p in (bundle / name).rglob("*"))
    places.versions.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(places.versions).free
    if free < needed:
        raise InstallError(
            f"{places.versions} has {free / 2**30:.1f} GiB free and {needed / 2**30:.1f} may be "
            "needed; make room (install.py prune), or choose another --prefix"
        )


def fill(bundle: Path, target: Path) -> None:
    """Make a virtual environment of the wheels, with the other folders under share/.

    Raises:
        InstallError: pip or the installed program fails; its words are printed before.
    """
    venv.EnvBuilder(with_pip=False, symlinks=True).create(target)
    python = target / "bin" / "python"
    wheels, requirements = bundle / "wheels", bundle / "requirements.txt"
    (pip,) = wheels.glob("pip-*.whl")
    options = ["--quiet", "--no-cache-dir", "--no-index", f"--find-links={wheels}"]
    _run([str(python), f"{pip}/pip", "install", *options, f"--requirement={requirements}"])
    for name in SHARED:
        if (bundle / name).is_dir():
            shutil.copytree(bundle / name, target / "share" / name)
    shutil.copy2(bundle / "install.py", target / "install.py")
    shutil.copy2(bundle / MANIFEST, target / MANIFEST)
    if (target / "share" / "model").is_dir():
        _run([str(target / "bin" / "vreid"), "bundle", "verify", str(target / "share" / "model")])
    with (target / _COMPLETE).open("w") as file:
        os.fsync(file.fileno())


def activate(places: Places, target: Path, units: bool = False) -> None:
    """Make a version the current one; units that are installed are those of the current version."""
    units_before = (places.units / UNIT).exists()
    with stopped(places):
        if places.current.is_symlink() and places.current.resolve() != target.resolve():
            _link(places.previous, places.current.resolve())
        _link(places.current, target)
        if units:
            make_user_and_settings(places, target)
        if units or units_before:
            write_units(places, target)
            _systemctl(places, "daemon-reload")
    print(f"{places.current} is {target.name}")
    if units and not units_before:
        print(f"start it: systemctl enable --now {UNIT} vreid-backup.timer")
        print(f"settings: {places.settings}")


@contextmanager
def stopped(places: Places) -> Iterator[None]:
    """Stop the units that run until the block ends, however it ends.

    Two versions must not have one gallery open, and a program must not lose its files while it
    runs. What a timer starts ends by itself.
    """
    running = [
        name
        for name in own_units(places)
        if name.endswith(".service")
        and not (places.units / name).with_suffix(".timer").exists()
        and _is_running(places, name)
    ]
    if running:
        print(f"stops {' and '.join(running)}", flush=True)
        _systemctl(places, "stop", *running)
    try:
        yield
    finally:
        if running:
            _systemctl(places, "start", *running)
            print(f"started {' and '.join(running)}")


def own_units(places: Places) -> list[str]:
    """Return the names of the units on this machine that installed versions have brought."""
    brought = places.versions.glob("*/share/deploy/systemd/*")
    return sorted({path.name for path in brought if (places.units / path.name).is_file()})


def make_user_and_settings(places: Places, target: Path) -> None:
    """Make the user that the units run as and its settings, where they are absent."""
    known = (places.root / "etc" / "passwd").read_text()
    if not re.search(rf"^{USER}:", known, re.MULTILINE):
        program = ["useradd", "--system", "--home-dir", "/var/lib/vreid", "--no-create-home"]
        root = [] if places.root == Path("/") else ["--prefix", str(places.root)]
        _run([*program, *root, "--shell", "/usr/sbin/nologin", USER])
    if places.root == Path("/"):
        backups = Path("/var/backups/vreid")
        backups.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.chown(backups, USER, USER)
    if not places.settings.exists():
        places.settings.parent.mkdir(parents=True, exist_ok=True)
        profile = target / "share" / "deploy" / "profiles" / "server.env"
        places.settings.write_text(profile.read_text())
        places.settings.chmod(0o640)


def write_units(places: Places, target: Path) -> None:
    """Write the version's units with the programs of the prefix and the model of the bundle."""
    places.units.mkdir(parents=True, exist_ok=True)
    for unit in sorted((target / "share" / "deploy" / "systemd").iterdir()):
        text = unit.read_text()
        for folder in ("bin", "share"):
            text = text.replace(f"/opt/vreid/{folder}/", f"{places.current}/{folder}/")
        model = f"Environment=VREID_BUNDLE={places.current}/share/model VREID_GALLERY="
        text = text.replace("Environment=VREID_GALLERY=", model)
        _write(places.units / unit.name, text)


def rollback(places: Places) -> None:
    """Go back to the previous version; a second time goes forth again.

    Raises:
        InstallError: there is none.
    """
    if not (places.previous / _COMPLETE).exists():
        raise InstallError(f"{places.prefix} has no version before the current one")
    activate(places, places.previous.resolve())


def listing(places: Places) -> list[str]:
    """Return a line for each installed version."""
    marks = {places.current.resolve(): "current", places.previous.resolve(): "previous"}
    return [
        f"{path.name}  {marks.get(path, '')}".rstrip()
        for path in sorted(places.versions.glob("*"))
        if (path / _COMPLETE).exists()
    ]


def prune(places: Places) -> None:
    """Remove every version but the current and the previous one."""
    kept = {places.current.resolve(), places.previous.resolve()}
    for path in sorted(places.versions.glob("*")):
        if path.resolve() not in kept:
            shutil.rmtree(path)
            print(f"removed {path.name}")


def uninstall(places: Places) -> None:
    """Stop the units and remove the programs; data, keys, settings and the user stay."""
    units = own_units(places)
    if units:
        _systemctl(places, "disable", "--now", *units)
        for name in units:
            (places.units / name).unlink()
        _systemctl(places, "daemon-reload")
    for link in (places.current, places.previous):
        link.unlink(missing_ok=True)
    shutil.rmtree(places.versions, ignore_errors=True)
    with suppress(OSError):
        places.prefix.rmdir()
    print("removed; the gallery and the keys (/var/lib/vreid) and /etc/vreid are still there")


def _run(command: list[str]) -> None:
    # Settings of pip or Python on this machine must not lead elsewhere.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "PYTHON", "VREID_"))
    }
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        raise InstallError(
            f"{' '.join(command[:3])} ended with status {done.returncode}; see above"
        )


def _systemctl(places: Places, *arguments: str) -> None:
    """Tell systemd, where it runs this machine."""
    if _has_systemd(places):
        _run(["systemctl", *arguments])


def _is_running(places: Places, unit: str) -> bool:
    if not _has_systemd(places):
        return False
    asked = subprocess.run(
        ["systemctl", "is-active", unit], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() in ("active", "activating", "reloading")


def _has_systemd(places: Places) -> bool:
    return (places.root / "run" / "systemd" / "system").is_dir()


def _link(link: Path, target: Path) -> None:
    """Point a link elsewhere at one moment."""
    fresh = link.with_name(f".{link.name}.fresh")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_text(text)
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main())
