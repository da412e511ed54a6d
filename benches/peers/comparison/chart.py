"""The chart: shape by shape, our rate and each peer's as a fraction of the measured peak."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from . import peers

# A panel for each kind of case: suite, types, and its groups (if none are given, all but those of the others).
PANELS = [
    ("Matrix multiplication, raw sums", "gemm", "u8s8s32", None),
    ("Matrix multiplication, requantized", "gemm", "u8s8u8", None),
    ("Convolution, requantized", "conv", "u8s8u8", ("large", "middle", "shallow", "stem", "odd")),
    ("Depthwise convolution, requantized", "conv", "u8s8u8", ("dw_narrow", "dw_wide")),
]
# Distinguishable with every kind of colour vision (after Okabe and Ito), and by shape.
STYLES = {
    "onednn": ("#0072b2", "s"),
    "onednn-f32": ("#56b4e9", "s"),
    "onnxruntime": ("#e69f00", "D"),
    "openvino": ("#cc79a7", "v"),
    "fbgemm": ("#009e73", "^"),
    "litert": ("#f0c800", "P"),
    "rten-gemm": ("#7f7f7f", "<"),
    "tract-linalg": ("#b0b0b0", ">"),
    "gemmkit": ("#4d4d4d", "X"),
}
OURS = "#d00000"


def draw(cases, about, folder):
    panels = []
    for title, suite, types, groups in PANELS:
        chosen = [
            case
            for case in cases
            if case.suite == suite and case.types == types and case.of_peak and (groups is None or case.group in groups)
        ]
        if chosen:
            panels.append((title, chosen))
    if not panels:
        return
    heights = [len(chosen) + 3 for _, chosen in panels]
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(9, 0.2 * sum(heights) + 1), height_ratios=heights, squeeze=False, layout="constrained"
    )
    handles = {}
    for axis, (title, chosen) in zip(axes[:, 0], panels):
        handles |= panel(axis, title, chosen)
    figure.suptitle(f"{about['cpu']}, {about['backend']}, one thread, {about['date']}", fontsize=10)
    order = ["eightbit", *(name for name in peers.TITLES if name in handles)]
    labels = ["eightbit", *(peers.TITLES[name] for name in order[1:])]
    figure.legend([handles[name] for name in order], labels, loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    # Keep text as text; the same figures give the same file.
    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "eightbit"}):
        figure.savefig(folder / "chart.svg", metadata={"Date": None})
    figure.savefig(folder / "chart.png", dpi=130)
    pyplot.close(figure)


def panel(axis, title, cases):
    handles = {}
    for row, case in enumerate(cases):
        peak = case.rate / case.of_peak
        for name, rival in case.rivals.items():
            colour, form = STYLES.get(name, ("#000000", "."))
            # Hollow where the sums are wrong.
            face = "white" if rival.is_wrong else colour
            handles[name] = axis.scatter(
                rival.rate / peak, row, s=22, marker=form, facecolors=face, edgecolors=colour, linewidths=1.1, zorder=2
            )
        handles["eightbit"] = axis.scatter(case.of_peak, row, s=34, marker="o", color=OURS, zorder=3)
    # A line between classes, and the name of each at its first shape.
    for row, (before, case) in enumerate(zip([None, *cases], cases)):
        if before is None or before.group != case.group:
            axis.axhline(row - 0.5, color="#999999", linewidth=0.6)
            axis.annotate(case.group, (1, row), (3, 0), ("axes fraction", "data"), "offset points", fontsize=7, va="center")
    most = max([1.0] + [case.of_peak for case in cases])
    axis.set_xlim(0, 1.03 * most)
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_ylim(len(cases) - 0.4, -0.6)
    axis.set_yticks(range(len(cases)), [case.shape for case in cases], fontsize=7)
    axis.grid(axis="both", color="#dddddd", linewidth=0.5)
    axis.set_axisbelow(True)
    axis.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axis.tick_params(axis="x", labelsize=8)
    axis.set_title(f"{title}: part of the measured peak (hollow: wrong sums)", fontsize=9, loc="left")
    return handles
