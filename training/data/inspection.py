"""A public data set on disk compared with what is published about it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.file_checks import FileProblems, check_headers, decode_all
from training.data.public_set import junk_rule, listed_samples
from training.data.published_counts import PUBLISHED, Count, PublishedCounts
from vreid.errors import DatasetError
from vreid.image_source import file_of
from vreid.layouts.public_sets import PUBLIC_SETS, SPLITS, PublicSet, Split, public_set_at
from vreid.layouts.side_by_side import SideBySide
from vreid.metrics import Junk
from vreid.modality import subset_name
from vreid.sample import AttributeValue, Sample

SHOWN = 3
"""Examples that a finding gives."""


@dataclass(frozen=True)
class Finding:
    """Something that whoever uses the data set should know.

    Attributes:
        kind: the same for the same kind of finding, for programs.
        sentence: what it is.
        count: how many there are.
        examples: the first few.
        off: whether it is not as published; a finding that is not off is a warning.
    """

    kind: str
    sentence: str
    count: int
    examples: tuple[str, ...]
    off: bool


@dataclass(frozen=True)
class Inspection:
    """The outcome.

    Attributes:
        public_set: which data set was looked for.
        root: where.
        folders: of each split that is there.
        counts: of each split that is there; badly named files are not counted.
        whole: of training and gallery together.
        published: what to compare them with.
        findings: all that was found.
    """

    public_set: PublicSet
    root: Path
    folders: Mapping[Split, Path]
    counts: Mapping[Split, Count]
    whole: Count
    published: PublishedCounts
    findings: tuple[Finding, ...]

    @property
    def counts_as_published(self) -> bool:
        """Whether every count is the published one; also where none is published."""
        return self.whole.agrees_with(self.published.whole) and all(
            self.counts.get(split, Count(0, 0)).agrees_with(count)
            for split, count in self.published.splits.items()
        )

    @property
    def as_published(self) -> bool:
        """Whether the counts are as published and nothing is off."""
        return self.counts_as_published and not any(finding.off for finding in self.findings)


def find_public_set(root: Path, name: str | None = None) -> PublicSet:
    """The data set of that name, or the one that lies at a folder.

    Raises:
        DatasetError: no set has that name, or none is recognised at the folder.
    """
    known = ", ".join(PUBLIC_SETS)
    if name is not None and name not in PUBLIC_SETS:
        raise DatasetError(f"no public data set is called {name!r}; use one of {known}")
    found = PUBLIC_SETS[name] if name is not None else public_set_at(root)
    if found is None:
        below = sorted(root.iterdir()) if root.is_dir() else []
        inside = next((path for path in below if public_set_at(path) is not None), None)
        raise DatasetError(
            f"{root} is laid out like none of {known}; "
            + (
                "`vreid datasets` shows their layouts, and --name NAME says what is missing for "
                "one of them"
                if inside is None
                else f"{inside} is, give that folder"
            )
        )
    return found


def inspect_public_set(public_set: PublicSet, root: Path, images: bool = False) -> Inspection:
    """Lists a data set and compares it with what is published; shows progress on a terminal.

    Args:
        public_set: what to compare with.
        root: the folder that holds the splits.
        images: whether to decode every image.

    Raises:
        DatasetError: none of the set's folders is there.
    """
    folders = public_set.locate(root)
    if not folders:
        public_set.folders_at(root)
    published = PUBLISHED[public_set.name]
    read = {folder: _listed(public_set, folder) for folder in dict.fromkeys(folders.values())}
    listed = {split: read[folder] for split, folder in folders.items()}
    named: dict[Split, list[Sample]] = {
        split: [sample for sample in samples if public_set.naming_problem(sample) is None]
        for split, samples in listed.items()
    }
    distinct = [sample for samples in read.values() for sample in samples]
    findings = [
        *_missing_folders(public_set, folders),
        *_badly_named(public_set, distinct),
        *_unpaired(public_set, distinct, published),
        *_in_train_and_test(named, published),
        *_with_a_single_sample(named),
        *_without_a_positive(named, junk_rule(public_set)),
        *_problems_of_files(public_set, root, distinct, images),
    ]
    return Inspection(
        public_set=public_set,
        root=root,
        folders=folders,
        counts={split: _count(samples) for split, samples in named.items()},
        whole=_count([*named.get("train", []), *named.get("gallery", [])]),
        published=published,
        findings=tuple(findings),
    )


def _listed(public_set: PublicSet, folder: Path) -> list[Sample]:
    try:
        return listed_samples(public_set, folder)
    except DatasetError:  # an empty folder counts 0 samples, which says as much
        return []


def _count(samples: Sequence[Sample]) -> Count:
    return Count(len({sample.identity for sample in samples}), len(samples))


def _finding(kind: str, sentence: str, examples: Iterable[str], off: bool = True) -> list[Finding]:
    found = list(examples)
    if not found:
        return []
    return [Finding(kind, sentence, len(found), tuple(found[:SHOWN]), off)]


def _missing_folders(public_set: PublicSet, folders: Mapping[Split, Path]) -> list[Finding]:
    missing = [split for split in SPLITS if split not in folders]
    names = dict.fromkeys(" or ".join(public_set.folders[split]) for split in missing)
    use = "" if missing != ["train"] else "; this copy can be measured with, not trained on"
    return _finding("missing-folder", f"missing folders{use}", names)


def _badly_named(public_set: PublicSet, samples: Iterable[Sample]) -> list[Finding]:
    problems = (public_set.naming_problem(sample) for sample in samples)
    return _finding(
        "badly-named",
        "badly named files, not counted",
        (problem for problem in problems if problem is not None),
    )


def _unpaired(
    public_set: PublicSet, samples: Iterable[Sample], published: PublishedCounts
) -> list[Finding]:
    known = ", as is known of this set" if published.has_unpaired_names else ""
    return _finding(
        "unpaired",
        f"names without a partner{known}; each is a sample with a missing modality",
        (
            f"{sample.name} (only {subset_name(sample.images)})"
            for sample in samples
            if len(sample.images) < len(public_set.modalities)
        ),
        off=not published.has_unpaired_names,
    )


def _in_train_and_test(
    named: Mapping[Split, Sequence[Sample]], published: PublishedCounts
) -> list[Finding]:
    train, gallery = (
        {sample.identity or "" for sample in named.get(split, ())} for split in ("train", "gallery")
    )
    shared = sorted(train & gallery)
    as_known = len(shared) == published.in_train_and_test
    return _finding(
        "in-train-and-test",
        f"identities in train and test alike, where {published.in_train_and_test} are known",
        shared,
        off=not as_known,
    )


def _with_a_single_sample(named: Mapping[Split, Sequence[Sample]]) -> list[Finding]:
    single = []
    for split in ("train", "gallery"):
        counts: defaultdict[str, int] = defaultdict(int)
        for sample in named.get(split, ()):
            counts[sample.identity or ""] += 1
        single += [f"{split}/{identity}" for identity in sorted(counts) if counts[identity] == 1]
    return _finding(
        "single-sample",
        "identities with a single sample, which training draws with replacement",
        single,
        off=False,
    )


def _without_a_positive(named: Mapping[Split, Sequence[Sample]], junk: Junk) -> list[Finding]:
    places: defaultdict[str | None, set[AttributeValue | None]] = defaultdict(set)
    for sample in named.get("gallery", ()):
        places[sample.identity].add(_place(sample, junk))
    return _finding(
        "query-without-positive",
        f"queries without a gallery sample of their identity and another {junk}, not measured",
        (
            sample.name or ""
            for sample in named.get("query", ())
            if not places[sample.identity] - {_place(sample, junk)}
        ),
        off=False,
    )


def _place(sample: Sample, junk: Junk) -> AttributeValue | None:
    if junk == "camera":
        return sample.camera
    return sample.scene if junk == "scene" else sample.attributes.get("view")


def _problems_of_files(
    public_set: PublicSet, root: Path, samples: Iterable[Sample], images: bool
) -> list[Finding]:
    files = sorted(
        {
            path
            for sample in samples
            for source in sample.images.values()
            if (path := file_of(source)) is not None
        }
    )
    problems = FileProblems()
    expected = None
    if isinstance(public_set.arrangement, SideBySide):
        expected = public_set.arrangement.file_size
        problems = check_headers(files, root, expected)
    if images:
        problems = FileProblems(problems.of_another_size, decode_all(files, root))
    size = "" if expected is None else f" than {expected[0]} x {expected[1]}"
    return [
        *_finding("wrong-size", f"files of another size{size}", problems.of_another_size),
        *_finding("unreadable", "images that cannot be opened", problems.unreadable),
    ]
