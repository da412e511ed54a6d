"""Whole networks: `python -m comparison.drivers.networks onnxruntime|onnxruntime-f32|openvino|litert`.

Lines of standard input are files; each is answered with the runs per second on random input, in the columns of the other drivers.
"""

import pathlib
import sys

import numpy as np

from . import serve

# Operations per run, chosen so that a rate in Gop/s is one in runs per second.
RUN = 1e9


def noise(shape):
    return np.random.default_rng(1).standard_normal(shape, dtype=np.float32)


def onnxruntime(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    photo = session.get_inputs()[0]
    feed = {photo.name: noise(photo.shape)}
    return lambda: session.run(None, feed)


def openvino(path):
    import openvino

    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", settings)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(noise(tuple(compiled.inputs[0].shape))))
    return request.infer


def litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    photo = interpreter.get_input_details()[0]
    interpreter.set_tensor(photo["index"], noise(photo["shape"]))
    return interpreter.invoke


def main():
    peer = sys.argv[1]
    load = {"onnxruntime": onnxruntime, "onnxruntime-f32": onnxruntime, "openvino": openvino, "litert": litert}[peer]
    types = "f32" if peer.endswith("f32") else "int8"
    last, call = None, None
    for path in map(str.rstrip, sys.stdin):
        if path != last:
            # Hold one network in memory at a time.
            call = None
            last, call = path, load(path)
        samples = serve.rates(RUN, call)
        figures = f"{samples[len(samples) // 2]:.3f},{samples[-1]:.3f},{samples[0]:.3f},{len(samples)}"
        print(f"{peer},model,{pathlib.Path(path).name},{types},yes,{figures},")
        print(flush=True)


main()
