"""Photos, labels, answers."""

import struct
import zlib

import numpy as np
import pytest

import eightbit


def png(pixels):
    """The bytes of a PNG file."""
    height, width, _ = pixels.shape
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (6, 9, 3), np.uint8)


def resized(pixels, height, width):
    """TensorFlow's legacy resize: no half-pixel centers, no aligned corners, in float32."""
    f = np.float32
    at = lambda to, size: np.arange(to, dtype=f) * f(f(size) / f(to))
    y, x = at(height, pixels.shape[0]), at(width, pixels.shape[1])
    top, left = y.astype(int), x.astype(int)
    bottom, right = np.minimum(top + 1, pixels.shape[0] - 1), np.minimum(left + 1, pixels.shape[1] - 1)
    dy, dx = (y - top.astype(f))[:, None, None], (x - left.astype(f))[None, :, None]
    p = pixels.astype(f)
    upper = p[top][:, left] + (p[top][:, right] - p[top][:, left]) * dx
    lower = p[bottom][:, left] + (p[bottom][:, right] - p[bottom][:, left]) * dx
    return upper + (lower - upper) * dy


def test_photos_are_decoded(tmp_path, pixels):
    (tmp_path / "a.png").write_bytes(png(pixels))
    for file in (tmp_path / "a.png", str(tmp_path / "a.png"), png(pixels)):
        np.testing.assert_array_equal(eightbit.load_image(file), pixels)


def test_inputs_are_resized_as_tensorflow_does(pixels):
    expected = (resized(pixels, 13, 7) - np.float32(127)) / np.float32(128)
    for image in (png(pixels), pixels, pixels[::-1][::-1], np.asfortranarray(pixels)):
        found = eightbit.image_tensor(image, height=13, width=7)
        assert found.dtype == np.float32 and found.shape == (1, 3, 13, 7)
        np.testing.assert_array_equal(found[0], expected.transpose(2, 0, 1))
    np.testing.assert_array_equal(eightbit.image_tensor(pixels, height=13, width=7, layout="NHWC")[0], expected)
    info = eightbit.ValueInfo("x", "float32", [None, 13, 7, 3])
    np.testing.assert_array_equal(eightbit.image_tensor(pixels, info)[0], expected)
    plain = eightbit.image_tensor(pixels, height=6, width=9, mean=[1, 2, 3], std=(1, 2, 4), layout="nhwc")
    np.testing.assert_array_equal(plain[0], (pixels.astype(np.float32) - [1, 2, 3]) / [1, 2, 4])


def test_what_is_no_photo_is_refused(tmp_path, pixels):
    (tmp_path / "a.png").write_bytes(b"hello")
    for file in (b"", b"hello", png(pixels)[:60], tmp_path / "a.png"):
        with pytest.raises(eightbit.PhotoError):
            eightbit.load_image(file)
    with pytest.raises(FileNotFoundError):
        eightbit.load_image(tmp_path / "none.png")
    for image, error in (
        (pixels.astype(np.float32), eightbit.DataTypeError),
        (pixels[:, :, :2], eightbit.ShapeError),
        (pixels[:0], eightbit.PhotoError),
    ):
        with pytest.raises(error):
            eightbit.image_tensor(image)
    for info in (["x", "float32", [1, 4, 8, 8]], ["x", "uint8", [1, 3, 8, 8]], ["x", "float32", [2, 3, 8, 8]]):
        with pytest.raises(eightbit.ShapeError, match="takes no photo"):
            eightbit.image_tensor(pixels, eightbit.ValueInfo(*info))
    with pytest.raises(eightbit.ShapeError):
        eightbit.image_tensor(pixels, height=2**40, width=2**40)


def test_photos_calibrate(tmp_path, pixels):
    from onnx_writer import model, node, value

    rng = np.random.default_rng(2)
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(3):
        (photos / f"{index}.png").write_bytes(png(rng.integers(0, 256, (20, 30, 3), np.uint8)))
    (photos / "notes.txt").write_text("not a photo")
    weights = rng.standard_normal((8, 3, 3, 3)).astype(np.float32)
    nodes = [node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3])]
    data = model(nodes, [value("x", [None, 3, 12, 12])], [value("y", [None, 8, 10, 10])], w=weights)
    by_folder = eightbit.quantize(data, calibrate=photos, effort=0, mean=100, std=50)
    paths = sorted(photos.glob("*.png"))
    info = eightbit.Session(data).inputs[0]
    arrays = [eightbit.image_tensor(path, info, mean=100, std=50) for path in paths]
    assert by_folder.report.examples == 3
    for calibrate in ([str(path) for path in paths], arrays):
        assert eightbit.quantize(data, calibrate=calibrate, effort=0, mean=100, std=50).model == by_folder.model
    (photos / "broken.png").write_bytes(b"hello")
    with pytest.raises(eightbit.PhotoError, match="broken.png"):
        eightbit.quantize(data, calibrate=photos, effort=0)


def test_answers():
    labels = ["cat", "dog", "bird"]
    assert eightbit.top_k([0.1, 0.7, 0.7], 2, labels)[0] == eightbit.Answer(1, pytest.approx(0.7), "dog")
    assert [answer.name for answer in eightbit.top_k(np.zeros((1, 4), np.float32), 9)] == [f"class {at}" for at in range(4)]
    np.testing.assert_array_equal(eightbit.probabilities(np.array([1000, 1000, -1000], np.float32)), [0.5, 0.5, 0])
    np.testing.assert_array_equal(eightbit.probabilities([0.25, 0.75]), [0.25, 0.75])
    for wrong in ([], [float("nan")], [float("inf"), 0.0]):
        with pytest.raises(eightbit.ArgumentError):
            eightbit.probabilities(wrong)
        with pytest.raises(eightbit.ArgumentError):
            eightbit.top_k(wrong)


def test_labels(tmp_path):
    assert eightbit.imagenet_labels()[652] == "military uniform"
    assert eightbit.imagenet_labels(1001)[0] == "background"
    with pytest.raises(eightbit.ArgumentError):
        eightbit.imagenet_labels(7)
    (tmp_path / "labels.txt").write_text("\ufeffcat\ndog\n", encoding="utf-8")
    assert eightbit.load_labels(tmp_path / "labels.txt") == ["cat", "dog"]
