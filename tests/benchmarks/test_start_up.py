from pathlib import Path

from benchmarks.start_up import measure_opening, store_records, table_of


def test_the_second_start_takes_what_the_first_one_left(tmp_path: Path) -> None:
    store_records(tmp_path, 3000)
    without, again = measure_opening(tmp_path), measure_opening(tmp_path)
    assert without["segments"] == again["segments"] == 1
    assert without["seconds"] > 0
    result = {"records": 3000, "processors": 2, "without": without, "with": again}
    assert "| with one |" in table_of(result)
