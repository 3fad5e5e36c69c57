"""Where spans go, by the settings and the environment."""

import pytest

from horngate.contract.errors import LoadError
from horngate.server import tracing
from horngate.server.tracing import chosen_endpoint

VARIABLES = (
    "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
)  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "environment", "endpoint"),
    [
        ("", {}, None),
        ("http://here:4317", {}, "http://here:4317"),
        ("http://here:4317", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://there:4317"}, "http://here:4317"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://there:4317"}, ""),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://there:4317"}, ""),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://there:4317", "OTEL_SDK_DISABLED": "true"}, None),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://there:4317", "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_setting_goes_before_the_environment(
    flag: str, environment: dict[str, str], endpoint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert chosen_endpoint(flag) == endpoint


def test_what_is_asked_for_and_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    with pytest.raises(LoadError, match=r"horngate\[otel\]"):
        chosen_endpoint("http://here:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://there:4317")
    assert chosen_endpoint("") is None
