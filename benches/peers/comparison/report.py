"""Writes the results of a run: table.md, table.csv, summary.csv, chart.svg, chart.png."""

import csv
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import tomllib

from . import chart, classes, measure, peers, results, shapes, suites

TITLES = {suite.name: suite.title for suite in suites.build(peers.Programs(None), [])} | {
    "models": "Whole networks, milliseconds"
}


def machine(programs, wanted, args):
    """The facts needed to repeat a run, as JSON."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    cpu = json.loads(output_of(programs.eightbit, "cpu", "--json"))
    return json.dumps(
        {
            "date": datetime.date.today().isoformat(),
            "cpu": model,
            "cores": os.cpu_count(),
            "backend": cpu["chosen"],
            "build": cpu["build"],
            "peers": {name: version(name, programs) for name in wanted},
            "rounds": args.rounds,
            "milliseconds": args.budget,
            "statistic": args.statistic or "median",
            "command": command(args),
        },
        indent=1,
    )


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def version(name, programs):
    if name == "onednn":
        return output_of(programs.onednn, "version")
    if name in peers.CRATES + peers.LAYERS:
        lock = tomllib.loads((shapes.FOLDER / "rust" / "Cargo.lock").read_text())
        return next(package["version"] for package in lock["package"] if package["name"] == name)
    if name == "larq":
        return output_of(programs.larq, "-c", 'import importlib.metadata as m; print(m.version("larq-compute-engine"))')
    return importlib.metadata.version(peers.PACKAGES[name])


def command(args):
    """The command line, without machine-specific options."""
    options = {"--filter": args.filter, "--group": args.group, "--peers": args.peers, "--statistic": args.statistic}
    given = [f"{option} {value}" for option, value in options.items() if value]
    return " ".join(["benches/peers/run.sh", *args.suites, *given, f"--rounds {args.rounds} --budget {args.budget}"])


def write(folder, statistic=None):
    """Reports with this statistic, or the one that was asked for when measuring."""
    rows = measure.read(folder / "raw.csv")
    about = json.loads((folder / "machine.json").read_text())
    about["statistic"] = statistic or about.get("statistic", "median")
    cases = list(results.cases(rows, about["statistic"]))
    summary = summarize(cases)
    (folder / "table.md").write_text("\n".join(markdown(about, cases, summary)) + "\n")
    write_csv(folder / "table.csv", case_rows(cases))
    write_csv(folder / "summary.csv", summary)
    chart.draw(cases, about, folder)
    measure.tell(
        f"written: {', '.join(str(folder / name) for name in ('table.md', 'table.csv', 'summary.csv', 'chart.svg', 'chart.png'))}"
    )
    print((folder / "table.md").read_text())


def names(cases):
    """The peers of some cases, in the order of the tables."""
    found = {name for case in cases for name in case.rivals}
    return [name for name in peers.TITLES if name in found] + sorted(found - peers.TITLES.keys())


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


def summarize(cases):
    """For each class: how its ratios compare with its target."""
    lines = []
    for target in classes.TARGETS:
        ratios = {
            exact: {
                (case.suite, case.shape, case.types): ratio
                for case in cases
                if target.takes(case) and (ratio := target.ratio_of(case, exact)) is not None
            }
            for exact in (False, True)
        }
        if not ratios[False]:
            continue
        every, exact = ratios[False], ratios[True]
        worst = min(every, key=every.get)
        lines.append(
            {
                "class": target.title,
                "target": target.ratio,
                "mean": round(classes.mean(every.values()), 3),
                "least": round(every[worst], 3),
                "least_shape": worst[1],
                "reached": sum(ratio >= target.ratio for ratio in every.values()),
                "cases": len(every),
                "mean_to_exact": round(classes.mean(exact.values()), 3) if exact else None,
                "least_to_exact": round(min(exact.values()), 3) if exact else None,
            }
        )
    return lines


def case_rows(cases):
    """The cases as flat rows."""
    all_names = names(cases)
    for case in cases:
        best, ratio = case.best()
        exact, exact_ratio = case.best(exact=True)
        row = {
            "suite": case.suite,
            "whose": case.label,
            "shape": case.shape,
            "class": case.group,
            "types": case.types,
            "eightbit": round(case.rate, 3),
            "fraction_of_peak": None if case.of_peak is None else round(case.of_peak, 4),
            "best_peer": best,
            "ratio_to_best": number(ratio, 4),
            "best_exact_peer": exact,
            "ratio_to_best_exact": number(exact_ratio, 4),
        }
        for name in all_names:
            rival = case.rivals.get(name)
            row[name] = None if rival is None else round(rival.rate, 3)
            row[f"ratio_to_{name}"] = None if rival is None else round(rival.ratio, 4)
            row[f"{name}_sums"] = None if rival is None else "wrong" if rival.is_wrong else "right"
        row["note"] = case.note
        yield row


def write_csv(path, rows):
    rows = list(rows)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys() if rows else ["nothing"])
        writer.writeheader()
        writer.writerows(rows)


def markdown(about, cases, summary):
    versions = ", ".join(f"{peers.TITLES[name]} {version}" for name, version in about["peers"].items())
    yield "# Comparison with other libraries\n"
    yield f"{about['date']}, {about['cpu']}, backend `{about['backend']}`, one thread, {results.STATISTICS[about['statistic']]} of {about['rounds']} rounds: `{about['command']}`.\n"
    yield f"Peers: {versions}.\n"
    yield "Gop/s (2 operations per product), and in brackets our rate over theirs: above 1, we are faster. † wrong sums on full-range data."
    wrong = sum(results.is_wrong(case.note) for case in cases)
    checked = sum("right" in case.note for case in cases)
    yield f"Our own results were compared with the reference: {checked} cases are right, {wrong} wrong.\n"
    if summary:
        yield "## By class\n"
        when = "of all rounds" if about["statistic"] == "best" else "in the same round"
        yield f"The ratio is ours over the best peer's {when}; targets are for AVX-512 VNNI.\n"
        yield "| class | target | mean ratio | least | on | reached | mean, to peers with right sums | least |"
        yield "|---|---:|---:|---:|---|---:|---:|---:|"
        for line in summary:
            yield (
                f"| {line['class']} | {line['target']:.2f} | {line['mean']:.2f} | {line['least']:.2f} | {line['least_shape']} | "
                f"{line['reached']} of {line['cases']} | {number(line['mean_to_exact'])} | {number(line['least_to_exact'])} |"
            )
        yield ""
    for suite in dict.fromkeys(case.suite for case in cases):
        yield f"## {TITLES.get(suite, suite)}\n"
        yield from suite_table([case for case in cases if case.suite == suite])
        yield ""


def suite_table(cases):
    # The cases that others are compared with appear in their lines.
    cases = [case for case in cases if case.rivals] or cases
    all_names = names(cases)
    titles = [{**peers.TITLES, results.OURS: "eightbit on one thread"}.get(name, name) for name in all_names]
    labels = list(dict.fromkeys(case.label for case in cases))
    if len(labels) > 1:
        for label in labels:
            yield f"{label}:\n"
            yield from suite_table([case for case in cases if case.label == label])
            yield ""
        return
    yield f"| shape | class | types | {labels[0]} | of peak | {''.join(f'{title} | ' for title in titles)}to best |"
    yield f"|---|---|---|---:|---:|{'---:|' * (len(titles) + 1)}"
    # A network's rate is in runs per second and shown in milliseconds.
    shown = (lambda rate: f"{1e3 / rate:.2f}") if cases[0].suite == "models" else (lambda rate: f"{rate:.1f}")
    for case in cases:
        cells = []
        for name in all_names:
            rival = case.rivals.get(name)
            mark = "†" if rival and rival.is_wrong else ""
            cells.append("" if rival is None else f"{shown(rival.rate)}{mark} ({rival.ratio:.2f})")
        of_peak = "" if case.of_peak is None else f"{100 * case.of_peak:.0f} %"
        wrong = " **wrong**" if results.is_wrong(case.note) else ""
        best = number(case.best()[1])
        yield (
            f"| {case.shape} | {case.group} | {case.types} | {shown(case.rate)}{wrong} | {of_peak} | "
            f"{''.join(f'{cell} | ' for cell in cells)}{best and f'**{best}**'} |"
        )
