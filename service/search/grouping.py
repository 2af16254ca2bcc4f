"""Matches put together by identity, each group with its best sample first."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.gallery.gallery import Match
from service.gallery.query import Position
from service.search.pages import identity_digest
from service.search.reranking import Candidate


@dataclass(frozen=True, slots=True)
class Judged:
    """A match and whether it reaches the thresholds; re-ranked if `candidate` is not None."""

    match: Match
    verdict: bool | None
    candidate: Candidate | None = None


@dataclass(slots=True)
class FoundGroup:
    """The samples of one result: of one identity, or a single record.

    Attributes:
        identity: None for a record without one, which is a group of its own.
        opened_at: the best sample's place in the ranking, None after re-ranking.
        samples: the best ones, best first; at most as many as are shown.
        found: how many there were.
    """

    identity: str | None
    opened_at: Position | None
    samples: list[Judged] = field(default_factory=list)
    found: int = 0


class Grouping:
    """Takes matches best first and puts them into at most `count` groups.

    Args:
        count: groups wanted.
        size: samples kept of each.
        by_identity: False makes every record a group of its own.
        shown: digests of identities that are left out, since another page had them.
    """

    def __init__(
        self, count: int, size: int, by_identity: bool, shown: frozenset[bytes] = frozenset()
    ) -> None:
        self.groups: list[FoundGroup] = []
        self._count = count
        self._size = size
        self._by_identity = by_identity
        self._shown = shown
        self._by_name: dict[str, FoundGroup] = {}

    @property
    def is_full(self) -> bool:
        """Whether no other group is opened."""
        return len(self.groups) >= self._count

    def add(self, judged: Judged, position: Position | None = None) -> bool:
        """Put a match into its group; False if that would have been one group too many."""
        identity = judged.match.record.identity if self._by_identity else None
        group = None if identity is None else self._by_name.get(identity)
        if group is None:
            if identity is not None and identity_digest(identity) in self._shown:
                return True
            if self.is_full:
                return False
            group = FoundGroup(identity, position)
            self.groups.append(group)
            if identity is not None:
                self._by_name[identity] = group
        group.found += 1
        if len(group.samples) < self._size:
            group.samples.append(judged)
        return True
