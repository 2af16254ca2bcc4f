"""Why a library or a network file cannot be loaded, as errors that say what to do."""

from pathlib import Path

from vreid.bundle import Bundle
from vreid.errors import BundleDamaged, EngineUnavailable
from vreid.installation import install_hint


def not_imported(library: str, package: str, error: ImportError) -> EngineUnavailable:
    """The error for a library that is not installed, or is and does not start.

    Args:
        library: as people call it.
        package: as Python imports it.
        error: of the import.
    """
    hint = install_hint("service,cpu")
    if isinstance(error, ModuleNotFoundError) and error.name == package:
        return EngineUnavailable(f"{library} is not installed; {hint}")
    return EngineUnavailable(
        f"{library} is installed but cannot be imported ({error}); install what is missing, or "
        f"{library} anew: {hint}"
    )


def not_loaded(
    bundle: Bundle, path: Path, library: str, error: Exception
) -> BundleDamaged | EngineUnavailable:
    """The error for a network file that a library refuses: damaged only where its hash is wrong.

    Args:
        bundle: of the file.
        path: of the file.
        library: as people call it.
        error: what the library raised.
    """
    refused = f"{path} cannot be loaded by {library} ({error})"
    try:
        bundle.verify_files()
    except BundleDamaged as damage:
        return BundleDamaged(f"{refused}: {damage}")
    return EngineUnavailable(
        f"{refused}, although it is the file that the manifest describes; use another engine or "
        f"precision, or the version of {library} that constraints.txt names"
    )
