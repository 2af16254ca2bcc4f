"""How ``auto`` chooses, and what it keeps of it."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vreid.bundle import Bundle
from vreid.cpu_features import Processor, read_processor
from vreid.engines import batches, open_engine
from vreid.engines.candidates import PREFERENCE, Candidate
from vreid.engines.choice_cache import (
    MOST_CHOICES,
    choice_key,
    drop_choice,
    keep_choice,
    library_versions,
    read_choice,
)
from vreid.engines.measuring import ADVANTAGE, NEGLIGIBLE, ROUNDS, Run, measure, ranked
from vreid.engines.request import engine_request
from vreid.errors import BundleUnsupported, EngineError, EngineUnavailable
from vreid.modality import Modality

FIRST, SECOND, THIRD = PREFERENCE[:3]


@pytest.mark.parametrize(
    ("times", "best"),
    [
        ((2.0, 1.9, 2.5), FIRST),
        ((2.0, 1.7, 2.5), SECOND),
        ((2.0, 1.7, 1.6), SECOND),
        ((2.0, 1.7, 1.5), THIRD),
    ],
)
def test_a_later_candidate_wins_only_where_it_is_clearly_faster(
    times: tuple[float, ...], best: Candidate
) -> None:
    chosen, *others = ranked(dict(zip(PREFERENCE, times, strict=False)))
    assert chosen == best
    assert {chosen, *others} == {FIRST, SECOND, THIRD}


@given(st.lists(st.floats(NEGLIGIBLE, 100), min_size=5, max_size=5))
def test_no_candidate_is_much_faster_than_the_chosen_one(times: list[float]) -> None:
    by_candidate = dict(zip(PREFERENCE, times, strict=True))
    chosen, *others = ranked(by_candidate)
    assert [by_candidate[each] for each in others] == sorted(by_candidate[each] for each in others)
    later = PREFERENCE[PREFERENCE.index(chosen) :]
    assert all(by_candidate[each] >= ADVANTAGE * by_candidate[chosen] for each in later)


def runs_of(times: Mapping[Candidate, float], order: list[Candidate]) -> Callable[[Candidate], Run]:
    """Runs that take so long and note who ran."""

    def open_candidate(candidate: Candidate) -> Run:
        def run() -> float:
            order.append(candidate)
            return times[candidate]

        return run

    return open_candidate


def test_candidates_run_in_turn_so_that_a_busy_moment_hits_them_all() -> None:
    order: list[Candidate] = []
    measured = measure([FIRST, SECOND], runs_of({FIRST: 2.0, SECOND: 3.0}, order))
    assert order == [FIRST, SECOND] * ROUNDS
    assert measured == {FIRST: 2.0, SECOND: 3.0}


@pytest.mark.parametrize("busy", range(ROUNDS - 1))
def test_a_round_on_a_busy_machine_decides_nothing(busy: int) -> None:
    rounds = {FIRST: iter(range(ROUNDS)), SECOND: iter(range(ROUNDS))}
    times = {FIRST: 2.0, SECOND: 3.0}

    def open_candidate(candidate: Candidate) -> Run:
        return lambda: times[candidate] * (10 if next(rounds[candidate]) == busy else 1)

    assert measure(times, open_candidate) == times


def test_one_that_does_not_run_is_passed_over() -> None:
    def open_candidate(candidate: Candidate) -> Run | None:
        return {FIRST: None, SECOND: lambda: 3.0, THIRD: lambda: math.inf}[candidate]

    assert measure([FIRST, SECOND, THIRD], open_candidate) == {SECOND: 3.0}
    assert measure([FIRST], open_candidate) == {}
    assert ranked({}) == []


def test_nothing_is_measured_where_there_is_nothing_to_gain() -> None:
    order: list[Candidate] = []
    times = dict.fromkeys(PREFERENCE, NEGLIGIBLE / 2)
    assert ranked(measure(PREFERENCE, runs_of(times, order))) == [FIRST]
    assert order == [FIRST]


@pytest.mark.parametrize("fails", [None, *PREFERENCE[:3]])
def test_fp32_is_measured_only_where_its_engine_runs_in_nothing_narrower(
    fails: Candidate | None,
) -> None:
    def open_candidate(candidate: Candidate) -> Run | None:
        return (lambda: math.inf) if fails == candidate else lambda: 2.0

    measured = measure(PREFERENCE, open_candidate, leaves_out_fp32=True)
    narrower = [each for each in PREFERENCE[:3] if each != fails]
    alone = {each.engine for each in PREFERENCE} - {each.engine for each in narrower}
    assert list(measured) == [*narrower, *(Candidate(engine, "fp32") for engine in alone)]


def test_fp32_is_measured_beside_the_others_where_nothing_is_known_of_the_processor() -> None:
    assert not Processor("an ARM", frozenset({"asimd"}), is_x86=False).is_known_to_gain
    assert list(measure(PREFERENCE, lambda _: lambda: 2.0)) == list(PREFERENCE)


@pytest.mark.parametrize(("threads", "lanes", "of_a_lane"), [(4, None, 1), (4, 2, 2), (4, 1, 4)])
def test_every_candidate_is_measured_with_the_threads_of_one_lane(
    variants: Bundle, threads: int, lanes: int | None, of_a_lane: int
) -> None:
    request = engine_request(variants, threads, lanes)
    for candidate in (SECOND, Candidate("openvino-cpu", "fp32")):
        opened = request.open_lane(candidate, Modality.RGB)
        assert (opened.threads, opened.lanes) == (of_a_lane, 1)


def test_a_choice_is_kept_and_taken_by_the_next_start(
    variants: Bundle, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="vreid.engines"):
        first = open_engine(variants)
        (kept,) = json.loads((cache / "engines.json").read_text()).values()
        second = open_engine(variants)
    assert (kept["engine"], kept["precision"]) == (first.name, first.precision)
    assert (second.name, second.precision) == (first.name, first.precision)
    chosen = f"engine auto: {first.name} {first.precision}"
    told = [each for each in caplog.messages if "CUDA" not in each]
    assert [message.startswith(chosen) for message in told] == [True, True]
    assert "measured: " in told[0]
    assert "measured before" in told[1]


def test_the_kept_choice_decides(variants: Bundle, cache: Path) -> None:
    open_engine(variants, threads=1)
    path = cache / "engines.json"
    (key,) = json.loads(path.read_text())
    other = Candidate("onnxruntime-cpu", "fp32")
    keep_choice(cache, key, other, {other: 1.0})
    engine = open_engine(variants, threads=1)
    assert (engine.name, engine.precision) == (other.engine, other.precision)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}'])
def test_a_file_of_another_form_is_no_choice(tmp_path: Path, text: str) -> None:
    (tmp_path / "engines.json").write_text(text)
    assert read_choice(tmp_path, "x") is None
    keep_choice(tmp_path, "x", FIRST, {FIRST: 1.0})
    assert read_choice(tmp_path, "x") == FIRST
    drop_choice(tmp_path, "x")
    assert read_choice(tmp_path, "x") is None


def test_only_the_newest_choices_are_kept(tmp_path: Path) -> None:
    for number in range(MOST_CHOICES + 5):
        keep_choice(tmp_path, str(number), FIRST, {FIRST: 1.0})
    assert read_choice(tmp_path, "4") is None
    assert read_choice(tmp_path, "5") == FIRST


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(
    variants: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    with caplog.at_level("INFO", logger="vreid.engines"):
        engine = open_engine(variants, "openvino-cpu")
    assert engine.name == "openvino-cpu"
    assert any("not kept" in message for message in caplog.messages)


def test_a_choice_holds_for_one_model_machine_library_and_way_to_run(variants: Bundle) -> None:
    processor, both, libraries = read_processor(), [FIRST, SECOND], library_versions()
    assert {"vreid", "onnxruntime", "openvino", "numpy"} <= libraries.keys()
    files = dict(variants.manifest.files)
    files["int8"] = {
        modality: replace(entry, sha256="0" * 64) for modality, entry in files["int8"].items()
    }
    other = Bundle(variants.path, replace(variants.manifest, fingerprint="sha256:other"))
    requantised = Bundle(variants.path, replace(variants.manifest, files=files))
    keys = [
        choice_key(variants, both, processor, 2, 2, libraries),
        choice_key(variants, both, processor, 2, 1, libraries),
        choice_key(variants, both, processor, 1, 1, libraries),
        choice_key(variants, both[:1], processor, 2, 2, libraries),
        choice_key(variants, both, replace(processor, model="another"), 2, 2, libraries),
        choice_key(variants, both, replace(processor, flags=frozenset()), 2, 2, libraries),
        choice_key(other, both, processor, 2, 2, libraries),
        choice_key(requantised, both, processor, 2, 2, libraries),
        *(
            choice_key(variants, both, processor, 2, 2, {**libraries, name: "0.0.0"})
            for name in libraries
        ),
    ]
    assert len(set(keys)) == len(keys)
    assert choice_key(variants, both, processor, 2, 2, dict(libraries)) == keys[0]


def test_other_batch_sizes_are_measured_anew(
    variants: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (variants, [FIRST], read_processor(), 2, 2, library_versions())
    before = choice_key(*arguments)
    monkeypatch.setattr(batches, "_ON_A_PROCESSOR", {"int8": (1, 2)})
    assert choice_key(*arguments) != before


def test_a_precision_that_the_bundle_lacks_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleUnsupported, match="no precision 'int8'"):
        open_engine(bundle, precision="int8")


def test_an_engine_asked_for_by_name_never_becomes_another(variants: Bundle) -> None:
    with pytest.raises(EngineUnavailable, match="does not compute in bf16"):
        open_engine(variants, "onnxruntime-cpu", precision="bf16")


def test_where_nothing_runs_the_reason_is_raised(variants: Bundle) -> None:
    unfit = Bundle(variants.path, replace(variants.manifest, feature_size=8))
    with pytest.raises(EngineError, match="instead of"):
        open_engine(unfit)
