"""Lambdas read as formulas, without being run, and those that are none."""

import base64
import marshal
import struct

import keras
import numpy as np
import pytest

from horngate.zoo.files.legacy import Formula
from horngate.zoo.safety.formula import formula_of
from tests.zoo.safety.hostile import old_function

K = keras.ops
X = np.array([[0.5, -2.0, 3.0], [1.0, 4.0, -0.25]], "f4")

CONST, FAST, GLOBAL, ATTR, SUBSCRIPT, SLICE, TUPLE, CALL, CALL_KEYWORDS, RETURN = (
    *(100, 124, 116, 106, 25, 133, 102, 131, 141, 83),
)


def text_of(function):
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


def computed(text):
    formula = formula_of(text)
    assert formula is not None
    return keras.ops.convert_to_numpy(Formula(formula)(X))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2.0 + 1.0,
        lambda x: -x / 3,
        lambda x: 1.0 - x,
        lambda x: x**2 - (x + 1) * (x - 1) / 127.5,
    ],
)
def test_arithmetic_of_this_python(function):
    assert np.allclose(computed(text_of(function)), function(X), atol=1e-6)


OLD = [
    ([GLOBAL, 0, ATTR, 1, FAST, 0, CALL, 1], (), ("K", "square"), lambda x: x * x),
    ([GLOBAL, 0, ATTR, 1, FAST, 0, CONST, 0, CALL, 2], (1,), ("K", "mean"), lambda x: x.mean(1)),
    (
        [GLOBAL, 0, ATTR, 1, FAST, 0, CONST, 0, CONST, 1, CONST, 2, CALL_KEYWORDS, 3],
        (1, True, ("axis", "keepdims")),
        ("tf", "reduce_sum"),
        lambda x: x.sum(1, keepdims=True),
    ),
    ([GLOBAL, 0, ATTR, 1, FAST, 0, CALL, 1], (), ("K", "expand_dims"), lambda x: x[..., None]),
    (
        [FAST, 0, CONST, 0, CONST, 0, SLICE, 2, CONST, 1, CONST, 0, SLICE, 2, TUPLE, 2, SUBSCRIPT, 0],
        (None, 1),
        (),
        lambda x: x[:, 1:],
    ),
]


@pytest.mark.parametrize(("code", "constants", "names", "function"), OLD)
def test_functions_and_parts_of_older_pythons(code, constants, names, function):
    text = old_function(bytes([*code, RETURN, 0]), constants, names)
    assert np.allclose(computed(text), function(X), atol=1e-6)


def test_instructions_of_three_bytes_before_python_3_6():
    code = bytes([FAST, 0, 0, CONST, 0, 0, 20, RETURN])
    assert np.allclose(computed(old_function(code, (3.0,), ())), X * 3)


def test_python_2():
    """`lambda x: K.abs(x) / 2.0 + K.abs(x)`, its second `K` and `abs` written as references to the first."""
    call = bytes([GLOBAL, 0, 0, ATTR, 1, 0, FAST, 0, 0, CALL, 1, 0])
    code = call + bytes([CONST, 0, 0, 21]) + call + bytes([23, RETURN])
    names = (
        b"("
        + struct.pack("<i", 2)
        + b"t"
        + struct.pack("<i", 1)
        + b"K"
        + b"t"
        + struct.pack("<i", 3)
        + b"abs"
    )
    again = b"(" + struct.pack("<i", 1) + b"R" + struct.pack("<i", 0)
    constants = b"(" + struct.pack("<i", 1) + b"g" + struct.pack("<d", 2.0)
    head = b"c" + struct.pack("<4i", 1, 1, 2, 67) + b"s" + struct.pack("<i", len(code))
    text = base64.b64encode(head + code + constants + names + again).decode()
    assert np.allclose(computed(text), np.abs(X) * 1.5)


def test_one_of_several_inputs():
    code = bytes([FAST, 0, CONST, 0, SUBSCRIPT, 0, FAST, 0, CONST, 1, SUBSCRIPT, 0, 24, 0, RETURN, 0])
    formula = formula_of(old_function(code, (0, 1), ()))
    assert np.allclose(Formula(formula)([X, X / 2]), X / 2)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: open(x),
        lambda x: x + open("/etc/passwd"),
        lambda x, y=2: x * y,
        lambda x: 5,
        lambda x: (x, x),
        lambda x: x if x else 1,
        lambda x: [one for one in x],
        lambda x: (lambda y: y)(x),
        lambda x: x * "a",
        lambda x: 9**9**9 * x,
    ],
)
def test_what_is_no_formula_stays_code(function):
    assert formula_of(text_of(function)) is None


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ([GLOBAL, 0, ATTR, 1, FAST, 0, CALL, 1], ("os", "abs")),
        ([GLOBAL, 0, ATTR, 1, FAST, 0, CALL, 1], ("K", "system")),
        ([GLOBAL, 0, FAST, 0, CALL, 1], ("abs",)),
        ([FAST, 0, ATTR, 0], ("__class__",)),
        ([FAST, 0, CONST, 9, 23, 0], ()),
        ([23, 0], ()),
        ([SUBSCRIPT, 0, SUBSCRIPT, 0], ()),
    ],
)
def test_other_names_and_damaged_instructions_stay_code(code, names):
    assert formula_of(old_function(bytes([*code, RETURN, 0]), (), names)) is None


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_function_that_is_cut_off_or_changed_stays_code_or_a_formula(cut):
    content = base64.b64decode(text_of(lambda x: x * 2.0 + 1.0))
    assert formula_of(base64.b64encode(content[:cut]).decode()) is None or cut > 60
    changed = bytearray(content)
    changed[cut] ^= 0xFF
    formula_of(base64.b64encode(bytes(changed)).decode())


def test_a_formula_does_nothing_but_what_is_listed():
    with pytest.raises(ValueError, match="a formula does 'map'"):
        Formula({"do": "map", "of": [{"input": True}]})(X)
