"""The `vreid` command: one group whose subcommands are imported only when they are called.

A base installation has no torch and no FastAPI; listing the commands must not need them.
"""

from __future__ import annotations

import importlib

import click

from vreid import __version__
from vreid.cpu_features import require_processor
from vreid.ending import leave
from vreid.errors import VreidError
from vreid.installation import install_hint

_OWN_PACKAGES = ("vreid", "training", "export", "service")

COMMANDS: dict[str, tuple[str, str, str]] = {
    "ablate": ("training.ablation.command:ablate", "train,cpu", "Train and measure a whole table."),
    "bench": ("service.bench.command:bench", "service,cpu", "Measure how fast this machine is."),
    "bundle": ("vreid.bundle_command:bundle", "base", "Inspect and verify a model bundle."),
    "compare": ("vreid.client.command_compare:compare", "base", "Ask a service about two samples."),
    "config": ("service.cli:config", "service", "Print the service's effective settings."),
    "datasets": ("training.datasets_command:datasets", "base", "List or check public data sets."),
    "demo": ("service.cli:demo", "service,cpu", "Serve the shipped sample gallery and search it."),
    "embed": ("vreid.client.command_embed:embed", "base", "Embed images with a running service."),
    "enrol": ("vreid.client.command_enrol:enrol", "base", "Send an archive to a running service."),
    "evaluate": (
        "training.evaluation.command:evaluate",
        "train,cpu",
        "Measure mAP and CMC on a data set.",
    ),
    "export": ("export.cli:export", "export,cpu", "Write a checkpoint as a bundle of ONNX files."),
    "gallery": (
        "service.gallery.upkeep.command:gallery",
        "service,cpu",
        "Inspect and edit a gallery.",
    ),
    "index": ("service.indexing.command:index", "service,cpu", "Index an archive offline."),
    "ingest": ("service.ingest.command:ingest", "service,cpu", "List and requeue failed entries."),
    "keys": ("service.keys.command:keys", "service", "Make, list and revoke API keys."),
    "reindex": (
        "service.reindexing.command:reindex_command",
        "service,cpu",
        "Embed a gallery with another bundle.",
    ),
    "search": ("vreid.client.command_search:search", "base", "Search a running service by images."),
    "serve": ("service.cli:serve", "service,cpu", "Serve /embed and /search over HTTP."),
    "synth": (
        "training.synth.command:synth",
        "train,cpu",
        "Generate synthetic RGB-NIR-TIR vehicles.",
    ),
    "train": ("training.cli:train", "train,cpu", "Train CCNet."),
    "worker": ("service.ingest.command:worker", "service,cpu", "Embed what /ingest accepted."),
}
"""Name -> (import path, the extras that bring what it imports, one line of help)."""


class LazyGroup(click.Group):
    """A click group that resolves a subcommand by importing it at the moment it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the command names without importing any."""
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import and return the command called `name`, None when there is none of that name.

        Raises:
            click.ClickException: a package that the command needs is not installed.
        """
        if name not in COMMANDS:
            return None
        path = COMMANDS[name][0]
        module_name, attribute = path.split(":")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise _missing_package(name, error) from error
        command = getattr(module, attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, context: click.Context) -> object:
        """Run the subcommand, which may import more while it runs.

        Raises:
            click.ClickException: a package that it needs is not installed.
        """
        try:
            return super().invoke(context)
        except ModuleNotFoundError as error:
            raise _missing_package(context.invoked_subcommand, error) from error

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list from the table, so that `--help` imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])


def _missing_package(command: str | None, error: ModuleNotFoundError) -> Exception:
    # A module of this project that is not there is a fault of ours, and keeps its traceback.
    package = (error.name or "").partition(".")[0]
    if command not in COMMANDS or package in ("", *_OWN_PACKAGES):
        return error
    return click.ClickException(
        f"'vreid {command}' needs the package '{package}', which is not installed; "
        f"{install_hint(COMMANDS[command][1])}"
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vreid")
def application() -> None:
    """Find vehicles by what they look like in RGB, near infrared and thermal infrared."""


def main() -> None:
    """Run the command line; a VreidError becomes one sentence on stderr and exit status 1."""
    try:
        require_processor()
        application()
    except VreidError as error:
        click.echo(f"error: {error}", err=True)
        leave(1)
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        leave(ended.code or 0)
