"""Small real wheels, so that an installation takes a second."""

import ensurepip
import hashlib
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path


def make_wheel(folder: Path, name: str, version: str, source: str, requires: str = "") -> Path:
    """Write a pure wheel with one module, a command of its name and a licence.

    Args:
        folder: where it goes.
        name: of the package, the module and the command.
        version: of the package.
        source: of the module, with a function `main`.
        requires: one requirement, or none.
    """
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
    metadata += "License-Expression: Apache-2.0\nLicense-File: LICENSE\n"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
        f"{info}/licenses/LICENSE": f"The terms of {name}.\n",
    }
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return wheel


def pip_wheel() -> Path:
    """Return the pip that Python brings."""
    places = [Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")]
    return next(wheel for place in places for wheel in sorted(place.glob("pip-*.whl")))


def _digest(text: str) -> str:
    encoded = urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={encoded.decode().rstrip('=')}"
