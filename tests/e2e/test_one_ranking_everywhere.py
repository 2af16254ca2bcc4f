"""HTTP, `vreid.scoring` in this process, and `training.evaluation` rank alike, to the last rank.

The gallery is half indexed offline and half enrolled over HTTP, and its samples lack modalities in
every way there is; every non-empty subset of modalities asks, by every policy. On a tiny bundle
with drawn pictures, and on the shipped bundle with the shipped samples.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from service.demo.run import SAMPLES
from service.settings import SHIPPED_BUNDLE
from tests.e2e.processes import ServiceProcess, serving, vreid
from tests.service.vehicles import picture
from training.data import Dataset
from training.embedded import EmbeddedDataset, embed_dataset
from training.evaluation import evaluate, modality_subsets
from vreid.bundle import Bundle
from vreid.embedding import embed_samples
from vreid.engines import BranchEngine, open_engine
from vreid.errors import MetricError
from vreid.layouts.sample_list import read_samples
from vreid.metrics import evaluate_ranking
from vreid.modality import MODALITIES, Modality, subset_name
from vreid.sample import Sample
from vreid.scoring import POLICIES, resolve_policy, score

pytestmark = pytest.mark.long

SUBSETS = tuple(modality_subsets())
GALLERY_PER_IDENTITY = 4
IDENTITIES = 7
QUERIES = 3
SHIPPED_SAMPLES = 48


@pytest.fixture(scope="module", params=["tiny", "shipped"])
def ranked_bundle(request: pytest.FixtureRequest, bundle: Bundle) -> Bundle:
    """The model that ranks."""
    return Bundle.load(SHIPPED_BUNDLE) if request.param == "shipped" else bundle


@pytest.fixture(scope="module")
def ranked_dataset(ranked_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Complete queries, and a gallery whose samples lack modalities."""
    if ranked_bundle.path == SHIPPED_BUNDLE:
        return shipped_dataset()
    return drawn_dataset(tmp_path_factory.mktemp("ranked"))


def shipped_dataset() -> Dataset:
    samples = list(read_samples(SAMPLES / "manifest.csv"))[:SHIPPED_SAMPLES]
    complete = [sample for sample in samples if sample.mask.all()]
    identities = {sample.identity: sample for sample in reversed(complete)}
    query = list(identities.values())[-QUERIES:]
    gallery = [sample for sample in samples if sample not in query]
    return Dataset(name="ranked", train=[], query=query, gallery=gallery, junk=None)


def drawn_dataset(directory: Path) -> Dataset:
    gallery = [
        _sample(directory, identity, sighting, SUBSETS[number % len(SUBSETS)])
        for number, (identity, sighting) in enumerate(
            (identity, sighting)
            for identity in range(IDENTITIES)
            for sighting in range(GALLERY_PER_IDENTITY)
        )
    ]
    query = [_sample(directory, identity, 50, MODALITIES) for identity in range(QUERIES)]
    return Dataset(name="ranked", train=[], query=query, gallery=gallery, junk=None)


@dataclass(frozen=True)
class Ranked:
    """A service with the gallery in it, and the same gallery embedded in this process.

    Attributes:
        client: of the service.
        bundle: the model that ranks.
        dataset: the queries and the gallery.
        engine: of this process.
        features: of the gallery, from `vreid.embedding.embed_samples`.
        mask: of the gallery, from there too.
        embedded: all samples, from `training.embedded.embed_dataset`.
        ids: of the gallery's samples in the service.
    """

    client: httpx.Client
    bundle: Bundle
    dataset: Dataset
    engine: BranchEngine
    features: NDArray[np.float32]
    mask: NDArray[np.bool_]
    embedded: EmbeddedDataset
    ids: Sequence[str]


@pytest.fixture(scope="module")
def ranked(
    ranked_bundle: Bundle, ranked_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ranked]:
    """Index one half, enrol the other half, embed all of it as the evaluation does."""
    directory = tmp_path_factory.mktemp("ranking")
    gallery = directory / "gallery"
    ids = [f"g{number}" for number in range(len(ranked_dataset.gallery))]
    half = len(ids) // 2
    index(ranked_bundle, gallery, directory / "half.csv", ids[:half], ranked_dataset.gallery[:half])
    manifest, engine = ranked_bundle.manifest, open_engine(ranked_bundle)
    features, mask = embed_samples(ranked_dataset.gallery, ranked_bundle, engine)
    embedded = embed_dataset(ranked_dataset, manifest.preprocessing, engine, manifest.feature_size)
    with serving(ranked_bundle.path, gallery) as service:
        for record_id, sample in zip(ids[half:], ranked_dataset.gallery[half:], strict=True):
            enrol(service, record_id, sample)
        yield Ranked(
            client=service.client,
            bundle=ranked_bundle,
            dataset=ranked_dataset,
            engine=engine,
            features=features,
            mask=mask,
            embedded=embedded,
            ids=ids,
        )


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("subset", SUBSETS, ids=subset_name)
def test_three_ways_give_one_ranking(
    ranked: Ranked, subset: tuple[Modality, ...], policy: str
) -> None:
    over_http = [rank_over_http(ranked, sample, subset, policy) for sample in ranked.dataset.query]
    in_process = rank_in_process(ranked, subset, policy)
    assert over_http == in_process
    assert_evaluated_alike(ranked, subset, policy, over_http)


def rank_over_http(
    ranked: Ranked, sample: Sample, subset: Sequence[Modality], policy: str
) -> list[str]:
    """Ids of all records that the service ranks, best first."""
    files = {modality.value: sample.read(modality) for modality in subset}
    response = ranked.client.post(
        "/search", files=files, data={"k": str(len(ranked.ids)), "policy": policy}
    )
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    assert [result["rank"] for result in results] == list(range(1, len(results) + 1))
    return [result["id"] for result in results]


def rank_in_process(ranked: Ranked, subset: Sequence[Modality], policy: str) -> list[list[str]]:
    """The same from `vreid.scoring` over `vreid.embedding.embed_samples`."""
    manifest = ranked.bundle.manifest
    queries = [
        Sample({modality: sample.images[modality] for modality in subset})
        for sample in ranked.dataset.query
    ]
    query_features, query_mask = embed_samples(queries, ranked.bundle, ranked.engine)
    resolved = resolve_policy(policy, manifest.auto_policy)
    scores = score(
        query_features, query_mask, ranked.features, ranked.mask, resolved, manifest.calibration
    )
    return [
        [ranked.ids[row] for row in np.argsort(-keys, kind="stable") if valid[row]]
        for keys, valid in zip(scores.ranking_key, scores.valid, strict=True)
    ]


def assert_evaluated_alike(
    ranked: Ranked, subset: Sequence[Modality], policy: str, rankings: Sequence[Sequence[str]]
) -> None:
    """The figures of `training.evaluation` are those of the service's rankings."""
    manifest = ranked.bundle.manifest
    query = ranked.embedded.query.restricted(subset)
    dataset = EmbeddedDataset("ranked", query, ranked.embedded.gallery, None)
    distances = distances_of(rankings, ranked.ids)
    try:
        figures = evaluate(dataset, policy, manifest.calibration, manifest.auto_policy).figures
    except MetricError:
        assert not any(rankings)
        return
    measured = evaluate_ranking(distances, query.labels, ranked.embedded.gallery.labels, None)
    assert figures.map == pytest.approx(measured.map, abs=1e-12)
    assert figures.rank1 == measured.cmc[0]
    assert figures.mean_inverse_negative_penalty == pytest.approx(
        measured.mean_inverse_negative_penalty, abs=1e-12
    )


def distances_of(rankings: Sequence[Sequence[str]], ids: Sequence[str]) -> NDArray[np.float64]:
    """Ranks as distances (Q, G); infinite for records that were not ranked."""
    column = {record_id: number for number, record_id in enumerate(ids)}
    distances = np.full((len(rankings), len(ids)), np.inf)
    for row, ranking in enumerate(rankings):
        distances[row, [column[record_id] for record_id in ranking]] = np.arange(len(ranking))
    return distances


def index(
    bundle: Bundle, gallery: Path, manifest: Path, ids: Sequence[str], samples: Sequence[Sample]
) -> None:
    """Index samples offline."""
    with manifest.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "rgb", "nir", "tir", "identity"])
        for record_id, sample in zip(ids, samples, strict=True):
            images = [sample.images.get(modality, "") for modality in MODALITIES]
            rows.writerow([record_id, *images, sample.identity])
    done = vreid("index", manifest, "--bundle", bundle.path, "--gallery", gallery, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["indexed"] == len(ids)


def enrol(service: ServiceProcess, record_id: str, sample: Sample) -> None:
    """Enrol a sample over HTTP."""
    files = {modality.value: sample.read(modality) for modality in sample.images}
    response = service.client.post(
        "/gallery", files=files, data={"id": record_id, "identity": sample.identity or "unknown"}
    )
    assert response.status_code == 201, response.text


def _sample(
    directory: Path, identity: int, sighting: int, modalities: Sequence[Modality]
) -> Sample:
    images: Mapping[Modality, Path] = {
        modality: directory / f"{identity}_{sighting}_{modality}.png" for modality in modalities
    }
    for modality, path in images.items():
        path.write_bytes(picture(identity, sighting, modality))
    return Sample(images, identity=f"v{identity}")
