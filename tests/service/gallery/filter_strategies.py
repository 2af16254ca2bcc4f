"""Random records and random filters over the same few values, so that they often meet."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from service.gallery.columns.attribute_values import Range
from service.gallery.filters.filter import AttributeCondition, Exists, Filter, LabelCondition
from service.gallery.record import Labels

LABELS = ("a", "b", "north gate", "größe")
# Equal in Python but not in JSON, equal in both, alike for more than eight bytes, not ASCII.
NUMBERS: tuple[float, ...] = (0, 1, -0.0, 1.0, 2, 2.5, -3, 2**53, 1e300, 5e-324)
TEXTS = ("", "1", "a", "a\0", "2024-05-01T10", "2024-05-01T10:30", "2024-05-02", "ü", "𝄞", "\uffff")
NAMES = ("kind", "speed", "a/b", "é")
TIMES = tuple(
    datetime(2024, 5, 1, hour, tzinfo=zone)
    for hour in (0, 12)
    for zone in (UTC, timezone(timedelta(hours=2)))
)

labels = st.sampled_from(LABELS)
values = st.one_of(st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS))
exists = st.builds(Exists, st.booleans())

records = st.builds(
    Labels,
    identity=st.none() | labels,
    camera=st.none() | labels,
    scene=st.none() | labels,
    captured_at=st.none() | st.sampled_from(TIMES),
    attributes=st.dictionaries(st.sampled_from(NAMES), values, max_size=3),
)


def _lists(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(of, min_size=1, max_size=3).map(tuple)


def _range(
    ends: tuple[float | str | None, float | str | None], low_in: bool, high_in: bool
) -> Range:
    low, high = ends
    # Of an end that is not there it does not matter, and JSON does not say it.
    return Range(low, high, low_in or low is None, high_in and high is not None)


def _ranges_of(
    ends: st.SearchStrategy[float] | st.SearchStrategy[str],
) -> st.SearchStrategy[Range]:
    either = st.tuples(ends, st.none() | ends) | st.tuples(st.none(), ends)
    return st.builds(_range, either, st.booleans(), st.booleans())


ranges = _ranges_of(st.sampled_from(NUMBERS)) | _ranges_of(st.sampled_from(TEXTS))
label_conditions: st.SearchStrategy[LabelCondition | None] = st.none() | _lists(labels) | exists
attribute_conditions: st.SearchStrategy[AttributeCondition] = (
    st.lists(values, min_size=1, max_size=3).map(tuple)
    | _ranges_of(st.sampled_from(NUMBERS))
    | _ranges_of(st.sampled_from(TEXTS))
    | exists
)


@st.composite
def single_filters(draw: st.DrawFn) -> Filter:
    """Filters without filters in them, of one to three conditions."""
    members: dict[str, st.SearchStrategy[Any]] = {
        "camera": label_conditions,
        "identity": label_conditions,
        "scene": label_conditions,
        "exclude_camera": _lists(labels),
        "exclude_scene": _lists(labels),
        "exclude_identity": _lists(labels),
        "captured": exists,
        "captured_from": st.sampled_from(TIMES),
        "captured_to": st.sampled_from(TIMES),
        "attributes": st.dictionaries(
            st.sampled_from(NAMES), attribute_conditions, min_size=1, max_size=2
        ),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(members)), max_size=3))
    return Filter(**{name: draw(members[name]) for name in sorted(chosen)})


def _combined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.builds(
        lambda own, all_of, any_of, negated: Filter(
            camera=own.camera,
            attributes=own.attributes,
            all_of=all_of,
            any_of=any_of,
            negated=negated,
        ),
        single_filters(),
        several,
        several,
        st.none() | inner,
    )


filters = st.recursive(single_filters(), _combined, max_leaves=6)
