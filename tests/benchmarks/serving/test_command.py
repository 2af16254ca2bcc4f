from click.testing import CliRunner

from benchmarks.serving.__main__ import main


def test_an_unknown_part_is_refused() -> None:
    run = CliRunner().invoke(main, ["--only", "guess"])
    assert run.exit_code == 2
    assert "guess" in run.output
