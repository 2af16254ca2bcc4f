"""The figures of the comparison as the tables of docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.serving.targets import targets
from service.bench.machine import describe
from service.bench.report import p99_text, peak_text

_KEPT = {True: "yes", False: "**no**", None: "-"}
NOT_MEASURED = "Not measured yet."
_LEAST_CORE_MS = 0.005
_THERE = {True: "on disk", False: "to be made"}
_CHOSEN = {True: "chosen before", False: "to be chosen"}

Figures = Mapping[str, Any]


def sections(document: Figures) -> dict[str, str]:
    """Markdown by the mark on the page."""
    parts = {name: part["figures"] for name, part in document["parts"].items()}
    machines = _machine(document) or NOT_MEASURED
    makers: Mapping[str, Callable[[Figures], str]] = {
        "serving-saturation": _saturation,
        "serving-profile": _profile,
        "serving-peers": _peers,
        "serving-precisions": _precisions,
        "serving-overload": _overload,
        "serving-concurrency": _concurrency,
        "serving-archive": _archive,
        "serving-endurance": _endurance,
    }
    return {
        "serving-machine": machines,
        "serving-promises": _promises(document),
        **{subject: make(parts) or NOT_MEASURED for subject, make in makers.items()},
    }


def _machine(document: Figures) -> str:
    """One paragraph for each machine and revision, with its parts where there are several."""
    groups: dict[str, list[str]] = {}
    for name, part in sorted(document["parts"].items(), key=lambda each: each[1]["measured_at"]):
        origin = part["origin"]
        peers = ", ".join(f"{package} {number}" for package, number in origin["peers"].items())
        text = f"{describe(origin['machine'])}. Peers run {peers or 'nothing'}. "
        text += f"Revision {origin['revision'] or 'unknown'}, {part['measured_at'][:10]}."
        groups.setdefault(text, []).append(name)
    if len(groups) == 1:
        return f"Machine: {next(iter(groups))}"
    return "\n\n".join(f"Machine of {', '.join(names)}: {text}" for text, names in groups.items())


def _promises(document: Figures) -> str:
    rows = [[each.promise, each.measured, _KEPT[each.kept]] for each in targets(document)]
    return _table(["promise", "measured", "kept"], rows) if rows else NOT_MEASURED


def _saturation(parts: Figures) -> str:
    rows = []
    for name in ("lite", "resnet50"):
        found = _measured(parts, f"saturation-{name}")
        if found:
            rows.append(
                [
                    name,
                    f"{found['engine']}, {found['precision']}",
                    _number(found["raw_per_second"]),
                    _number(found["in_process_per_second"]),
                    _number(found["http_per_second"]),
                    f"{100 * found['share']:.0f} %",
                    _number(found["triplet_ms"]),
                    str(found["answers"]),
                    str(found["not_200"]),
                    f"{found['peak_bytes'] / 2**20:.0f}",
                ]
            )
    head = ["bundle", "engine", "engine alone", "in process", "HTTP", "HTTP of engine"]
    return _table([*head, "one triplet ms", "answers", "not 200", "peak MiB"], rows) if rows else ""


def _profile(parts: Figures) -> str:
    rows = []
    for name in ("lite", "resnet50"):
        found = _measured(parts, f"saturation-{name}")
        if found:
            total = sum(found["core_ms"].values()) + found["client_core_ms"]
            for thread, spent in {**found["core_ms"], "(client)": found["client_core_ms"]}.items():
                if spent >= _LEAST_CORE_MS:
                    rows.append([name, thread, f"{spent:.2f}", f"{100 * spent / total:.1f} %"])
    table = _table(["bundle", "threads", "core-ms a triplet", "share"], rows)
    plot = _plot("Core-milliseconds of a triplet by kind of thread", "serving-profile")
    return f"{table}\n\n{plot}" if rows else ""


def _peers(parts: Figures) -> str:
    texts = []
    for name in ("lite", "resnet50"):
        found = parts.get(f"comparison-{name}")
        if isinstance(found, list):
            rows = [_peer_cells(row) for row in found]
            head = ["service", "runs", "triplets/s", "of turns", "answers", "p50 ms", "p99 ms"]
            table = _table([*head, "not 200", "ready s", "resident MiB"], rows)
            texts.append(f"{name}, 16 connections:\n\n{table}")
            if name == "lite":
                texts.append(_plot("Throughput and p99 of each service", "serving-peers"))
    return "\n\n".join(texts)


def _peer_cells(row: Figures) -> list[str]:
    if "failed" in row:
        return [row["label"], f"failed: {row['failed']}", *[""] * 8]
    return [
        row["label"],
        f"{row['engine']}, {row['precision']}",
        _number(row["per_second"]),
        f"{_number(row['slowest_turn'])} to {_number(row['fastest_turn'])}",
        str(row["answers"]),
        _number(row["p50_ms"]),
        _p99(row["answers"], row["p99_ms"]),
        str(row["not_200"]),
        _number(row["ready_seconds"]),
        f"{row['resident_bytes'] / 2**20:.0f}",
    ]


def _precisions(parts: Figures) -> str:
    texts = []
    for name in ("lite", "resnet50"):
        found = _measured(parts, f"precisions-{name}")
        if found:
            ordered = sorted(found["milliseconds"].items(), key=lambda each: -each[1])
            slowest = ordered[0][1]
            rows = [
                [each, _number(ms), f"{slowest / ms:.1f}x", _number(found["per_second"][each])]
                for each, ms in ordered
            ]
            rows += [[each, "not here", "", ""] for each in found["absent"]]
            table = _table(["engine", "one triplet ms", "over the slowest", "triplets/s"], rows)
            texts.append(f"{name}:\n\n{table}")
    return "\n\n".join(texts)


def _overload(parts: Figures) -> str:
    found = _measured(parts, "overload")
    if not found:
        return ""
    words = {
        "default": "default (`VREID_DEADLINE`)",
        "stated": f"stated, {found['deadline_ms']:.0f} ms",
    }
    rows = [
        [
            words[name],
            _number(run["accepted_per_second"]),
            _number(run["accepted_p50_ms"]),
            _p99(run["accepted"], run["accepted_p99_ms"]),
            "-" if run["of_unloaded"] is None else f"{run['of_unloaded']:.1f}x",
            f"{100 * run['refused_share']:.0f} %",
            "-" if run["refused_p50_ms"] is None else _number(run["refused_p50_ms"]),
            "-" if run["refused_p99_ms"] is None else _number(run["refused_p99_ms"]),
            ", ".join(f"{status}: {count}" for status, count in run["statuses"].items()),
            str(run["lost"]),
            str(run["unsent"]),
        ]
        for name, run in found["runs"].items()
    ]
    head = ["deadline", "accepted/s", "p50 ms", "p99 ms", "of unloaded p99", "429"]
    table = _table([*head, "429 p50 ms", "429 p99 ms", "answers", "lost", "not sent"], rows)
    return (
        f"Capacity {_number(found['capacity'])} triplets/s; unloaded p99 "
        f"{_p99(found['unloaded_answers'], found['unloaded_p99_ms'])} ms, p50 "
        f"{_number(found['unloaded_p50_ms'])} ms (one connection, {found['unloaded_answers']} "
        f"answers).\n\n{table}"
    )


def _concurrency(parts: Figures) -> str:
    rows = []
    for name in ("lite", "resnet50"):
        found = _measured(parts, f"concurrency-{name}")
        for row in found["rows"] if found else ():
            load = row["figures"]["load"]
            ok = load["by_status"]["200"]
            rows.append(
                [
                    name,
                    row["what"],
                    str(row["concurrency"]),
                    _number(load["per_second"]),
                    _number(row["figures"]["images_per_second"]),
                    _number(ok["p50_ms"]),
                    _number(ok["p90_ms"]),
                    _p99(ok["count"], ok["p99_ms"]),
                    str(ok["count"]),
                    str(load["sent"] - ok["count"]),
                    peak_text(
                        row["figures"]["peak_bytes"], of_row=row["figures"]["peak_is_of_row"]
                    ),
                ]
            )
    head = ["bundle", "samples", "connections", "samples/s", "images/s", "p50 ms", "p90 ms"]
    table = _table([*head, "p99 ms", "answers", "not 200", "peak MiB"], rows)
    plot = _plot("Samples a second and p99 by the number of connections", "serving-concurrency")
    return f"{table}\n\n{plot}" if rows else ""


def _archive(parts: Figures) -> str:
    rows = []
    for name in ("lite", "resnet50"):
        found = _measured(parts, f"archive-{name}")
        rows += [
            [
                name,
                each["pictures"],
                str(each["samples"]),
                _number(each["raw_per_second"]),
                _number(each["per_second"]),
                ", ".join(f"{100 * share:.0f} %" for share in each["shares"]),
                _number(each["start_seconds"]),
            ]
            for each in (found["sets"] if found else ())
        ]
    head = ["bundle", "pictures", "samples", "engine alone", "`vreid index`"]
    head += ["of engine, each turn", "start s"]
    return _table(head, rows) if rows else ""


def _endurance(parts: Figures) -> str:
    rows = []
    if found := _measured(parts, "starts"):
        rows += [
            [
                f"start to ready, {found['records']} records, {each['case']}: index "
                f"{_THERE[each['index']]}, engine {_CHOSEN[each['engine_cache']]}",
                f"{each['seconds']:.2f} s, the slowest of {found['rounds']} "
                f"{each['slowest']:.2f} s",
            ]
            for each in found["starts"]
        ]
        peak = max(each["peak_bytes"] for each in found["starts"])
        rows.append(["resident then, at most", f"{peak / 2**20:.0f} MiB"])
    if found := _measured(parts, "memory"):
        resident = found["resident_bytes"]
        settled = resident[len(resident) // 10 - 1]
        rows.append(
            [
                f"resident after a tenth and after all of {found['requests']} mixed requests",
                f"{settled / 2**20:.0f} and {resident[-1] / 2**20:.0f} MiB; a line fitted grows by "
                f"{100 * found['fitted_growth']:.1f} %",
            ]
        )
        counts = ", ".join(f"{status}: {count}" for status, count in found["statuses"].items())
        rows.append(["their answers", counts])
    if (found := _measured(parts, "image")) and found["bytes"]:
        rows.append(["image `vreid:cpu`", f"{found['bytes'] / 1e6:.0f} MB"])
    return _table(["what", "measured"], rows) if rows else ""


def _measured(parts: Figures, name: str) -> Figures:
    """The figures of a part; none where it is absent or failed."""
    found = parts.get(name)
    return found if isinstance(found, dict) and "failed" not in found else {}


def _plot(words: str, name: str) -> str:
    """One that `benchmarks.serving.plots` writes, of the lite bundle."""
    return f"![{words}](images/{name}.svg)"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _p99(answers: int, milliseconds: float) -> str:
    return p99_text(answers, milliseconds, 0 if milliseconds >= 100 else 1)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
