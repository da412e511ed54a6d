"""The compared calls, by suite."""

import dataclasses
from collections.abc import Callable

from . import peers, shapes

# The least M·K·N that justifies a second thread.
THREADS_FROM = 2 * 10**8
MOBILE = ["mobilenet_v2", "efficientnet_lite0"]
# Types other than u8 x s8, and those that they are compared with.
OTHER_GEMM_TYPES = {
    "u8s8s32": ["s8s8s32", "u8u8s32", "s8u8s32"],
    "u8s8u8": ["s8s8s8", "u8s8u8_zeros", "u8u8u8_zero", "u8u8u8_zeros"],
}
OTHER_CONV_TYPES = {"u8s8u8": ["s8s8s8", "u8s8u8_zeros", "u8u8u8_zero", "u8u8u8_zeros"]}
SOME_GEMMS = ["128x128x128", "512x512x512", "3136x64x64", "12544x32x16", "196x256x1024", "37x61x53", "1x1024x1024"]
# Sizes of layers, and their classes.
LAYERS = {(64, 1024, 1024): "linear", (128, 768, 3072): "linear", (1, 4096, 4096): "rows"}
SOME_CONVS = ["rn50_3x3_28_128_128", "rn50_1x1_56_64_64", "mnv2_stem_3x3s2_224_3_32", "dw_3x3_28_192", "dw_5x5_28_40"]


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    title: str
    shapes: list[shapes.Shape]
    # Participants of a shape, eightbit first; None where a peer does not take part.
    participants: Callable[[shapes.Shape], list[peers.Participant]]


def networks(programs, wanted, names, folder):
    """Whole networks, each peer with the files that it reads."""

    def participants(shape):
        found = [peers.eightbit(programs, "model", suffix=".eightbit.onnx", check=False)]
        files = {"onnxruntime": ".int8.onnx", "onnxruntime-f32": ".onnx", "openvino": ".int8.onnx", "litert": ".int8.tflite"}
        for name, suffix in files.items():
            if name.removesuffix("-f32") in wanted and (folder / (shape.name + suffix)).exists():
                found.append(peers.networks(name, suffix))
        return found

    models = [shapes.Shape(name, "mobile" if name in MOBILE else "big", str(folder / name)) for name in names]
    return Suite("models", "Whole networks", models, participants)


def build(programs, wanted):
    """All suites of kernels, with the available peers (`wanted`)."""

    def everyone(op, types, extra_onednn=()):
        def participants(shape):
            found = [peers.eightbit(programs, op, types), peers.peak(programs)]
            if "onednn" in wanted:
                found.append(peers.onednn(programs, op, [*types, *(extra_onednn if shape.group.startswith("dw") else ())]))
            found += [peers.python(name, op) for name in peers.PYTHON if name in wanted]
            if op == "gemm":
                found += [peers.rust(programs, name) for name in peers.CRATES if name in wanted]
            return found

        return participants

    def with_onednn(op, types, backend=None, isa=None):
        def participants(_):
            found = [peers.eightbit(programs, op, types, backend), peers.peak(programs, backend)]
            return found + ([peers.onednn(programs, op, types, isa)] if "onednn" in wanted else [])

        return participants

    def alone(op, others):
        types = [one for base, rest in others.items() for one in (base, *rest)]
        return lambda _: [peers.eightbit(programs, op, types), peers.peak(programs)]

    def two_threads(_):
        types = ["u8s8s32", "u8s8u8"]
        return [
            peers.eightbit(programs, "gemm", types, check=False),
            *(peers.two_threads(programs, types, clock) for clock in ("wall", "cpu")),
            peers.peak(programs),
        ]

    def layers(_):
        return [peers.linear(programs), *(peers.rust(programs, name) for name in peers.LAYERS if name in wanted)]

    def signs(_):
        types = ["b1b1s32", "b1b1b1", "u8s8u8"]
        return [peers.eightbit(programs, "conv", types), *([peers.larq(programs)] if "larq" in wanted else [])]

    def named(all_shapes, names):
        return [shape for shape in all_shapes if shape.name in names]

    # Both sides are in one program.
    linear = [shapes.of_sizes(sizes, group) for sizes, group in LAYERS.items() if programs.rust]
    gemms, convs = shapes.read("gemm"), shapes.read("conv")
    large = [shape for shape in convs if shape.group == "large" and "3x3" in shape.name]
    # Those that the peer computes: the output is as large as the input.
    keeps_size = [shape for shape in large if shape.sizes[4] == 1]
    avx2_gemms = [shape for shape in gemms if shape.group in ("large", "middle", "cube")]
    avx2_convs = [shape for shape in convs if shape.group in ("large", "stem")]
    pair_safe = ["u8s8s32", "u8s8s32_pair_safe", "u8s8u8", "u8s8u8_pair_safe"]
    return [
        Suite("gemm", "Matrix multiplication", gemms, everyone("gemm", ["u8s8s32", "s8s8s32", "u8s8u8"])),
        Suite("conv", "Convolution, requantized", convs, everyone("conv", ["u8s8u8"], ["f32"])),
        Suite("conv_s32", "Convolution, raw sums", large, with_onednn("conv", ["u8s8s32"])),
        Suite("types_gemm", "Other types: matrix multiplication", named(gemms, SOME_GEMMS), alone("gemm", OTHER_GEMM_TYPES)),
        Suite("types_conv", "Other types: convolution", named(convs, SOME_CONVS), alone("conv", OTHER_CONV_TYPES)),
        Suite("avx2_gemm", "AVX2: matrix multiplication", avx2_gemms, with_onednn("gemm", pair_safe, "avx2", "AVX2")),
        Suite("avx2_conv", "AVX2: convolution", avx2_convs, with_onednn("conv", pair_safe[2:], "avx2", "AVX2")),
        Suite("threads", "Two threads", [shape for shape in gemms if shape.products >= THREADS_FROM], two_threads),
        Suite("signs", "Products of signs, beside eight bits", keeps_size, signs),
        Suite("dynamic", "Layers from floats to floats, quantized when they run", linear, layers),
    ]
