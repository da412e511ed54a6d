"""From the file of all answers to cases: our rate, each peer's, and the ratios between them."""

import dataclasses
import statistics

OURS, PEAK = "eightbit", "peak"
# The peers' types that correspond to ours: a library with only s8 activations takes part with those.
EQUIVALENT = {"u8s8u8": {"u8s8u8", "s8s8s8", "f32"}, "int8": {"int8", "f32"}, "f32s8f32_groups": {"f32s8f32"}, "b1b1s32": {"b1b1f32"}}
# The peak of the instructions that a backend without dot products needs to be exact for all weights.
VPMADDWD_PEAK = "vpmaddwd + vpaddd on 256 bits; on registers only"
# What products of signs are compared with.
EIGHT_BITS = "eightbit u8s8u8"
WRONG_ELSEWHERE = "sums of this run's products are wrong"
VPMADDWD_LIMIT = "vpmaddwd limit"
# What rates and ratios are, and how the report says it.
STATISTICS = {"median": "medians", "best": "best samples"}


@dataclasses.dataclass
class Rival:
    """A peer, or another kind of our calls, compared with a call."""

    rate: float
    # Ours over theirs: the median of the ratios of the rounds, or that of the best samples.
    ratio: float
    is_wrong: bool
    note: str


@dataclasses.dataclass
class Case:
    # Whose rate it is: ours, with one thread or two.
    label: str
    suite: str
    shape: str
    group: str
    types: str
    rate: float
    # The rate as a fraction of the peak measured in the same rounds; None without a peak.
    of_peak: float | None
    note: str
    rivals: dict[str, Rival]

    def best(self, exact=False):
        """Name and ratio of the fastest peer, or of the fastest with right results. Excludes float kernels."""
        rivals = {
            name: rival
            for name, rival in self.rivals.items()
            if not name.endswith("-f32") and name != VPMADDWD_LIMIT and not (exact and rival.is_wrong)
        }
        name = min(rivals, key=lambda name: rivals[name].ratio, default=None)
        return (name, rivals[name].ratio) if name else (None, None)


def is_wrong(note):
    return note.endswith("are wrong")


def cases(rows, statistic="median"):
    """`rows` are those of raw.csv; cases come in their order. `statistic` is one of STATISTICS."""
    # rate[suite, shape][peer, types][round]
    rates, notes, groups = {}, {}, {}
    # A network's outputs are not compared; a peer with wrong products in this run uses the same kernels for networks.
    wrong = {row["peer"] for row in rows if is_wrong(row["note"])}
    for row in rows:
        place = row["suite"], row["shape"]
        call = row["peer"], row["types"]
        turns = rates.setdefault(place, {}).setdefault(call, {})
        if statistic == "best" or row["suite"] == "threads":
            # Another process on one core holds up both threads, and who shares the core holds up all: use the best sample of all rounds.
            turns[1] = max(turns.get(1, 0.0), float(row["max"]))
        else:
            # Disturbances only slow down a loop on registers: a peak is the greatest rate.
            turns[int(row["round"])] = float(row["max" if row["peer"] == PEAK else "median"])
        notes[place, call] = WRONG_ELSEWHERE if row["suite"] == "models" and row["peer"] in wrong else row["note"]
        groups[place] = row["group"]
    for place, calls in rates.items():
        peaks = {types: turns for (peer, types), turns in calls.items() if peer == PEAK}
        peak = max((statistics.median(turns.values()) for turns in peaks.values()), default=None)
        for call, turns in calls.items():
            rivals = {
                name: rival
                for name, theirs in rivals_of(place[0], call, calls, peaks)
                if (rival := rival_of(turns, calls[theirs], notes[place, theirs]))
            }
            if call[0] == OURS or rivals:
                rate = statistics.median(turns.values())
                yield Case(call[0], *place, groups[place], call[1], rate, peak and rate / peak, notes[place, call], rivals)


def rivals_of(suite, call, calls, peaks):
    """Names and calls that one of our calls is compared with."""
    peer, types = call
    if suite.startswith("types"):
        # Our other types: with our own u8 activations and s8 weights.
        base = OURS, "u8s8s32" if types.endswith("s32") else "u8s8u8"
        if peer == OURS and base != call and base in calls:
            yield f"eightbit {base[1]}", base
    elif suite == "threads":
        if peer not in (OURS, PEAK):
            yield OURS, (OURS, types)
    elif peer == OURS:
        if suite == "signs" and types != "u8s8u8" and (OURS, "u8s8u8") in calls:
            yield EIGHT_BITS, (OURS, "u8s8u8")
        for theirs in calls:
            if theirs[0] not in (OURS, PEAK) and theirs[1] in EQUIVALENT.get(types, {types}):
                yield theirs[0], theirs
        if suite.startswith("avx2") and VPMADDWD_PEAK in peaks:
            yield VPMADDWD_LIMIT, (PEAK, VPMADDWD_PEAK)


def rival_of(ours, theirs, note):
    ratios = [ours[turn] / theirs[turn] for turn in ours.keys() & theirs.keys() if theirs[turn] > 0]
    if not ratios:
        return None
    return Rival(statistics.median(theirs.values()), statistics.median(ratios), is_wrong(note), note)
