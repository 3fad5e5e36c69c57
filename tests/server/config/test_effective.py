"""Where a setting's value comes from, and what is told of values that are wrong."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.contract.errors import LoadError
from horngate.server.config.declared import SETTINGS
from horngate.server.config.effective import read_effective
from horngate.server.config.shown import as_json, as_toml

PLACES = ("default", "file", "environment", "flag")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "horngate.toml"
    path.write_text(text)
    return path


@given(places=st.sets(st.sampled_from(PLACES[1:])))
def test_the_nearest_place_counts(places: set[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = written(tmp_path_factory.mktemp("c"), "gateways = 2" if "file" in places else "")
    environment = {"HORNGATE_GATEWAYS": "3"} if "environment" in places else {}
    flags = {"gateways": "4"} if "flag" in places else {}
    found = read_effective(flags, environment, file).found["gateways"]
    nearest = max(places, key=PLACES.index, default="default")
    assert found.value == (PLACES.index(nearest) + 1 if places else None)
    assert (
        found.origin
        == {
            "default": "default",
            "file": f"{file}, line 1",
            "environment": "HORNGATE_GATEWAYS",
            "flag": "--gateways",
        }[nearest]
    )


def test_units_arrays_and_paths_of_a_file(tmp_path: Path) -> None:
    text = """
        models = "models"
        cache = "/var/cache"
        memory = "60%"
        max_delay = "5ms"
        build_timeout = 90
        build_memory = "2GiB"
        queue_bytes = "64MiB"
        http = false
        http_origin = ["https://a", "https://b"]
        zoo = ["mobilenet_v2", "eyes=resnet50:include_top=false"]
        zoo_weights = "weights.h5"
    """
    values = read_effective({}, {}, written(tmp_path, text)).values()
    wanted = {
        "models": tmp_path / "models",
        "cache": Path("/var/cache"),
        "memory": "60%",
        "max_delay": 0.005,
        "build_timeout": 90.0,
        "build_memory": 2 << 30,
        "queue_bytes": 64 << 20,
        "http": False,
        "http_origin": ("https://a", "https://b"),
        "zoo": "mobilenet_v2,eyes=resnet50:include_top=false",
        "zoo_weights": str(tmp_path / "weights.h5"),
    }
    assert {key: values[key] for key in wanted} == wanted


def test_numbers_without_a_unit_count_what_they_did() -> None:
    values = read_effective({"build_timeout": "5", "build_memory": "3000"}, {}).values()
    assert (values["build_timeout"], values["build_memory"]) == (5.0, 3000 << 20)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("grpc_prot = 1", "unknown key 'grpc_prot'; did you mean 'grpc_port'?"),
        ("grpc_port = 70000", "grpc_port is 70000; expected a number from 0 to 65535"),
        ("grpc_port = true", "grpc_port is True; expected a number from 0 to 65535"),
        ("http = 1", "http is 1; expected true or false"),
        ('transport = "quic"', "transport is 'quic'; expected one of native, grpcio"),
        ('max_delay = "5"', 'max_delay is \'5\'; expected a time of 0 or more, like "5ms", "30s" or "15m"'),
        ('sequence_idle = "0s"', "sequence_idle is '0s'; expected a time above 0"),
        ('queue_bytes = "3 apples"', "queue_bytes is '3 apples'; expected a size like"),
        ('memory = "lots"', "memory is 'lots'; expected one like"),
        ('devices = "tpu"', "devices: received 'tpu'; expected cpu, cpu:NUMBER or gpu:NUMBER"),
        ("http_origin = [1]", "http_origin is [1]; expected origins"),
        ("[gateways]", "gateways is {}; expected a whole number"),
    ],
)
def test_every_fault_of_a_file_is_told_by_line_and_key(tmp_path: Path, line: str, told: str) -> None:
    file = written(tmp_path, f'# a comment\nmetrics_port = "no"\n{line}')
    found = read_effective({}, {"HORNGATE_DECODERS": "-1"}, file)
    assert found.faults[0].startswith(f"{file}, line 2: metrics_port is 'no'")
    assert found.faults[1].startswith(f"{file}, line 3: {told}")
    assert found.faults[2].startswith(
        "HORNGATE_DECODERS: decoders is '-1'; expected a whole number, 0 or more"
    )
    with pytest.raises(LoadError) as error:
        found.values()
    assert str(error.value) == "\n".join(found.faults)


@pytest.mark.parametrize("text", ["gateways = ", None])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "missing.toml" if text is None else written(tmp_path, text)
    (fault,) = read_effective({}, {"HORNGATE_CONFIG": str(file)}).faults
    assert fault.startswith(f"{file}: ")


def test_kubernetes_variables_are_passed_over_and_mistakes_are_told() -> None:
    environment = {
        "HORNGATE_GRPC_PORT": "tcp://10.0.0.1:8001",
        "HORNGATE_SERVICE_PORT": "8001",
        "HORNGATE_GATEWAY": "2",
        "HORNGATE_TOKEN": "secret",
        "HORNGATE_HOST": "",
    }
    found = read_effective({}, environment)
    assert (found.found["grpc_port"].value, found.found["host"].value) == (8001, "127.0.0.1")
    assert found.faults == ()
    assert found.warnings == (
        "HORNGATE_GATEWAY is set, which nothing reads; did you mean HORNGATE_GATEWAYS?",
    )


def test_the_servers_processes_are_told_by_the_environment() -> None:
    before = dict(os.environ)
    found = read_effective({"log_format": "json", "engines": ["a=m:A", "b=m:B"], "gateways": "2"}, {})
    with found.for_processes():
        assert os.environ["HORNGATE_LOG_FORMAT"] == "json"
        assert os.environ["HORNGATE_ENGINES"] == "a=m:A,b=m:B"
        assert "HORNGATE_GATEWAYS" not in os.environ
    assert dict(os.environ) == before


FLAGS = {
    "models": "m", "zoo": ["mobilenet_v2", "eyes=resnet50"], "zoo_weights": "none", "http": "no", "memory": "6GiB",
    "http_origin": ["https://a,https://b"], "grpc_port": "0", "transport": "grpcio", "queue_bytes": "3000",
    "build_memory": "3000", "build_timeout": "1.5", "max_delay": "0.5ms", "tokens": 'a "quoted" name',
    "devices": "cpu:0,cpu:1", "engines": ["a=m:A"], "queue_rows": "7",
}  # fmt: skip


@given(chosen=st.sets(st.sampled_from(sorted(FLAGS))))
def test_what_is_shown_is_a_file_that_sets_the_same(
    chosen: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("c")
    shown = read_effective({key: FLAGS[key] for key in chosen}, {})
    again = read_effective({}, {}, written(folder, as_toml(shown.found)))
    said, meant = again.values(), shown.values()
    for key in ("models", "tokens"):  # A file's relative paths are taken from its folder.
        meant[key] = meant[key] and folder / meant[key]
    assert said == meant
    assert json.loads(as_json(shown.found)).keys() == SETTINGS.keys()
