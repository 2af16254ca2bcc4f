"""Files of records that are damaged or odd are refused in one sentence, or read."""

import io
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import UnusableRecordFile
from service.transfer.checking import checked
from service.transfer.files import open_records
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT
from tests.service.transfer.files import arrays, counts, imported, stored

ROWS = 3


def member(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def with_header(header: bytes, version: bytes = b"\x01\x00") -> bytes:
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + length + header


def archive(
    path: Path,
    changed: Mapping[str, bytes] | None = None,
    *,
    compression: int = zipfile.ZIP_STORED,
    suffix: str = ".npy",
) -> Path:
    """An npz file of records in which some members are these bytes."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, array in arrays(ROWS).items():
            file.writestr(name + suffix, (changed or {}).get(name, member(array)))
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_compression_that_numpy_does_not_write_is_refused(
    tmp_path: Path, compression: int
) -> None:
    file = archive(tmp_path / "in.npz", compression=compression)
    with pytest.raises(UnusableRecordFile, match=r"numpy\.savez"):
        imported(file, tmp_path / "g")
    assert not (tmp_path / "g").exists()


def test_a_member_that_is_not_named_as_an_array_is_refused(tmp_path: Path) -> None:
    file = archive(tmp_path / "in.npz", suffix="")
    with pytest.raises(UnusableRecordFile, match="'features', which is no array"):
        imported(file, tmp_path / "g")


def test_an_array_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    file = archive(tmp_path / "in.npz")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as more:
        more.writestr("id.npy", member(["x", "y", "z"]))
    with pytest.raises(UnusableRecordFile, match="twice"):
        imported(file, tmp_path / "g")


ODD_HEADERS = {
    "nothing": b"",
    "minus signs": b"-" * 9000 + b"1\n",
    "open brackets": b"(" * 9000 + b"\n",
    "open and closed brackets": b"(" * 900 + b")" * 900 + b"\n",
    "an open text": b"{'descr': '''\n",
    "no entries": b"{}\n",
    "an entry twice": b"{'descr': '<f2', 'descr': '<f2', 'shape': (3, 3, 12), }\n",
    "another entry": b"{'descr': '<f2', 'fortran_order': False, 'shape': (3,), 'x': 1}\n",
    "a truth as a length": b"{'descr': '<f2', 'fortran_order': False, 'shape': (True, 3, 12), }\n",
    "a negative length": b"{'descr': '<f2', 'fortran_order': False, 'shape': (-3, 3, 12), }\n",
    "a length of thousands of digits": b"{'descr': '<f2', 'fortran_order': False, 'shape': ("
    + b"9" * 5000
    + b",), }\n",
    "a length that begins with 0": b"{'descr': '<f2', 'fortran_order': False, 'shape': (03,), }\n",
    "a type of fields": b"{'descr': [('a', '<f2')], 'fortran_order': False, 'shape': (3,), }\n",
    "no type": b"{'descr': '<f3', 'fortran_order': False, 'shape': (3, 3, 12), }\n",
    "too long a type": b"{'descr': '<U4000000000', 'fortran_order': False, 'shape': (3,), }\n",
    "more rows than there are": b"{'descr': '<f2', 'fortran_order': False, "
    b"'shape': (9223372036854775807, 3, 12), }\n",
    "not UTF-8": b"\xff\xfe" * 30,
}


@pytest.mark.parametrize("header", ODD_HEADERS.values(), ids=ODD_HEADERS)
@pytest.mark.parametrize("version", [b"\x01\x00", b"\x02\x00"])
@pytest.mark.parametrize("name", ["features", "id", "model"])
def test_an_array_with_an_odd_header_is_refused(
    tmp_path: Path, header: bytes, version: bytes, name: str
) -> None:
    file = archive(tmp_path / "in.npz", {name: with_header(header, version)})
    with pytest.raises(UnusableRecordFile, match=r"in\.npz"):
        imported(file, tmp_path / "g")
    assert not (tmp_path / "g").exists()


def test_a_header_that_says_more_of_itself_than_there_is_is_refused(tmp_path: Path) -> None:
    for odd in (b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{", b"\x93NUMPY\x09\x00\x00\x00"):
        file = archive(tmp_path / "in.npz", {"features": odd})
        with pytest.raises(UnusableRecordFile, match="array features cannot be read"):
            imported(file, tmp_path / "g")


def test_a_header_may_be_written_with_its_entries_in_any_order_and_without_padding(
    tmp_path: Path,
) -> None:
    header = b"{'shape':(3,3),'fortran_order':False,'descr':'|b1'}"
    file = archive(tmp_path / "in.npz", {"mask": with_header(header) + b"\x01" * 9})
    assert counts(imported(file, tmp_path / "g")) == (3, 0, 0)


def test_a_truth_of_the_mask_is_any_byte_but_0(tmp_path: Path) -> None:
    whole = member(np.ones((ROWS, 3), dtype=np.bool_))
    file = archive(
        tmp_path / "in.npz", {"mask": whole[:-9] + bytes([2, 0, 255, 1, 128, 0, 0, 0, 7])}
    )
    assert counts(imported(file, tmp_path / "g")) == (3, 0, 0)
    assert [each["mask"] for each in stored(tmp_path / "g")] == [
        [True, False, True],
        [True, True, False],
        [False, False, True],
    ]


def test_the_command_says_one_sentence_and_has_the_exit_status_1(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    file = archive(tmp_path / "in.npz", {"features": with_header(b"(" * 9000)})
    done = subprocess.run(
        [
            *(sys.executable, "-m", "vreid", "gallery", "import", str(file)),
            *("--bundle", str(bundle.path), "--gallery", str(tmp_path / "g")),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "the array features cannot be read" in done.stderr


def npz_bytes(compressed: bool) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(
        stream,
        **arrays(ROWS),
        identity=np.array(["x", "", "é"]),
        captured_at=np.array([0, 1, 2]),
        attributes=np.array(['{"a": 1}'] * ROWS),
        content_hash=np.array([b"q", b"", b"r"]),
    )
    return stream.getvalue()


def parquet_bytes() -> bytes:
    members = arrays(ROWS)
    table = pa.table(
        {
            "id": pa.array(members["id"].tolist()),
            "camera": pa.array(["n", None, "n"]).dictionary_encode(),
            "attributes": ['{"a": 1}'] * ROWS,
            "captured_at": pa.array([0, None, 2], pa.timestamp("ns", tz="UTC")),
            "created_at": pa.array([1, 2, 3]),
            "mask": members["mask"].tolist(),
            "features_rgb": pa.array(members["features"][:, 0].tolist(), pa.list_(pa.float16())),
            "features_tir": pa.array(
                members["features"][:, 2].tolist(), pa.list_(pa.float32(), FEATURE_SIZE)
            ),
        }
    ).replace_schema_metadata({"model": FINGERPRINT})
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=2)
    return stream.getvalue()


WHOLE = {
    ".npz": (npz_bytes(compressed=False), npz_bytes(compressed=True)),
    ".parquet": (parquet_bytes(),),
}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The file with some bytes changed, lost or added, or without its end."""
    data = bytearray(whole)
    places = st.integers(0, len(whole) - 1) | st.integers(max(0, len(whole) - 900), len(whole) - 1)
    for at in draw(st.lists(places, min_size=1, max_size=6)):
        lost = draw(st.sampled_from([0, 1, 1, 1, 4, 8, 30]))
        data[at : at + lost] = draw(st.binary(max_size=8) | st.sampled_from([b"\xff" * 8, b"\0"]))
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


@pytest.mark.parametrize("suffix", WHOLE)
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_file_with_random_damage_is_refused_or_read(suffix: str, data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(WHOLE[suffix]).flatmap(damaged))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "in").with_suffix(suffix)
        file.write_bytes(content)
        try:
            with closing(open_records(file, FEATURE_SIZE)) as records:
                for rows in records.rows(2):
                    found = checked(rows)
                    assert all(1 <= bits <= 7 for bits in found.block.mask_bits())
                    assert len(found.block) + len(found.rejected) == len(rows.mask)
        except UnusableRecordFile as error:
            assert "in" + suffix in str(error) or "write the file again" in str(error)  # noqa: PT017


def test_a_parquet_file_with_one_bit_changed_is_refused_or_read(tmp_path: Path) -> None:
    (whole,) = WHOLE[".parquet"]
    near_row = 0
    for at in range(4, len(whole), 5):
        data = bytearray(whole)
        data[at] ^= 2
        (tmp_path / "in.parquet").write_bytes(bytes(data))
        try:
            with closing(open_records(tmp_path / "in.parquet", FEATURE_SIZE)) as records:
                for rows in records.rows(2):
                    checked(rows)
        except UnusableRecordFile as error:
            near_row += "is damaged near row" in str(error)
    assert near_row
