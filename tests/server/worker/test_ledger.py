"""What a worker's successor learns of its sequences."""

from pathlib import Path

from horngate.server.worker.ledger import COMPACT_LINES, Ledger, read_ledger


def test_those_that_lived_are_known_and_those_that_ended_are_not(tmp_path: Path) -> None:
    file = tmp_path / "worker.sequences"
    assert read_ledger(file) == {}
    ledger = Ledger(file)
    ledger.begun(("lstm", 7), "1")
    ledger.begun(("lstm", "7"), "2")
    ledger.begun(("gru", "ein\nBär"), "1")
    ledger.ended(("lstm", 7))
    ledger.ended(("lstm", 8))
    assert read_ledger(file) == {("lstm", "7"): "2", ("gru", "ein\nBär"): "1"}
    Ledger(file)
    assert read_ledger(file) == {}


def test_the_file_stays_small_however_many_come_and_go(tmp_path: Path) -> None:
    file = tmp_path / "worker.sequences"
    ledger = Ledger(file)
    ledger.begun(("lstm", "stays"), "1")
    for number in range(COMPACT_LINES):
        ledger.begun(("lstm", number), "1")
        ledger.ended(("lstm", number))
    assert len(file.read_text().splitlines()) <= COMPACT_LINES + 3
    assert read_ledger(file) == {("lstm", "stays"): "1"}


def test_a_line_that_was_cut_off_costs_no_more_than_itself(tmp_path: Path) -> None:
    file = tmp_path / "worker.sequences"
    Ledger(file).begun(("lstm", 1), "1")
    with file.open("a") as handle:
        handle.write('["lstm", 2')
    assert read_ledger(file) == {("lstm", 1): "1"}
