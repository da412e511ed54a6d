"""From the file of all answers to cases: our rate, each peer's, and the ratios between them."""

import dataclasses
import statistics

OURS, PEAK = "eightbit", "peak"
# Which types of the peers do the work that ours do: a library that has but s8 activations takes part with those.
EQUIVALENT = {"u8s8u8": {"u8s8u8", "s8s8s8", "f32"}, "int8": {"int8", "f32"}}
# The peak of the instructions that a backend without dot products takes if it is to be exact for all weights.
WORDS = "vpmaddwd + vpaddd on 256 bits; on registers only"
WRONG_ELSEWHERE = "sums of this run's products are wrong"
WORDS_LIMIT = "vpmaddwd limit"


@dataclasses.dataclass
class Rival:
    """A peer, or another kind of call of ours, beside the call that it is compared with."""

    rate: float
    # Ours over theirs: the median of the ratios of the rounds.
    ratio: float
    is_wrong: bool
    note: str


@dataclasses.dataclass
class Case:
    # Whose rate it is: ours, on one thread or two.
    label: str
    suite: str
    shape: str
    group: str
    types: str
    rate: float
    # The part of the peak measured in the same rounds; None without one.
    of_peak: float | None
    note: str
    rivals: dict[str, Rival]

    def best(self, exact=False):
        """Name and ratio of the fastest peer, or of the fastest that computes what it should. Floats are another thing."""
        rivals = {
            name: rival
            for name, rival in self.rivals.items()
            if not name.endswith("-f32") and name != WORDS_LIMIT and not (exact and rival.is_wrong)
        }
        name = min(rivals, key=lambda name: rivals[name].ratio, default=None)
        return (name, rivals[name].ratio) if name else (None, None)


def is_wrong(note):
    return note.endswith("are wrong")


def cases(rows):
    """`rows` are those of raw.csv; cases come in their order."""
    # rate[suite, shape][peer, types][round]
    rates, notes, groups = {}, {}, {}
    # A network's outputs are its own; whose products are wrong in this run computes it with the same kernels.
    wrong = {row["peer"] for row in rows if is_wrong(row["note"])}
    for row in rows:
        place = row["suite"], row["shape"]
        call = row["peer"], row["types"]
        turns = rates.setdefault(place, {}).setdefault(call, {})
        if row["suite"] == "threads":
            # Another process on one core holds up both threads: the best sample of all rounds.
            turns[1] = max(turns.get(1, 0.0), float(row["max"]))
        else:
            # Whatever disturbs a loop on registers makes it slower: a peak is the greatest rate.
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
    """Names and calls of those that a call of ours is compared with."""
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
        for theirs in calls:
            if theirs[0] not in (OURS, PEAK) and theirs[1] in EQUIVALENT.get(types, {types}):
                yield theirs[0], theirs
        if suite.startswith("avx2") and WORDS in peaks:
            yield WORDS_LIMIT, (PEAK, WORDS)


def rival_of(ours, theirs, note):
    ratios = [ours[turn] / theirs[turn] for turn in ours.keys() & theirs.keys() if theirs[turn] > 0]
    if not ratios:
        return None
    return Rival(statistics.median(theirs.values()), statistics.median(ratios), is_wrong(note), note)
