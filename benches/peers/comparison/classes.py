"""The classes of shapes, and their target ratios to the best peer on a CPU with AVX-512 VNNI."""

import dataclasses
import statistics

from . import peers, results


@dataclasses.dataclass(frozen=True)
class Target:
    title: str
    ratio: float
    suites: tuple[str, ...]
    # Empty means all; likewise for types and shapes.
    groups: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    # The peers to compare with; by default the best one.
    rivals: tuple[str, ...] = ()
    label: str = results.OURS

    def takes(self, case):
        return (
            case.suite in self.suites
            and case.label == self.label
            and (not self.groups or case.group in self.groups)
            and (not self.types or case.types in self.types)
            and (not self.shapes or case.shape in self.shapes)
        )

    def ratio_of(self, case, exact):
        """Our rate over the best of the peers that it is compared with."""
        if not self.rivals:
            return case.best(exact)[1]
        ratios = [rival.ratio for name, rival in case.rivals.items() if name in self.rivals and not (exact and rival.is_wrong)]
        return min(ratios, default=None)


RAW, REQUANTIZED = ("u8s8s32", "s8s8s32"), ("u8s8u8",)
KERNELS = ("gemm", "conv", "conv_s32")
TYPES, AVX2 = ("types_gemm", "types_conv"), ("avx2_gemm", "avx2_conv")
CRATES = tuple(peers.CRATES)
LARGE, SMALL = ("large", "middle", "shallow", "rows"), ("cube", "odd", "tiny")
TARGETS = [
    Target("large, raw sums", 1.00, KERNELS, ("large",), RAW),
    Target("large, requantized", 1.00, KERNELS, ("large",), REQUANTIZED),
    Target("K = 64 to 147, requantized", 1.08, KERNELS, ("middle",), REQUANTIZED),
    Target("K ≤ 32, requantized", 1.20, KERNELS, ("shallow",), REQUANTIZED),
    Target("64³, requantized", 1.25, ("gemm",), ("cube",), REQUANTIZED, ("64x64x64",)),
    Target("128³, requantized", 1.10, ("gemm",), ("cube",), REQUANTIZED, ("128x128x128",)),
    Target("odd sizes", 1.20, KERNELS, ("odd",)),
    Target("tiny", 1.00, ("gemm",), ("tiny",)),
    Target("1 to 16 rows", 1.00, ("gemm",), ("rows",)),
    Target("stems", 1.15, KERNELS, ("stem",)),
    Target("depthwise, C ≥ 128", 2.50, ("conv",), ("dw_wide",)),
    Target("depthwise, C < 128", 1.70, ("conv",), ("dw_narrow",)),
    Target("depthwise, to float", 1.00, ("conv",), ("dw_wide", "dw_narrow"), rivals=("onednn-f32",)),
    Target("Rust crates, large", 1.15, ("gemm",), LARGE, RAW, rivals=CRATES),
    Target("Rust crates, small", 2.00, ("gemm",), SMALL, RAW, rivals=CRATES),
    Target("other types, to our u8 × s8", 0.95, TYPES, rivals=("eightbit u8s8s32", "eightbit u8s8u8")),
    Target("AVX2, seven-bit weights", 1.00, AVX2, types=("u8s8s32_pair_safe", "u8s8u8_pair_safe")),
    Target("AVX2, full-range weights", 1.00, AVX2, types=("u8s8s32", "u8s8u8")),
    Target("AVX2, full range, of vpmaddwd", 0.95, AVX2, ("large",), ("u8s8s32", "u8s8u8"), rivals=(results.VPMADDWD_LIMIT,)),
    Target("two threads, wall clock, to one", 1.90, ("threads",), rivals=(results.OURS,), label="two threads, wall clock"),
    Target("two threads, CPU time, to one", 1.90, ("threads",), rivals=(results.OURS,), label="two threads, CPU time"),
    # On Zen 5 the peak itself is 3.6 times candle 0.11's rate.
    Target("layers of floats, to candle's q8_0", 5.00, ("dynamic",), ("linear",), ("f32s8f32",)),
    Target("layers of one row, to candle's q8_0", 1.00, ("dynamic",), ("rows",), ("f32s8f32",)),
    Target("signs, to our eight bits", 2.80, ("signs",), types=("b1b1s32", "b1b1b1"), rivals=(results.EIGHT_BITS,)),
    Target("signs, to Larq Compute Engine", 12.0, ("signs",), types=("b1b1s32", "b1b1b1"), rivals=("larq",)),
    Target("whole networks, big", 1.05, ("models",), ("big",)),
    Target("whole networks, mobile", 1.20, ("models",), ("mobile",)),
]


def mean(ratios):
    return statistics.geometric_mean(ratios)
