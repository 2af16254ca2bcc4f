"""The commands `vreid serve`, `vreid config` and `vreid demo`."""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import click

from service.log_setup import errors_as_lines, say, set_up_logging
from service.settings import Settings, load_settings
from service.variables import effective_values, unknown_variables
from vreid.engines.names import ENGINES, PRECISIONS

logger = logging.getLogger(__name__)

_DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}


@click.command()
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    help="Model bundle to serve; by default the one that vreid ships with.",
)
@click.option(
    "--gallery",
    help="Gallery directory, or milvus://host:19530/name; made if new; by default vreid/gallery "
    "in your data directory ($XDG_DATA_HOME, or ~/.local/share).",
)
@click.option(
    "--host", help=f"Address to listen on; by default {_DEFAULTS['host']}, this machine only."
)
@click.option(
    "--port",
    type=int,
    help=f"Port to listen on; 0 takes a free one; by default {_DEFAULTS['port']}.",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help=f"What runs the model; by default {_DEFAULTS['engine']}.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help=f"How the model computes; by default {_DEFAULTS['precision']}.",
)
@click.option(
    "--threads",
    type=int,
    help="Threads of the engine; by default the processors it may use.",
)
@click.option(
    "--workers",
    type=int,
    help="Threads that decode images, and as many that answer; by default the processors it may "
    "use.",
)
@click.option(
    "--allow-open",
    is_flag=True,
    default=None,
    help="Listen beyond this machine although there are no API keys.",
)
@click.option(
    "--tls-certificate",
    type=click.Path(path_type=Path),
    help="PEM file of the certificate for HTTPS (VREID_TLS__CERTIFICATE).",
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path),
    help="PEM file of its private key (VREID_TLS__KEY).",
)
@errors_as_lines()
def serve(tls_certificate: Path | None, tls_key: Path | None, **options: object) -> None:
    """Serve /embed, /search, /gallery, the API description and the console over HTTP.

    Each option is also a setting of the environment (VREID_BUNDLE and so on), which counts where
    the option is not given; `vreid config` lists them all with their values. The address is printed
    on standard output, log lines go to standard error.
    """
    tls = {"certificate": tls_certificate, "key": tls_key}
    options["tls"] = {name: path for name, path in tls.items() if path is not None} or None
    settings = load_settings(options)
    set_up_logging(settings.log_level, settings.log_format)
    warn_about_unknown_variables()

    # Importing takes a second; a wrong setting is reported before.
    from service.http.certificate import open_certificate
    from service.http.server import announcement, open_socket, run_server
    from service.opening import open_running

    certificate = open_certificate(settings.tls)
    with open_socket(settings) as listener:
        # Engine and gallery compute with Python's lock released while they open.
        threading.Thread(target=_import_the_calls, name="import").start()
        running = open_running(settings)
        said = announcement(listener, "http" if certificate is None else "https")
        logger.info(
            "bundle %s; engine %s, %s, %d threads; gallery %s, %d records; %s",
            settings.bundle,
            running.embedder.engine.name,
            running.embedder.engine.precision,
            running.embedder.engine.threads,
            settings.gallery,
            running.gallery.count(),
            "no API keys" if running.access is None else f"API keys of {settings.access.keys}",
        )
        run_server(
            running,
            listener,
            certificate,
            lambda: click.echo(said),
        )


def _import_the_calls() -> None:
    # What is missing is told by whoever needs it.
    with suppress(ImportError):
        import_module("service.app")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def config(as_json: bool) -> None:
    """Print every setting with its effective value, as environment variables."""
    settings = load_settings({})
    if as_json:
        click.echo(json.dumps(settings.model_dump(mode="json"), indent=2))
    else:
        for variable, value, description in effective_values(settings):
            click.echo(f"# {description}\n{variable}={value}")
    warn_about_unknown_variables()


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port to prefer."
)
@click.option(
    "--gallery",
    type=click.Path(path_type=Path),
    help="Where the demo's gallery goes; by default into your data directory.",
)
@click.option("--once", is_flag=True, help="Stop after the answer instead of serving on.")
def demo(port: int, gallery: Path | None, once: bool) -> None:
    """Index the shipped sample vehicles, start the service, and search it with three images."""
    from service.demo.run import run_demo

    run_demo(gallery, port, once)


def warn_about_unknown_variables() -> None:
    """Say on standard error which VREID_ variables set nothing."""
    for name in unknown_variables(os.environ):
        say(f"warning: {name} is no setting; `vreid config` lists them", logging.WARNING)
