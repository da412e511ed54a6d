"""The names of onnxruntime; and the same bits, where onnxruntime itself is installed."""

import pickle

import numpy as np
import pytest

import eightbit
import eightbit.onnxruntime as ort
import models


@pytest.fixture(scope="module")
def eight_bit():
    return eightbit.quantize(models.classifier(1), calibrate=models.images(16), effort=0).model


def test_sessions_have_the_methods_of_onnxruntime(eight_bit):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(eight_bit, options, providers=["CPUExecutionProvider"])
    (only,) = session.get_inputs()
    assert (only.name, only.type, only.shape) == ("image", "tensor(float)", [1, 3, 16, 16])
    assert [output.name for output in session.get_outputs()] == ["scores"]
    assert session.get_providers() == ort.get_available_providers() == ["CPUExecutionProvider"]
    x = models.images(1)
    (all_of_them,) = session.run(None, {"image": x})
    (by_name,) = session.run(["scores"], {"image": x}, ort.RunOptions())
    np.testing.assert_array_equal(all_of_them, by_name)
    with pytest.raises(eightbit.ArgumentError, match="no output"):
        session.run(["none"], {"image": x})


def test_sessions_are_pickled(eight_bit):
    session, x = ort.InferenceSession(eight_bit), models.images(1)
    other = pickle.loads(pickle.dumps(session))
    np.testing.assert_array_equal(other.run(None, {"image": x})[0], session.run(None, {"image": x})[0])


def test_outputs_come_in_the_order_asked_for():
    session = ort.InferenceSession(models.sums())
    feed = {"a": np.array([2.0], np.float32), "b": np.array([5.0], np.float32)}
    product, total = session.run(["product", "sum"], feed)
    assert (product, total) == (10, 7)


def test_what_is_missing_is_said(eight_bit):
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        ort.InferenceSession(eight_bit, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
    with pytest.raises(eightbit.UnsupportedError):
        ort.SessionOptions().register_custom_ops_library("x.so")
    options = ort.SessionOptions()
    options.enable_profiling = True
    with pytest.raises(eightbit.UnsupportedError):
        ort.InferenceSession(eight_bit, options)
    with pytest.raises(eightbit.ArgumentError, match="unknown"):
        ort.InferenceSession(eight_bit, nonsense=1)


@pytest.mark.parametrize("options", [{}, {"ranges": "min_max"}, {"per_tensor": True}, {"pair_safe_weights": True}], ids=str)
def test_bits_are_those_of_onnxruntime(options):
    peer = pytest.importorskip("onnxruntime")
    model = eightbit.quantize(models.classifier(), calibrate=models.images(16), **options).model
    theirs = peer.InferenceSession(model, providers=["CPUExecutionProvider"])
    ours = ort.InferenceSession(model)
    for batch in (1, 5):
        x = models.images(batch, seed=batch)
        np.testing.assert_array_equal(ours.run(None, {"image": x})[0], theirs.run(None, {"image": x})[0])


def test_infos_are_those_of_onnxruntime(eight_bit):
    peer = pytest.importorskip("onnxruntime")
    theirs, ours = peer.InferenceSession(eight_bit), ort.InferenceSession(eight_bit)
    for found, expected in zip(ours.get_inputs() + ours.get_outputs(), theirs.get_inputs() + theirs.get_outputs()):
        assert (found.name, found.type, found.shape) == (expected.name, expected.type, expected.shape)
