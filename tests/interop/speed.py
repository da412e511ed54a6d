"""The time of networks beside ONNX Runtime's float: in float, and in eight bits.

    python tests/interop/speed.py [--eightbit PROGRAM] MODEL.onnx|MODEL.pb …

Each network is made eight-bit with random inputs, which is enough for times. Both programs run on one thread and one core, in turn:
a burst of one, a burst of the other, again and again. Times are CPU time, so that other programs disturb less; of each the median of
its bursts counts, in milliseconds, or on a busy machine, whose other programs empty the caches, a lower quantile of many short bursts. A GraphDef has no ONNX Runtime time unless a file of the same name with the extension `.onnx`
lies beside it.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime



class Ours:
    """A network in a process of ours, which measures when it is asked."""

    def __init__(self, program, model, burst):
        command = [program, "bench", "model", "--stdin", "--csv", "--budget", str(burst)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.model = model

    def measure(self):
        self.process.stdin.write(f"{self.model}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split(",")
        if len(answer) < 6:
            raise RuntimeError(f"{self.model}: no answer")
        self.process.stdout.readline()
        return 1e3 / float(answer[5])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class OnnxRuntime:
    def __init__(self, model, burst):
        self.burst = burst
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        random = np.random.default_rng(1)
        self.inputs = {}
        for info in self.session.get_inputs():
            shape = [dim if isinstance(dim, int) else 1 for dim in info.shape]
            if info.type != "tensor(float)":
                raise RuntimeError(f"{model}: input {info.name} is {info.type}")
            self.inputs[info.name] = random.uniform(-2, 2, shape).astype(np.float32)

    def measure(self):
        times = []
        begin = time.process_time()
        while not times or time.process_time() - begin < self.burst / 1e3:
            start = time.process_time()
            self.session.run(None, self.inputs)
            times.append(time.process_time() - start)
        return 1e3 * statistics.median(times)

    def close(self):
        pass


def eight_bit(program, model, folder):
    """The eight-bit form of a network, or nothing where it has none."""
    output = Path(folder) / f"{model.stem}.int8.onnx"
    command = [program, "quantize", model, "-o", output, "--random", "2"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        print(f"{model.name}: {result.stderr.strip().splitlines()[-1]}")
        return None
    return output


def compared(program, model, folder, arguments):
    """The three times of a network; None where there is none."""
    peer = model if model.suffix == ".onnx" else model.with_suffix(".onnx")
    quantized = None if arguments.float else eight_bit(program, model, folder)
    burst = arguments.burst
    runners = [
        OnnxRuntime(peer, burst) if peer.exists() else None,
        Ours(program, model, burst),
        Ours(program, quantized, burst) if quantized else None,
    ]
    present = [runner for runner in runners if runner]
    for runner in present:
        runner.measure()
    times = {runner: [] for runner in present}
    for _ in range(arguments.rounds):
        for runner in present:
            times[runner].append(runner.measure())
    for runner in present:
        runner.close()
    least = lambda all: sorted(all)[int(len(all) * arguments.quantile)]
    return [least(times[runner]) if runner else None for runner in runners]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--eightbit", default="target/release/eightbit")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--burst", type=int, default=100, help="milliseconds of a burst")
    parser.add_argument("--quantile", type=float, default=0.5, help="the part of the bursts that are faster than the one that counts")
    parser.add_argument("--float", action="store_true", help="leave eight bits out")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    print(f"ONNX Runtime {onnxruntime.__version__}, one thread on core {arguments.core}, {arguments.rounds} rounds\n")
    print("| network | ONNX Runtime float, ms | float, ms | times as fast | eight bits, ms | times as fast |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            peer, *ours = compared(arguments.eightbit, model.resolve(), folder, arguments)
            cells = [model.name, f"{peer:.2f}" if peer else "–"]
            for own in ours:
                cells += [f"{own:.2f}" if own else "–", f"{peer / own:.2f}" if peer and own else "–"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
