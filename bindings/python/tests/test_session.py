"""Sessions: what they compute, what they refuse, threads, processes, pickles."""

import os
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import eightbit
import models
from onnx_writer import model, node, value


@pytest.fixture(scope="module")
def eight_bit():
    return eightbit.quantize(models.classifier(), calibrate=models.images(16), effort=0).model


def test_inputs_outputs_and_results():
    session = eightbit.Session(models.sums())
    assert [info.name for info in session.inputs] == ["a", "b"]
    assert session.outputs[1] == eightbit.ValueInfo("product", "float32", [None])
    for size in (1, 5, 0):
        a = np.arange(size, dtype=np.float32)
        found = session.run({"b": a + 1, "a": a})
        np.testing.assert_array_equal(found[0], a + a + 1)
        np.testing.assert_array_equal(found[1], a * (a + 1))
        assert all(array.dtype == np.float32 and array.flags.writeable for array in found)


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "uint8", "int8"])
def test_types_of_arrays(dtype):
    session = eightbit.Session(models.unary("Identity" if dtype in ("uint8", "int8") else "Abs", dtype))
    x = np.arange(7).astype(dtype)
    (found,) = session.run({"x": x})
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, x)
    # Lists have no type of their own.
    np.testing.assert_array_equal(session.run({"x": x.tolist()})[0], x)


def test_any_memory_layout():
    session = eightbit.Session(models.unary("Abs"))
    x = -np.arange(20, dtype=np.float32)
    buffer = np.zeros(81, np.uint8)
    buffer[1:] = x.view(np.uint8)
    unaligned = buffer[1:].view(np.float32)
    for array in (x, x[::-1], x[::3], x.astype(">f4"), unaligned, np.broadcast_to(x[1], 5)):
        np.testing.assert_array_equal(session.run({"x": array})[0], -array)

    class DLPack:
        def __dlpack__(self, **kwargs):
            return x.__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return x.__dlpack_device__()

    np.testing.assert_array_equal(session.run({"x": DLPack()})[0], -x)
    x.flags.writeable = False
    np.testing.assert_array_equal(session.run({"x": x})[0], -x)


def test_results_in_arrays_that_exist():
    session = eightbit.Session(models.sums())
    a, outputs = np.arange(3, dtype=np.float32), [np.empty(3, np.float32), np.empty(3, np.float32)]
    session.run_into({"a": a, "b": a}, outputs)
    np.testing.assert_array_equal(outputs, [a + a, a * a])
    fixed = np.empty(3, np.float32)
    fixed.flags.writeable = False
    for wrong, error in (
        ([outputs[0]], eightbit.Error),
        ([outputs[0], np.empty(4, np.float32)], eightbit.Error),
        ([outputs[0], np.empty(3, np.float64)], eightbit.Error),
        ([outputs[0], np.empty(6, np.float32)[::2]], eightbit.ArgumentError),
        ([outputs[0], outputs[0]], eightbit.ArgumentError),
        ([outputs[0], a], eightbit.ArgumentError),
        ([outputs[0], fixed], eightbit.ArgumentError),
        ([outputs[0], [0.0] * 3], eightbit.ArgumentError),
    ):
        with pytest.raises(error):
            session.run_into({"a": a, "b": a}, wrong)


def test_wrong_feeds_are_refused():
    session = eightbit.Session(models.classifier())
    x = models.images(1)
    for feed, error, text in (
        ({}, eightbit.ArgumentError, 'input "image" is missing'),
        ({"image": x, "other": x}, eightbit.ArgumentError, 'no input "other"'),
        ({1: x}, eightbit.ArgumentError, "strings"),
        ({"image": x[0]}, eightbit.ShapeError, r"\[None, 3, 16, 16\], not \[3, 16, 16\]"),
        ({"image": x[:, :2]}, eightbit.ShapeError, "shape"),
        ({"image": x.astype(np.float64)}, eightbit.DataTypeError, "takes float32, not float64"),
        ({"image": x.astype(np.float16)}, eightbit.DataTypeError, "float16"),
        ({"image": x.astype(np.complex64)}, eightbit.DataTypeError, "complex64"),
        ({"image": np.array(["a"])}, eightbit.DataTypeError, "dtype"),
        ({"image": np.array([None])}, eightbit.DataTypeError, "dtype"),
    ):
        with pytest.raises(error, match=text):
            session.run(feed)
    with pytest.raises(TypeError):
        session.run([x])


def test_exceptions_have_two_bases():
    for name, base in (("ShapeError", ValueError), ("DataTypeError", TypeError), ("ModelError", ValueError)):
        error = getattr(eightbit, name)
        assert issubclass(error, base) and issubclass(error, eightbit.Error)
    assert issubclass(eightbit.UnsupportedError, eightbit.ModelError)


def test_models_that_are_none_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    whole = models.classifier()
    for model in (b"", b"hello", whole[: len(whole) // 2], tmp_path / "text.onnx", bytearray(b"x")):
        with pytest.raises(eightbit.ModelError):
            eightbit.Session(model)
    with pytest.raises(eightbit.UnsupportedError, match="Frobnicate"):
        eightbit.Session(models.unary("Frobnicate"))
    with pytest.raises(FileNotFoundError) as error:
        eightbit.Session(tmp_path / "none.onnx")
    assert error.value.filename.endswith("none.onnx")
    with pytest.raises(eightbit.ArgumentError):
        eightbit.Session(tmp_path)
    with pytest.raises(eightbit.ArgumentError, match="path or bytes"):
        eightbit.Session(3.5)
    with pytest.raises(eightbit.BackendError):
        eightbit.Session(whole, backend="abacus")


def test_every_backend_and_number_of_threads_gives_the_same_bits(eight_bit):
    x = models.images(3)
    first = eightbit.Session(eight_bit).run({"image": x})[0]
    for backend in eightbit.backends():
        for threads in (1, 2, 3):
            found = eightbit.Session(eight_bit, backend=backend, threads=threads).run({"image": x})[0]
            np.testing.assert_array_equal(found, first)


def test_many_threads_share_a_session(eight_bit):
    session = eightbit.Session(eight_bit)
    inputs = [models.images(1 + seed % 3, seed) for seed in range(12)]
    expected = [session.run({"image": x})[0] for x in inputs]
    wrong = []

    def work(first):
        for turn in range(30):
            at = (first + turn) % len(inputs)
            found = session.run({"image": inputs[at]})[0]
            if not np.array_equal(found, expected[at]):
                wrong.append(at)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_interpreter_is_free_while_a_product_is_computed():
    a = np.ones((2000, 2000), np.uint8)
    beats, stop = [], threading.Event()

    def beat():
        while not stop.wait(0.0005):
            beats.append(time.perf_counter())

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        # With the lock held no beat lies within a product; where others use the machine it may take some products to see one.
        for _ in range(50):
            start = time.perf_counter()
            eightbit.matmul(a, a)
            quarter = (time.perf_counter() - start) / 4
            if any(start + quarter < at < start + 3 * quarter for at in list(beats)):
                break
        else:
            pytest.fail("no other thread ran")
    finally:
        stop.set()
        thread.join()


def test_pickles_carry_the_model(tmp_path, eight_bit):
    path, x = tmp_path / "model.onnx", models.images(2)
    path.write_bytes(eight_bit)
    for source in (path, str(path), eight_bit, bytearray(eight_bit)):
        session = eightbit.Session(source, threads=2)
        data, expected = pickle.dumps(session), session.run({"image": x})[0]
        other = pickle.loads(data)
        assert other.threads == 2
        np.testing.assert_array_equal(other.run({"image": x})[0], expected)
    path.unlink()
    np.testing.assert_array_equal(pickle.loads(data).run({"image": x})[0], expected)
    path.write_bytes(eight_bit)
    session = eightbit.Session(path)
    path.write_bytes(models.sums())
    with pytest.raises(eightbit.ModelError, match="has changed"):
        pickle.dumps(session)
    info = session.inputs[0]
    assert pickle.loads(pickle.dumps(info)) == info


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_has_threads_of_its_own(tmp_path, eight_bit):
    (tmp_path / "model.onnx").write_bytes(eight_bit)
    program = """
import os, numpy as np, eightbit
session = eightbit.Session("model.onnx", threads=2)
x = np.ones((1, 3, 16, 16), np.float32)
expected = session.run({"image": x})[0]
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(session.run({"image": x})[0], expected) else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)


def test_steps_are_explained_and_timed(eight_bit):
    session = eightbit.Session(eight_bit)
    feed = {"image": models.images(1)}
    steps = session.profile(feed, 3)
    assert sum(step["macs"] for step in steps) > 1000 and all(step["milliseconds"] >= 0 for step in steps)
    assert "memory:" in session.explain() and session.memory_bytes > 0
    nodes = eightbit.supported(eight_bit)
    assert {"step", "fused"} <= {node.how for node in nodes}
    (node,) = eightbit.supported(models.unary("Frobnicate"))
    assert node.how == "refused" and "Frobnicate" in node.detail
    assert "refused" in eightbit.report(models.unary("Frobnicate"))


def test_every_byte_but_zero_is_true():
    """As NumPy has it: Rust's bools are 0 and 1 alone."""
    of = np.array([2, 255, 0, 1], np.uint8).view(bool)
    nodes = [node("Not", ["x"], ["n"]), node("Cast", ["x"], ["f"], to=1)]
    inputs, outputs = [value("x", [4], "bool")], [value("n", [4], "bool"), value("f", [4])]
    session = eightbit.Session(model(nodes, inputs, outputs))
    negated, floats = session.run({"x": of})
    assert negated.tolist() == [False, False, True, False] and floats.tolist() == [1, 1, 0, 1]
    out = np.array([7, 7, 7, 7], np.uint8).view(bool)
    session.run_into({"x": of}, [out, np.empty(4, np.float32)])
    assert out.view(np.uint8).tolist() == [0, 0, 1, 0]
