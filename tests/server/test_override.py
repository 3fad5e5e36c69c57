"""What callers may say of a model when they load it."""

import json

import pytest

from horngate.contract.errors import InvalidRequest
from horngate.server import model_file, override
from horngate.server.model_file import overridden
from horngate.server.override import read_override
from horngate.server.settings import FileSettings, ModelConfig, QueueSettings, SequenceSettings
from horngate.zoo.registry import OPTION_TYPES


def test_of_every_key_it_is_decided_whether_callers_may_set_it() -> None:
    assert {*override.KEYS, *override.OPERATORS, *OPTION_TYPES} == set(model_file.KEYS)


def configured(config: object, before: ModelConfig | None = None) -> ModelConfig:
    return overridden(before or ModelConfig(), read_override("m", json.dumps(config)))


def test_triton_s_configuration_is_understood() -> None:
    told = {
        "name": "m",
        "platform": "keras",
        "backend": "onnxruntime",
        "maxBatchSize": 8,
        "versionPolicy": {"specific": {"versions": ["2", "3"]}},
        "input": [{"name": "x", "dataType": "TYPE_FP32", "dims": ["4"]}],
        "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [1]}],
        "dynamic_batching": {"preferred_batch_size": [4, 8], "max_queue_delay_microseconds": 1500},
        "instance_group": [{"count": 2, "kind": "KIND_CPU"}, {"name": "more"}],
        "parameters": {
            "engine": {"string_value": "openvino"},
            "layers": {"string_value": '["hidden"]'},
            "pop": {"string_value": "1"},
        },
    }
    assert configured(told) == ModelConfig(
        engine="openvino",
        max_rows=8,
        versions=(2, 3),
        queue=QueueSettings(max_delay_s=0.0015),
        instances=3,
        layers=(("hidden",),),
        file=FileSettings(pop=1),
    )
    oldest = {"max_candidate_sequences": 9}
    sequences = {"sequence_batching": {"max_sequence_idle_microseconds": 2000000, "oldest": oldest}}
    assert configured(sequences).sequence == SequenceSettings(idle_s=2.0, most=9)


def test_model_toml_s_own_keys_are_understood_and_the_others_stay() -> None:
    before = ModelConfig(
        engine="keras", file=FileSettings(custom_objects=("mine:Layer",), load="by_name"), max_rows=3
    )
    after = configured({"output": ["hidden"], "max_rows": 5, "labels": ["cat", "dog"]}, before)
    assert (after.engine, after.max_rows, after.images.labels) == ("keras", 5, ("cat", "dog"))
    assert after.file == FileSettings(custom_objects=("mine:Layer",), load="by_name", output=("hidden",))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"custom_objects": ["os:system"]}, "'custom_objects' is for the operator alone"),
        ({"parameters": {"allow_code": {"string_value": "true"}}}, "'allow_code' is for the operator alone"),
        ({"source": "/etc/shadow.json"}, "'source' is for the operator alone"),
        ({"weights": "/etc/shadow"}, "'weights' is for the operator alone"),
        ({"labels": "../../secrets.txt"}, "expected a list of names"),
        ({"name": "other"}, "its name is 'other'; expected 'm'"),
        ({"max_batch_size": "many"}, "max_batch_size"),
        ({"max_batch_size": -1}, "max_rows is -1"),
        ({"nothing": 1}, "nothing"),
        ({"model_warmup": [{"name": "x"}]}, "'model_warmup' means nothing here"),
        ({"dynamic_batching": {"preserve_ordering": True}}, "'preserve_ordering' of ModelDynamicBatching"),
        ({"instance_group": [{"kind": "KIND_GPU"}]}, "--devices"),
        ({"version_policy": {"latest": {"num_versions": 2}}}, "num_versions is 2"),
        ({"parameters": {"unknown": {"string_value": "x"}}}, "unknown key 'unknown'"),
        ([], "received list"),
        ("x", "received str"),
    ],
)
def test_what_is_wrong_or_not_for_callers_is_refused(config: object, told: str) -> None:
    with pytest.raises(InvalidRequest, match=f"model 'm': config: .*{told}"):
        read_override("m", json.dumps(config))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "{}" + " " * (1 << 20), '{"a": NaN'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="model 'm': config: "):
        read_override("m", text)
