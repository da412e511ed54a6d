"""TensorFlow's two commands on a network: transform_graph with the recipe for eight bits, and label_image; beside TensorFlow.

Prints one table: sizes, answers, agreement, and times on one thread (medians of processor time). Exit status 1 if a command fails
that should work, or if the two programs' float answers differ.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

RECIPE = """add_default_attributes strip_unused_nodes(type=float, shape="1,{0},{0},3")
  remove_nodes(op=Identity, op=CheckNumerics) fold_constants(ignore_errors=true) fold_batch_norms fold_old_batch_norms
  quantize_weights quantize_nodes strip_unused_nodes sort_by_execution_order"""
CALIBRATION = 64
# TensorFlow runs its eight-bit graph for seconds a photo.
COMPARED = 10
HERE = pathlib.Path(__file__).parent


class Recipe:
    def __init__(self, options):
        self.options = options
        self.table, self.failures = [], []
        self.photos = sorted(path for path in options.photos.iterdir() if path.suffix in (".png", ".jpg"))
        self.rest = self.photos[CALIBRATION:]

    def row(self, what, tensorflow, ours):
        self.table.append((what, tensorflow, ours))

    def call(self, *arguments):
        return subprocess.run([self.options.program, *map(str, arguments)], capture_output=True, text=True)

    def json(self, *arguments):
        done = self.call(*arguments, "--json")
        if done.returncode:
            self.failures.append(f"{arguments[0]}: {done.stderr.strip()}")
            return None
        return json.loads(done.stdout)

    def tensorflow(self, graph, photos, onednn=False):
        """Scores of the photos, and milliseconds for one."""
        options, scores = self.options, self.options.work / "scores.npy"
        command = [sys.executable, HERE / "run_graph.py", graph, options.input_layer, options.output_layer]
        command += [options.size, options.mean, options.std, scores, *photos]
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": str(int(onednn))}
        done = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return np.load(scores), float(done.stdout)

    def label_image(self, graph):
        """The arguments of TensorFlow's program."""
        o = self.options
        return ["label-image", f"--image={o.photo}", f"--graph={graph}", f"--labels={o.labels}", f"--input_width={o.size}",
                f"--input_height={o.size}", f"--input_mean={o.mean}", f"--input_std={o.std}",
                f"--input_layer={o.input_layer}", f"--output_layer={o.output_layer}"]

    def input(self):
        return [*self.label_image("")[4:], "--ignore-orientation"]

    def answers(self, answers):
        return ", ".join(f"{answer['label']} ({answer['index']}): {answer['score']:.6f}" for answer in answers[:2])

    def run(self):
        o = self.options
        size = o.graph.stat().st_size
        share = lambda bytes: f"{bytes:,} bytes, {100 * bytes / size:.1f} %"
        self.row("float graph", f"{size:,} bytes", "")

        expected, slow = self.tensorflow(o.graph, [o.photo, *self.photos[:COMPARED]])
        _, fast = self.tensorflow(o.graph, [o.photo], onednn=True)
        found = self.json(*self.label_image(o.graph), "--calibrate", *self.photos[:8])
        if found:
            answers = next(network for network in found["networks"] if network["kind"] == "float")["answers"]
            labels = o.labels.read_text().splitlines()
            best = np.argsort(-expected[0])[:2]
            theirs = [{"label": labels[i], "index": int(i), "score": float(expected[0][i])} for i in best]
            self.row("label-image, float graph", self.answers(theirs), self.answers(answers))
            worst = max(abs(expected[0][answer["index"]] - answer["score"]) for answer in answers)
            self.row("greatest difference of a score", "", f"{worst:.1e}")
            if worst > 1e-4:
                self.failures.append(f"label-image: a score is off by {worst:.2g}")

        recipe = o.work / "quantized_graph.pb"
        inputs, outputs = o.input_layer.split(":")[0], o.output_layer.split(":")[0]
        calibrated = ["--calibrate", *self.photos[-CALIBRATION:], f"--input-mean={o.mean}", f"--input-std={o.std}"]
        for how, more in [(", --calibrate", calibrated), ("", [])]:
            done = self.call("transform-graph", f"--in_graph={o.graph}", f"--out_graph={recipe}", f"--inputs={inputs}",
                             f"--outputs={outputs}", f"--transforms={RECIPE.format(o.size)}", *more)
            if done.returncode:
                self.failures.append(f"transform-graph{how}: {done.stderr.strip()}")
                continue
            scores, eight_bit = self.tensorflow(recipe, [o.photo, *self.photos[:COMPARED]])
            same = int(np.sum(np.argmax(scores, 1) == np.argmax(expected, 1)))
            self.row(f"transform-graph, the recipe{how}", "", share(recipe.stat().st_size))
            self.row("its graph run by TensorFlow", f"the float answer on {same} of {len(scores)}; {eight_bit:.0f} ms", "")
            found = self.json(*self.label_image(recipe))
            if found:
                answers = found["networks"][0]["answers"]
                worst = max(abs(scores[0][answer["index"]] - answer["score"]) for answer in answers)
                self.row(f"label-image, the recipe's graph{how}", "", f"{self.answers(answers)}; within {worst:.1e} of TensorFlow")

        quantized = o.work / "quantized.onnx"
        report = self.json("quantize", o.graph, "-o", quantized, "--calibrate", *self.photos[:CALIBRATION], *self.input())
        if report:
            self.row(f"quantize, {CALIBRATION} photos", "", share(quantized.stat().st_size))
            truth = o.work / "rest.tsv"
            # Only the agreement is of interest: the network has classes of its own.
            truth.write_text("".join(f"{photo.name}\t0\n" for photo in self.rest))
            found = self.json("evaluate", "--images", o.photos, "--labels", truth, "--graph", o.graph, "--quantized", quantized,
                              *self.input())
            if found:
                self.row(f"same answer, {len(self.rest)} other photos", "", f"{100 * found['same_answer']:.1f} %")
        files = [o.graph, *([quantized] if report else [])]
        measured = self.json("bench", "model", *files, "--budget", 3000)
        repeated = self.json("bench", "model", recipe, "--budget", 3000) if not done.returncode else None
        if repeated:
            time = repeated["lines"][0]["median_ms"]
            self.row("the recipe's graph, one thread", f"{eight_bit:.1f} ms", f"{time:.1f} ms: {eight_bit / time:.1f} times as fast")
        if measured:
            ours = [model["median_ms"] for model in measured["lines"]]
            self.row("float, one thread", f"{slow:.1f} ms; with oneDNN {fast:.1f} ms", f"{ours[0]:.1f} ms")
            for time in ours[1:]:
                self.row("eight bits, one thread", "",
                         f"{time:.1f} ms: {min(slow, fast) / time:.1f} times as fast as TensorFlow's float")

        widths = [max(len(row[column]) for row in self.table) for column in range(3)]
        head = ("", "TensorFlow", "eightbit")
        for row in [head, ["-" * max(width, 3) for width in widths], *self.table]:
            print("| " + " | ".join(cell.ljust(max(width, 3)) for cell, width in zip(row, widths)) + " |")
        for line in self.failures:
            print(f"FAIL  {line}")
        return 1 if self.failures else 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", default="target/release/eightbit")
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--graph", type=pathlib.Path, required=True)
    arguments.add_argument("--photos", type=pathlib.Path, required=True, help=f"the first {CALIBRATION}, sorted, calibrate")
    arguments.add_argument("--photo", type=pathlib.Path, default="models/photos/grace_hopper.jpg")
    arguments.add_argument("--labels", type=pathlib.Path, help="default: numbers")
    arguments.add_argument("--classes", type=int, default=5)
    arguments.add_argument("--size", type=int, default=299)
    arguments.add_argument("--mean", default="0")
    arguments.add_argument("--std", default="255")
    arguments.add_argument("--input-layer", default="input:0")
    arguments.add_argument("--output-layer", default="softmax:0")
    options = arguments.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if not options.labels:
        options.labels = options.work / "labels.txt"
        options.labels.write_text("".join(f"class {index}\n" for index in range(options.classes)))
    sys.exit(Recipe(options).run())


main()
