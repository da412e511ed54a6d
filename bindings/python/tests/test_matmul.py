"""Products are exact, whatever the values, types, layouts and sizes are."""

import numpy as np
import pytest

import eightbit

PAIRS = [("uint8", "int8"), ("uint8", "uint8"), ("int8", "int8"), ("int8", "uint8")]
SIZES = [(1, 1, 1), (1, 0, 3), (0, 5, 2), (3, 5, 0), (1, 64, 17), (1, 1000, 1), (5, 129, 33), (37, 256, 64)]


def exact(a, b, a_zero=0, b_zero=0):
    """The product in 64 bits, modulo 2³²."""
    product = (a.astype(np.int64) - a_zero) @ (b.astype(np.int64) - b_zero)
    return product.astype(np.uint64).astype(np.uint32).view(np.int32)


def fills(dtype, shape, seed):
    """Arrays of the least and the greatest value, of both in turn, and of random ones."""
    info, rng = np.iinfo(dtype), np.random.default_rng(seed)
    yield np.full(shape, info.min, dtype)
    yield np.full(shape, info.max, dtype)
    turns = np.where(np.indices(shape).sum(0) % 2 == 0, info.min, info.max)
    yield turns.astype(dtype)
    yield rng.integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("backend", eightbit.backends())
@pytest.mark.parametrize("types", PAIRS, ids="·".join)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_extremes(backend, types, size):
    m, k, n = size
    for a in fills(types[0], (m, k), 1):
        for b in fills(types[1], (k, n), 2):
            found = eightbit.matmul(a, b, backend=backend)
            assert found.dtype == np.int32 and found.shape == (m, n)
            np.testing.assert_array_equal(found, exact(a, b))


def test_sums_beyond_32_bits_wrap():
    a, b = np.full((1, 131072), -128, np.int8), np.full((131072, 1), -128, np.int8)
    assert eightbit.matmul(a, b).item() == -(2**31)


@pytest.mark.parametrize("types", PAIRS, ids="·".join)
def test_zero_points(types):
    a, b = list(fills(types[0], (6, 70), 3))[-1], list(fills(types[1], (70, 9), 4))[-1]
    a_zero, b_zero = (200, 7) if types == ("uint8", "uint8") else (5, -100 if types[1] == "int8" else 100)
    np.testing.assert_array_equal(eightbit.matmul(a, b, a_zero=a_zero, b_zero=b_zero), exact(a, b, a_zero, b_zero))
    each = np.arange(9, dtype=np.int32)
    np.testing.assert_array_equal(eightbit.matmul(a, b, a_zero=a_zero, b_zero=each), exact(a, b, a_zero, each))
    with pytest.raises(eightbit.ArgumentError, match="zero point"):
        eightbit.matmul(a, b, a_zero=300)
    with pytest.raises(eightbit.ShapeError, match="zero point"):
        eightbit.matmul(a, b, b_zero=[1, 2])


def test_any_memory_layout():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 256, (40, 60), np.uint8), rng.integers(-128, 128, (60, 30), np.int8)
    for left in (a, np.asfortranarray(a), a[::2], a[:, ::-1][:, ::-1], a[::-1], a[3:7], np.repeat(a, 2, 1)[:, ::2]):
        for right in (b, np.asfortranarray(b), b[:, ::3], b[:, ::-1], np.ascontiguousarray(b.T).T):
            np.testing.assert_array_equal(eightbit.matmul(left, right), exact(left, right))
    np.testing.assert_array_equal(eightbit.matmul(a[0], b), exact(a[0], b))
    stack = a.reshape(2, 20, 60)
    for left in (stack, stack[:, ::2], np.asfortranarray(stack)):
        np.testing.assert_array_equal(eightbit.matmul(left, b), exact(left, b))
    once = np.broadcast_to(a[:1], (8, 60))
    np.testing.assert_array_equal(eightbit.matmul(once, b), exact(once, b))


def test_tensors_of_other_libraries():
    a, b = np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones((3, 2), np.int8)

    class Interface:
        __array_interface__ = a.__array_interface__

    class DLPack:
        def __dlpack__(self, **kwargs):
            return a.__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return a.__dlpack_device__()

    for other in (Interface(), DLPack()):
        np.testing.assert_array_equal(eightbit.matmul(other, b), exact(a, b))


@pytest.mark.parametrize("threads", [2, 0])
def test_threads_change_nothing(threads):
    rng = np.random.default_rng(6)
    a, b = rng.integers(-128, 128, (150, 200), np.int8), rng.integers(-128, 128, (200, 170), np.int8)
    np.testing.assert_array_equal(eightbit.matmul(a, b, threads=threads), exact(a, b))


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool", "float64", "U1", object])
def test_other_types_are_refused(dtype):
    good, wrong = np.ones((2, 2), np.uint8), np.ones((2, 2)).astype(dtype)
    for a, b in ((good, wrong), (wrong, good)):
        with pytest.raises(eightbit.DataTypeError, match="uint8 or int8"):
            eightbit.matmul(a, b)


def test_shapes_that_do_not_fit_are_refused():
    for a, b in (((2, 3), (4, 5)), ((2, 3), (3,)), ((2, 3), (3, 4, 5)), ((), (1, 1))):
        with pytest.raises(eightbit.ShapeError):
            eightbit.matmul(np.zeros(a, np.uint8), np.zeros(b, np.int8))
    # Empty arrays of absurd sizes take no memory; their product would.
    with pytest.raises((eightbit.ShapeError, MemoryError, ValueError)):
        eightbit.matmul(np.zeros((2**40, 0), np.uint8), np.zeros((0, 2**40), np.int8))


def test_arguments_are_checked():
    a = np.ones((2, 2), np.uint8)
    with pytest.raises(eightbit.BackendError, match="abacus"):
        eightbit.matmul(a, a, backend="abacus")
    with pytest.raises(eightbit.ArgumentError, match="threads"):
        eightbit.matmul(a, a, threads=10**6)


def test_packed_weights(tmp_path):
    import pickle

    rng = np.random.default_rng(7)
    a, b = rng.integers(0, 256, (9, 100), np.uint8), rng.integers(-128, 128, (100, 33), np.int8)
    packed = eightbit.PackedWeights(b, zero_point=3)
    assert (packed.depth, packed.columns, packed.dtype) == (100, 33, "int8")
    packed.save(tmp_path / "weights")
    others = eightbit.PackedWeights.load(tmp_path / "weights"), pickle.loads(pickle.dumps(packed))
    for weights in (packed, *others):
        np.testing.assert_array_equal(eightbit.matmul(a, weights), exact(a, b, 0, 3))
    with pytest.raises(eightbit.ArgumentError, match="packed with"):
        eightbit.matmul(a, packed, b_zero=1)
    data = bytearray(packed.to_bytes())
    data[-1] ^= 1
    with pytest.raises(eightbit.PackedWeightsError, match="checksum"):
        eightbit.PackedWeights.from_bytes(bytes(data))
    for cut in (0, 5, len(data) // 2):
        with pytest.raises(eightbit.PackedWeightsError):
            eightbit.PackedWeights.from_bytes(bytes(data[:cut]))
    with pytest.raises(FileNotFoundError):
        eightbit.PackedWeights.load(tmp_path / "none")
