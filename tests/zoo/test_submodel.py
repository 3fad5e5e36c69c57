"""The part of a model that computes what is asked for."""

import numpy as np
import pytest

from horngate.contract.errors import InvalidRequest
from horngate.zoo.describe import describe
from horngate.zoo.submodel import submodel

INPUTS = [np.full((3, 4), 0.5, "f4"), np.linspace(-1, 1, 12, dtype="f4").reshape(3, 4)]


def test_every_name_that_a_model_describes(small):
    names = list(describe(small).requestable)
    answers = submodel(small, names)(INPUTS, training=False)
    shapes = [one.shape[1:] for one in describe(small).requestable.values()]
    assert [tuple(answer.shape[1:]) for answer in answers] == shapes


def test_the_models_own_output(small):
    answer = submodel(small, ["both"])(INPUTS, training=False)
    np.testing.assert_array_equal(answer, small(INPUTS, training=False))


def test_a_layer_of_a_nested_model(small):
    inner, first = submodel(small, ["inner", "inner/first"])(INPUTS, training=False)
    np.testing.assert_array_equal(inner, first)


def test_an_unknown_name(small):
    with pytest.raises(InvalidRequest, match="no layer output 'none'"):
        submodel(small, ["none"])
