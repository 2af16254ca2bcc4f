"""Options of the report, checked before the measuring begins."""

from pathlib import Path

from vreid.errors import ConfigurationError


def check_report_options(html: Path | None, compare: Path | None) -> None:
    """Refuses, before anything is measured, what could not be written after it.

    Raises:
        ConfigurationError: the file's folder is not there, or there is nothing to compare in.
        CheckpointError: there is no checkpoint to compare with.
    """
    if html is None and compare is not None:
        raise ConfigurationError("--compare shows another model in the report; give --html FILE")
    if html is not None and not html.absolute().parent.is_dir():
        raise ConfigurationError(
            f"{html.absolute().parent} is no folder; make it, or write --html elsewhere"
        )
    if compare is not None:
        # torch, which evaluating a bundle does without.
        from training.checkpoint import find_checkpoint

        find_checkpoint(compare)
