"""Memory is lent again once nobody holds it, not before."""

import gc

import numpy as np

from horngate.training.data.lending import Lending


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def test_what_is_let_go_is_lent_again():
    lending = Lending((10, 3), np.dtype("float32"))
    first = address(lending.lend())
    gc.collect()
    assert address(lending.lend()) == first


def test_what_is_held_by_a_view_is_not_lent_again():
    lending = Lending((10, 3), np.dtype("float32"))
    view = lending.lend()[2:5].T
    view[:] = 1
    other = lending.lend()
    other[:] = 2
    assert (view == 1).all()


def test_arrays_begin_where_tensorflow_takes_them_without_a_copy():
    import tensorflow as tf

    lending = Lending((5,), np.dtype("float32"))
    lent = [lending.lend() for _ in range(3)]
    assert {address(one) % 64 for one in lent} == {0}
    lent[0][:] = 1
    taken = tf.data.Dataset.range(1).map(lambda _: tf.numpy_function(lambda: lent[0], [], tf.float32))
    tensor = next(iter(taken))
    lent[0][:] = 2
    assert tensor.numpy().tolist() == [2] * 5


def test_arrays_of_objects_are_new_each_time():
    lent = Lending((2,), np.dtype(object)).lend()
    assert lent.tolist() == [None, None]
