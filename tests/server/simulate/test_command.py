"""`horngate bench simulate` as it is typed."""

import json
from pathlib import Path

import pytest

from horngate.cli.main import main

CURVE = "1:100,8:400"


def test_a_table_for_people_and_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["bench", "simulate", "--curve", CURVE, "--arrivals", "poisson:0.5x", "--requests", "500"]
    assert main([*typed, "--devices", "1,4"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[:4] == ["devices", "rows/s", "p50", "ms"]
    assert [line.split()[0] for line in table[1:]] == ["1", "4"]
    assert main([*typed, "--devices", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["devices"] == 2
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["p99.9_ms"]


def test_a_recorded_trace_and_a_server_s_own_calibration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration, trace = tmp_path / "calibration-1.json", tmp_path / "trace.jsonl"
    calibration.write_text(json.dumps({"curve": {"1": 100.0, "8": 400.0}}))
    trace.write_text('{"at_s": 1.0, "rows": 8}\n\n{"at_s": 0.0}\n')
    typed = ["bench", "simulate", "--curve", str(calibration), "--arrivals", str(trace)]
    assert main([*typed, "--devices", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["batch_rows"], found["p99_ms"]) == (4.5, pytest.approx(20.0))
    assert found["rows_per_s"] == pytest.approx(9 / 1.02)


@pytest.mark.parametrize(
    ("curve", "arrivals", "said"),
    [
        ("1-100", "poisson:1", "curve: received '1-100'; expected rows:rows a second"),
        (CURVE, "poisson:fast", "arrivals: received 'poisson:fast'; expected poisson:RATE"),
        (CURVE, "waves:3", "arrivals: received 'waves:3'"),
        (CURVE, "poisson:0", "arrivals: received 'poisson:0'"),
    ],
)
def test_what_cannot_be_simulated_is_explained(
    curve: str, arrivals: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "simulate", "--curve", curve, "--arrivals", arrivals]) == 1
    assert said in capsys.readouterr().err


def test_a_trace_that_cannot_be_read_names_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"at_s": 0.0}\n{"when": 1}\n')
    assert main(["bench", "simulate", "--curve", CURVE, "--arrivals", str(trace)]) == 1
    assert "trace.jsonl, line 2: " in capsys.readouterr().err
