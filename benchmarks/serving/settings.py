"""How long and with what the parts of the comparison measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.bundles import BUILD, ServedBundle, resnet50_bundle, shipped_bundle
from service.bench.command import engine_settings
from service.bench.over_http import ANSWERS, embed_plan
from service.bench.plan import LoadPlan
from service.bench.samples import as_text, complete_triplets
from service.bench.server_process import Server, free_port, running_server, serve_command
from vreid.bundle import Bundle
from vreid.engines import BranchEngine, open_engine


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """What every part is given.

    Attributes:
        seconds: of one figure.
        build: where bundles, galleries and pictures are made.
        rounds: how often all sides take turns where a ratio is taken.
        answers: least answers of a row.
        most_seconds: after which a row ends though it has fewer.
        small: whether archives and galleries are small, only to see that all works.
    """

    seconds: float = 2.0
    build: Path = BUILD
    rounds: int = 2
    answers: int = ANSWERS
    most_seconds: float = 9.0
    small: bool = False

    @property
    def lite(self) -> ServedBundle:
        """The shipped bundle."""
        return shipped_bundle()

    @property
    def resnet50(self) -> ServedBundle:
        """The ResNet50 of random weights."""
        return resnet50_bundle(self.build)

    @property
    def triplets(self) -> list[dict[str, str]]:
        """Files of complete samples."""
        return as_text(complete_triplets())

    def plan(self, url: str, samples: Sequence[Mapping[str, str]], connections: int) -> LoadPlan:
        """A closed loop for seconds and answers enough."""
        return embed_plan(
            url,
            samples,
            connections,
            self.seconds,
            answers=self.answers,
            most_seconds=self.most_seconds,
        )


def open_served(
    served: ServedBundle, engine: str = "auto", precision: str = "auto", lanes: int | None = None
) -> tuple[Bundle, BranchEngine]:
    """A bundle and an engine on it."""
    bundle = Bundle.load(served.directory)
    return bundle, open_engine(bundle, engine, None, precision, lanes)


@contextmanager
def served_by_vreid(
    served: ServedBundle, engine: BranchEngine, gallery: Path, log: Path | None = None
) -> Iterator[Server]:
    """`vreid serve` with the same engine for the length of the block."""
    port = free_port()
    command = serve_command(port, served.directory, gallery)
    with running_server(command, port, environment=engine_settings(engine), log=log) as server:
        yield server
