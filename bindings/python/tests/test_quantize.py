"""Quantization: what may calibrate, options, progress, reports."""

import threading
import time

import numpy as np
import pytest

import eightbit
import models
from eightbit.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static


def scores(model, x):
    return eightbit.Session(model).run({"image": x})[0]


def test_an_eight_bit_model_answers_as_the_float_one(tmp_path):
    model, x = models.classifier(), models.images(32)
    (tmp_path / "float.onnx").write_bytes(model)
    out = tmp_path / "eight.onnx"
    quantized = eightbit.quantize(tmp_path / "float.onnx", out, x)
    assert out.read_bytes() == quantized.model and not list(tmp_path.glob(".*"))
    exact, found = scores(model, x), scores(quantized.model, x)
    noise = ((found - exact) ** 2).sum() / (exact**2).sum()
    assert 0 < noise < 0.003
    report = quantized.report
    assert report.examples > 0 and report.constants_after < report.constants_before
    assert {node.op for node in report.nodes if node.role == "eight-bit"} >= {"Conv", "Gemm"}
    assert all(node.reason for node in report.float_nodes)
    assert report.layers[0].sqnr_db <= report.layers[-1].sqnr_db
    assert all(activation.scale > 0 for activation in report.activations)
    assert "constants" in str(quantized) and "<table>" in quantized._repr_html_()
    np.testing.assert_array_equal(quantized.session().run({"image": x})[0], found)


def test_weights_of_few_bits():
    model, x = models.classifier(), models.images(32)
    eight = eightbit.quantize(model, calibrate=x).model
    four = eightbit.quantize(model, calibrate=x, weights="int4").model
    assert len(four) < len(eight)
    between = (len(four) + len(eight)) // 2
    mixed = eightbit.quantize(model, calibrate=x, weights="int4", size=between).model
    assert len(four) <= len(mixed) <= between
    qcdq = eightbit.quantize(model, calibrate=x, weights="int4", activations=4, format="qcdq").model
    qonnx = eightbit.quantize(model, calibrate=x, weights="int4", activations=4, format="qonnx").model
    np.testing.assert_allclose(scores(qonnx, x), scores(qcdq, x), atol=0.02 * np.abs(scores(qcdq, x)).max())
    for wrong in [{"weights": "int9"}, {"activations": 1}, {"format": "tflite"}, {"size": 10}, {"weights": "int4", "size": 10_000, "format": "qonnx"}]:
        with pytest.raises(eightbit.Error):
            eightbit.quantize(model, calibrate=x, **wrong)


def test_a_link_stays_a_link_and_a_file_keeps_its_mode(tmp_path):
    model, x = models.classifier(), models.images(4)
    target, link = tmp_path / "target.onnx", tmp_path / "link.onnx"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    quantized = eightbit.quantize(model, link, x, effort=0)
    assert link.is_symlink() and target.read_bytes() == quantized.model
    assert target.stat().st_mode & 0o777 == 0o600


def test_examples_of_every_kind_give_the_same_model():
    model, x = models.classifier(), models.images(12)

    class Lazy:
        asked = 0

        def __len__(self):
            return len(x)

        def __getitem__(self, index):
            self.asked += 1
            return {"image": x[index : index + 1]}

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = list(x)

        def get_next(self):
            return {"image": self.left.pop(0)[None]} if self.left else None

    lazy = Lazy()
    arrays = [item[None] for item in x]
    kinds = [x, arrays, [(item,) for item in arrays], [{"image": item} for item in arrays], lazy, Reader(), iter(arrays)]
    first, *others = [eightbit.quantize(model, calibrate=kind, effort=0).model for kind in kinds]
    assert all(other == first for other in others)
    assert lazy.asked >= len(x)


def test_options_reach_the_library():
    model, x = models.classifier(), models.images(16)
    with_options = lambda **options: eightbit.quantize(model, calibrate=x, **{"effort": 0, **options})
    plain = with_options()
    for options in (
        {"ranges": "min_max"},
        {"percentile": 90.0},
        {"ranges": "mse"},
        {"ranges": "entropy"},
        {"pair_safe_weights": True},
        {"per_tensor": True},
    ):
        assert with_options(**options).model != plain.model, options
    kept = with_options(keep_float=["c1"]).report
    assert ("c1", "keep_float names it") in [(node.name, node.reason) for node in kept.float_nodes]
    limited = with_options(accuracy_drop=5.0, classes=list(scores(model, x).argmax(1)))
    assert limited.report.accuracy_lost is not None
    assert with_options(measured=0).report.layers == []


def test_wrong_options_are_refused(tmp_path):
    model, x = models.classifier(), models.images(4)
    for options, text in (
        ({"ranges": "best"}, "ranges: must be"),
        ({"effort": 7}, "effort: must be"),
        ({"percentile": 101.0}, "percentile"),
        ({"keep_float": ["none"]}, "none"),
        ({"accuracy_drop": 1.0, "classes": [1]}, "classes"),
        ({"mean": [1, 2]}, "one number or three"),
        ({"resize": "shrink"}, "resize"),
        ({"std": 0}, "std not 0"),
        ({"data_free": True}, "leave calibrate out"),
    ):
        with pytest.raises(eightbit.ArgumentError, match=text):
            eightbit.quantize(model, calibrate=x, **options)
    for calibrate, error in (
        (None, eightbit.ArgumentError),
        ([], eightbit.ArgumentError),
        (3, eightbit.ArgumentError),
        ({"image": x}, eightbit.ArgumentError),
        ([{"other": x}], eightbit.ArgumentError),
        ([(x, x)], eightbit.ArgumentError),
        ([x.astype(np.float64)], eightbit.DataTypeError),
        ([x[:, :1]], eightbit.Error),
        (str(tmp_path), eightbit.ArgumentError),
        (str(tmp_path / "none"), FileNotFoundError),
    ):
        with pytest.raises(error):
            eightbit.quantize(model, calibrate=calibrate, effort=0)
    with pytest.raises(eightbit.Error, match="quantized already"):
        eight_bit = eightbit.quantize(model, calibrate=x, effort=0).model
        eightbit.quantize(eight_bit, calibrate=x, effort=0)


def test_exceptions_of_examples_arrive():
    class Broken:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        eightbit.quantize(models.classifier(), calibrate=Broken())


def test_progress_is_told_and_ends_the_work(capsys):
    told = []
    eightbit.quantize(models.classifier(), calibrate=models.images(8), progress=lambda *at: told.append(at))
    assert ("calibrate", 1, 8) in told and any(stage == "measure" for stage, _, _ in told)

    def stop(stage, done, total):
        if stage == "calibrate":
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        eightbit.quantize(models.classifier(), calibrate=models.images(8), progress=stop)
    eightbit.quantize(models.classifier(), calibrate=models.images(8), progress=True)
    assert "calibrate" in capsys.readouterr().err


def test_other_threads_run_meanwhile():
    beats, stop = [], threading.Event()

    def beat():
        while not stop.is_set():
            beats.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=beat)
    thread.start()
    eightbit.quantize(models.classifier(), calibrate=models.images(64))
    stop.set()
    thread.join()
    assert len(beats) > 5


def test_data_free():
    model, x = models.classifier(), models.images(8) / 4
    quantized = eightbit.quantize(model, data_free=True)
    assert quantized.report.examples == 0
    exact, found = scores(model, x), scores(quantized.model, x)
    assert ((found - exact) ** 2).sum() / (exact**2).sum() < 0.05
    with pytest.raises(eightbit.ModelError, match="calibrate with examples"):
        eightbit.quantize(models.unbounded(), data_free=True)


def test_resume_files_are_removed(tmp_path):
    eightbit.quantize(models.classifier(), calibrate=models.images(16), effort=1, resume=tmp_path / "resume")
    assert not (tmp_path / "resume").exists()


class Reader(CalibrationDataReader):
    def __init__(self):
        self.left = [{"image": x[None]} for x in models.images(12)]

    def get_next(self):
        return self.left.pop() if self.left else None


def test_quantize_static(tmp_path):
    model, out = models.classifier(), tmp_path / "eight.onnx"
    (tmp_path / "float.onnx").write_bytes(model)
    quantize_static(
        str(tmp_path / "float.onnx"),
        str(out),
        Reader(),
        per_channel=True,
        reduce_range=True,
        calibrate_method=CalibrationMethod.Percentile,
        extra_options={"CalibPercentile": 99.9, "Effort": 0},
        nodes_to_exclude=["c1"],
    )
    x = models.images(4)
    exact, found = scores(model, x), scores(out, x)
    assert ((found - exact) ** 2).sum() / (exact**2).sum() < 0.01
    only = quantize_static(model, out, Reader(), op_types_to_quantize=["Conv"])
    assert {node.op for node in only.report.nodes if node.role == "eight-bit"} == {"Conv"}


def test_quantize_static_refuses_what_it_cannot_do(tmp_path):
    out = tmp_path / "eight.onnx"
    for options in (
        {"quant_format": QuantFormat.QOperator},
        {"activation_type": QuantType.QUInt16},
        {"weight_type": QuantType.QUInt8},
        {"calibrate_method": CalibrationMethod.Distribution},
        {"use_external_data_format": True},
        {"calibration_cache_path": "cache"},
        {"extra_options": {"SmoothQuant": True}},
        {"extra_options": {"WeightSymmetric": False}},
    ):
        with pytest.raises(eightbit.UnsupportedError):
            quantize_static(models.classifier(), out, Reader(), **options)
    with pytest.raises(eightbit.ArgumentError):
        quantize_static(models.classifier(), out)
    assert not out.exists()
