import json
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ingest.entry import content_digest, from_fields, make_entry, to_fields
from service.messages.inputs import EnrolInput

# Few letters: what matters is that none is lost on the way.
WORDS = st.text(st.sampled_from('aß東"\\\n\0 😀'), max_size=6)
TEXTS = st.none() | WORDS
PICTURES = st.none() | st.binary(max_size=20)


@st.composite
def sightings(draw: st.DrawFn) -> EnrolInput:
    pictures = draw(
        st.fixed_dictionaries({"rgb": PICTURES, "nir": PICTURES, "tir": PICTURES}).filter(
            lambda each: any(value is not None for value in each.values())
        )
    )
    return EnrolInput.model_validate(
        {
            **pictures,
            "identity": draw(TEXTS),
            "camera": draw(TEXTS),
            "captured_at": draw(st.none() | st.datetimes(timezones=st.just(UTC))),
            "attributes": draw(
                st.dictionaries(WORDS, st.integers(0, 9) | st.booleans() | WORDS, max_size=3)
            ),
        }
    )


def sighting(**fields: object) -> EnrolInput:
    return EnrolInput.model_validate({"rgb": b"picture"} | fields)


@settings(max_examples=30, deadline=None)
@given(st.lists(sightings(), min_size=1, max_size=3), st.booleans())
def test_an_entry_comes_out_of_the_stream_as_it_went_in(
    samples: list[EnrolInput], is_form: bool
) -> None:
    entry = make_entry(samples, is_form, None, "request", "2026-01-01T00:00:00+00:00")
    fields = {name.encode(): value for name, value in to_fields(entry).items()}
    assert from_fields(fields) == entry


def test_equal_keys_give_equal_ids_and_so_do_equal_contents_without_a_key() -> None:
    def entry_id(sample: EnrolInput, key: str | None) -> str:
        return make_entry([sample], True, key, "request", "now").id

    assert entry_id(sighting(), "a") == entry_id(sighting(camera="north"), "a")
    assert entry_id(sighting(), None) == entry_id(sighting(), None)
    ids = {
        entry_id(sighting(), "a"),
        entry_id(sighting(), "b"),
        entry_id(sighting(), None),
        entry_id(sighting(camera="north"), None),
        # A key that looks like a content is not one.
        entry_id(sighting(), content_digest([sighting()])),
    }
    assert len(ids) == 5


def test_every_part_of_a_sighting_counts_in_its_digest() -> None:
    samples = [
        sighting(),
        sighting(rgb=b"other"),
        sighting(nir=b"picture"),
        sighting(id="a"),
        sighting(identity="a"),
        sighting(attributes={"colour": "red"}),
        sighting(tir=b"x", tir_palette="iron"),
        sighting(tir=b"x"),
    ]
    assert len({content_digest([sample]) for sample in samples}) == len(samples)


def test_records_are_called_as_the_client_said_or_after_the_entry() -> None:
    alone = make_entry([sighting()], True, "a", "request", "now")
    assert alone.record_ids == (alone.id,)
    several = make_entry([sighting(), sighting(id="mine")], False, "a", "request", "now")
    assert several.record_ids == (f"{several.id}.0", "mine")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"entry": b"no json"},
        {b"entry": b"{}"},
        {b"entry": json.dumps({"samples": [{"rgb": 1}]}).encode()},
    ],
)
def test_what_is_no_entry_is_refused(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_fields(fields)
