"""Random networks: each agrees with Keras on both engines, or is refused with a reason.

`HORNGATE_RANDOM_NETWORKS=2000 pytest tests/zoo/convert/test_random_networks.py` looks further and shrinks what
it finds; `python -m tests.zoo.convert.random_networks` tries thousands without stopping at the first.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.zoo.convert.random_networks import FAMILIES, built, verdict

DEFAULT = 10
COUNT = int(os.environ.get("HORNGATE_RANDOM_NETWORKS", str(DEFAULT)))
EXAMPLES = settings(
    phases=set(Phase) - ({Phase.shrink} if COUNT == DEFAULT else set()),
    max_examples=COUNT,
    derandomize=COUNT == DEFAULT,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # Keras on masks that are destroyed, softmax over one
@pytest.mark.parametrize("family", FAMILIES)
@EXAMPLES
@given(data=st.data())
def test_agree(family, data):
    verdict(built(family, lambda options: data.draw(st.sampled_from(options))))


def test_a_wrong_answer_is_noticed(monkeypatch):
    """The comparison itself: a graph that turns the sign does not pass."""
    import keras

    from horngate.zoo.convert.registry import _CONVERTERS

    dense = _CONVERTERS[keras.layers.Dense]

    def forgetful(graph, layer, x):
        return graph.op("Neg", dense(graph, layer, x))

    monkeypatch.setitem(_CONVERTERS, keras.layers.Dense, forgetful)
    with pytest.raises(AssertionError, match="off by"):
        verdict(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
