"""Compares this project's speed with that of other libraries. `run.sh --help` lists the options."""

import argparse
import importlib.util
import os
import pathlib
import signal
import sys
import time

from . import measure, peers, report, results, suites
from .models import prepare


def arguments():
    parser = argparse.ArgumentParser(
        prog="benches/peers/run.sh",
        description="Compares this project's speed with that of other libraries: interleaved on one core, shape by shape, one thread, "
        "weights prepacked; ratios are medians over rounds. Writes tables (Markdown, CSV) and a chart (SVG, PNG).",
        epilog="Examples: run.sh; run.sh gemm conv; run.sh gemm --group odd --rounds 3; run.sh conv --filter 3x3 --peers onednn; "
        "run.sh --resume; run.sh report. README.md beside run.sh describes what is compared, and how to read the chart.",
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"{', '.join(NAMES)} (default: all), or report: no measuring")
    parser.add_argument("--filter", default="", help="only shapes whose name contains this")
    parser.add_argument("--group", help="only shapes of this class")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library for a shape (default: 5)")
    parser.add_argument("--budget", type=int, default=60, metavar="MS", help="time for a case and round (default: 60)")
    parser.add_argument(
        "--statistic",
        choices=results.STATISTICS,
        help="median of the rounds' rates and ratios (default), or the best sample of all rounds, for a core that others share",
    )
    parser.add_argument("--peers", default="", help=f"only these, separated by commas: {', '.join(INSTALLABLE)}")
    parser.add_argument("--core", type=int, default=min(1, os.cpu_count() - 1), help="the core to run on (default: 1)")
    parser.add_argument("--lock", metavar="FILE", help="hold a lock on this file while a shape is measured, to interleave runs")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the results (default: target/peers)")
    parser.add_argument("--resume", action="store_true", help="keep the results in that folder, measure the rest")
    for name in ("eightbit", "onednn", "rust", "larq"):
        parser.add_argument(f"--program-{name}", type=pathlib.Path, help=argparse.SUPPRESS)
    return parser.parse_args()


NAMES = ["gemm", "conv", "types", "avx2", "threads", "signs", "dynamic", "models"]
INSTALLABLE = ["onednn", *peers.PYTHON, *peers.CRATES, *peers.LAYERS, *peers.SIGNS]


def available(programs):
    """The peers that can run here; prints the names of the others."""
    found = []
    for name in INSTALLABLE:
        if name in peers.PYTHON:
            there = importlib.util.find_spec(peers.PYTHON[name][1]) is not None
        else:
            there = getattr(programs, name if name in ("onednn", *peers.SIGNS) else "rust") is not None
        if there:
            found.append(name)
        else:
            measure.tell(f"ATTENTION: {peers.TITLES[name]} could not be installed and is SKIPPED")
    return found


def chosen(all_suites, args):
    for suite in all_suites:
        if args.suites and not any(suite.name == name or suite.name.startswith(f"{name}_") for name in args.suites):
            continue
        wanted = [shape for shape in suite.shapes if args.filter in shape.name and args.group in (None, shape.group)]
        if wanted:
            yield suites.Suite(suite.name, suite.title, wanted, suite.participants)


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    args = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    unknown = set(args.suites) - {*NAMES, "report"} or set(filter(None, args.peers.split(","))) - set(INSTALLABLE)
    if unknown:
        sys.exit(f"error: {', '.join(unknown)}: there are the suites {', '.join(NAMES)} and the peers {', '.join(INSTALLABLE)}")
    args.out.mkdir(parents=True, exist_ok=True)
    raw = args.out / "raw.csv"
    if args.suites != ["report"]:
        if raw.exists() and not args.resume:
            # Earlier results are kept under another name.
            raw.rename(args.out / f"raw-{time.strftime('%Y%m%d-%H%M%S', time.localtime(raw.stat().st_mtime))}.csv")
        programs = peers.Programs(args.program_eightbit, args.program_onednn, args.program_rust, args.program_larq)
        there = available(programs)
        wanted = [name for name in there if not args.peers or name in args.peers.split(",")]
        (args.out / "machine.json").write_text(report.machine(programs, wanted, args))
        record = measure.Record(raw)
        settings = measure.Settings(args.rounds, args.budget, args.core, args.lock)
        try:
            all_suites = suites.build(programs, wanted)
            if not args.suites or "models" in args.suites:
                folder = args.out / "models"
                names = prepare.prepare(folder, programs.eightbit, args.filter)
                all_suites.append(suites.networks(programs, wanted, names, folder))
            for suite in chosen(all_suites, args):
                measure.SuiteRun(suite, record, settings, args.out).run()
        except KeyboardInterrupt:
            measure.tell("interrupted: what was measured is reported")
    report.write(args.out, args.statistic)


if __name__ == "__main__":
    main()
