from hypothesis import given
from hypothesis import strategies as st

from horngate.contract.models import LayerSpec, ModelSpec
from horngate.contract.tensors import DATATYPES, TensorSpec
from horngate.v1 import horngate_pb2 as pb
from horngate.v1.describe import SERVICE, read_spec, write_spec
from horngate.v1.pool import POOL

NAMES = st.text(max_size=8)
SHAPES = st.lists(st.none() | st.integers(0, 2**13), max_size=4).map(tuple)
TENSORS = st.builds(TensorSpec, name=NAMES, datatype=st.sampled_from(sorted(DATATYPES)), shape=SHAPES)
LAYERS = st.builds(
    LayerSpec,
    name=NAMES,
    class_name=NAMES,
    outputs=st.lists(TENSORS, max_size=2).map(tuple),
    parameters=st.integers(0, 2**50),
    inputs=st.lists(NAMES, max_size=2).map(tuple),
    index=st.none() | st.integers(0, 2**20),
    macs=st.none() | st.integers(0, 2**50),
)
SPECS = st.builds(
    ModelSpec,
    inputs=st.lists(TENSORS, max_size=2).map(tuple),
    outputs=st.lists(TENSORS, max_size=2).map(tuple),
    layers=st.lists(LAYERS, max_size=3).map(tuple),
    parameters=st.integers(0, 2**50),
)


@given(SPECS)
def test_a_spec_survives_the_wire(spec):
    response = pb.DescribeModelResponse(name="churn", engine="onnxruntime")
    write_spec(spec, response)
    received = pb.DescribeModelResponse.FromString(response.SerializeToString())
    assert received.engine == "onnxruntime"
    assert read_spec(received) == spec
    assert [layer.row_bytes for layer in received.layers] == [layer.row_bytes for layer in spec.layers]


def test_the_service_is_found_by_its_name():
    assert list(POOL.FindServiceByName(SERVICE).methods_by_name) == ["DescribeModel"]
