"""Layers compute what their formulas say, bit for bit."""

import numpy as np
import pytest

import eightbit


def quantized_rows(x):
    """Each row over its own range, widened to hold 0, as DynamicQuantizeLinear has it."""
    x = x.astype(np.float32)
    low, high = np.minimum(x.min(1), 0), np.maximum(x.max(1), 0)
    scale = ((high - low) / np.float32(255)).astype(np.float32)
    scale[scale == 0] = 1
    zero = np.rint(np.clip(0 - low / scale, 0, 255)).astype(np.int32)
    codes = np.clip(np.rint(x / scale[:, None]).astype(np.int64) + zero[:, None], 0, 255)
    return codes, scale, zero


@pytest.mark.parametrize("shape", [(1, 40, 17), (9, 64, 32), (5, 3, 1)], ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_linear(shape, threads):
    m, k, n = shape
    rng = np.random.default_rng(m)
    x = (rng.standard_normal((m, k)) * 3).astype(np.float32)
    weights, scale = rng.integers(-127, 128, (k, n), np.int8), rng.uniform(0.001, 0.1, n).astype(np.float32)
    bias = rng.standard_normal(n).astype(np.float32)
    layer = eightbit.Linear(weights, scale, bias=bias, threads=threads)
    codes, row_scale, zero = quantized_rows(x)
    acc = ((codes - zero[:, None]) @ weights.astype(np.int64)).astype(np.float32)
    expected = acc * scale * row_scale[:, None] + bias
    np.testing.assert_array_equal(layer(x), expected)
    np.testing.assert_array_equal(layer(np.asfortranarray(x)), expected)
    np.testing.assert_array_equal(layer(x.reshape(1, m, k)), expected[None])
    assert (layer.in_features, layer.out_features) == (k, n)


def test_linear_of_floats_is_near_them():
    rng = np.random.default_rng(1)
    x, weights = rng.standard_normal((20, 200), np.float32), rng.standard_normal((200, 50), np.float32)
    found, exact = eightbit.Linear.from_float(weights)(x), x @ weights
    assert 10 * np.log10((exact**2).sum() / ((found - exact) ** 2).sum()) > 35


def test_linear_refuses_what_it_cannot_compute():
    layer = eightbit.Linear(np.ones((4, 2), np.int8), 0.5)
    with pytest.raises(eightbit.ShapeError, match="must be 4"):
        layer(np.ones((1, 5), np.float32))
    with pytest.raises(eightbit.DataTypeError, match="float32"):
        layer(np.ones((1, 4)))
    with pytest.raises(eightbit.ArgumentError, match="row 1"):
        layer(np.array([[0] * 4, [np.nan] * 4], np.float32))
    with pytest.raises(eightbit.ArgumentError, match="finite"):
        eightbit.Linear(np.ones((4, 2), np.int8), float("nan"))
    # It goes on after an error.
    assert layer(np.zeros((3, 4), np.float32)).shape == (3, 2)


def convolution(x, weights, zero, stride, pad, dilation, groups):
    """The sums of a convolution, with plain loops over the taps."""
    n, _, _, channels = x.shape
    out_channels, kh, kw, group = weights.shape
    top, left, bottom, right = pad
    x = np.pad(x.astype(np.int64) - zero, ((0, 0), (top, bottom), (left, right), (0, 0)))
    height = (x.shape[1] - (kh - 1) * dilation[0] - 1) // stride[0] + 1
    width = (x.shape[2] - (kw - 1) * dilation[1] - 1) // stride[1] + 1
    out = np.zeros((n, height, width, out_channels), np.int64)
    each = out_channels // groups
    for channel in range(out_channels):
        first = channel // each * group
        for y in range(kh):
            for z in range(kw):
                at_y, at_x = y * dilation[0], z * dilation[1]
                rows = slice(at_y, at_y + (height - 1) * stride[0] + 1, stride[0])
                columns = slice(at_x, at_x + (width - 1) * stride[1] + 1, stride[1])
                taps = x[:, rows, columns, first : first + group]
                out[..., channel] += taps @ weights[channel, y, z].astype(np.int64)
    return out


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 5)], ids=str)
@pytest.mark.parametrize("form", [((1, 1), (0, 0, 0, 0), (1, 1)), ((2, 1), (1, 0, 2, 3), (1, 2))], ids=["plain", "strided"])
def test_convolution(groups, kernel, form):
    stride, pad, dilation = form
    rng = np.random.default_rng(groups)
    x = rng.integers(0, 256, (2, 9, 11, 8), np.uint8)
    weights = rng.integers(-128, 128, (8, *kernel, 8 // groups), np.int8)
    bias = rng.integers(-1000, 1000, 8, np.int32)
    options = {"stride": stride, "pad": pad, "dilation": dilation, "groups": groups, "input_zero": 100, "bias": bias}
    expected = convolution(x, weights, 100, stride, pad, dilation, groups) + bias
    for threads in (1, 2):
        conv = eightbit.Conv2d(weights, threads=threads, **options)
        for image in (x, np.asfortranarray(x), x[:, ::-1][:, ::-1]):
            np.testing.assert_array_equal(conv(image), expected)
    scale = rng.uniform(0.0005, 0.002, 8).astype(np.float32)
    found = eightbit.Conv2d(weights, output="uint8", scale=scale, output_zero=10, clamp=(10, 200), **options)(x)
    scaled = expected.astype(np.float32) * scale
    wanted = np.rint(np.clip(scaled, 0, 190)).astype(np.int64) + 10
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, wanted)
    found = eightbit.Conv2d(weights, output="float32", scale=scale, **options)(x)
    np.testing.assert_array_equal(found, scaled)


def test_convolution_of_signed_bytes():
    rng = np.random.default_rng(3)
    x, weights = rng.integers(-128, 128, (1, 6, 6, 3), np.int8), rng.integers(0, 256, (4, 3, 3, 3), np.uint8)
    conv = eightbit.Conv2d(weights, input="int8", input_zero=-7)
    np.testing.assert_array_equal(conv(x), convolution(x, weights, -7, (1, 1), (0,) * 4, (1, 1), 1))
    with pytest.raises(eightbit.DataTypeError, match="int8"):
        conv(x.view(np.uint8))


def test_convolution_refuses_what_it_cannot_compute():
    weights = np.ones((4, 3, 3, 2), np.int8)
    conv = eightbit.Conv2d(weights)
    for shape in ((1, 5, 5, 3), (5, 5, 2), (1, 2, 2, 2)):
        with pytest.raises(eightbit.ShapeError):
            conv(np.ones(shape, np.uint8))
    for options, error in (
        ({"stride": 0}, eightbit.ShapeError),
        ({"groups": 3}, eightbit.ShapeError),
        ({"groups": 2**63}, eightbit.ShapeError),
        ({"output": "int64"}, eightbit.DataTypeError),
        ({"output": "uint8"}, eightbit.ArgumentError),
        ({"scale": 1.0}, eightbit.ArgumentError),
        ({"output": "uint8", "scale": -1.0}, eightbit.ArgumentError),
        ({"output": "uint8", "scale": 1.0, "output_zero": 256}, eightbit.ArgumentError),
        ({"output": "uint8", "scale": 1.0, "clamp": (0, 300)}, eightbit.ArgumentError),
        ({"bias": [1, 2, 3]}, eightbit.ShapeError),
    ):
        with pytest.raises(error):
            eightbit.Conv2d(weights, **options)
    with pytest.raises(eightbit.ShapeError):
        eightbit.Conv2d(np.ones((4, 0, 3, 2), np.int8))


def test_packed_weights_of_a_convolution(tmp_path):
    rng = np.random.default_rng(4)
    x, weights = rng.integers(0, 256, (1, 7, 7, 4), np.uint8), rng.integers(-128, 128, (6, 3, 3, 4), np.int8)
    conv = eightbit.Conv2d(weights, pad=1)
    conv.weights.save(tmp_path / "weights")
    packed = eightbit.PackedWeights.load(tmp_path / "weights")
    np.testing.assert_array_equal(eightbit.Conv2d(packed, pad=1, shape=weights.shape)(x), conv(x))
    with pytest.raises(eightbit.ArgumentError, match="shape"):
        eightbit.Conv2d(packed)
    with pytest.raises(eightbit.ShapeError):
        eightbit.Conv2d(packed, shape=(6, 5, 5, 4))


def test_convolution_explains_itself():
    conv = eightbit.Conv2d(np.ones((8, 3, 3, 4), np.int8), pad=1)
    assert conv.weights.columns == 8 and conv.weights.depth == 36
    assert "8" in conv.explain(10, 12)
    assert "×" in eightbit.Linear(np.ones((4, 2), np.int8), 0.5).explain(3)
