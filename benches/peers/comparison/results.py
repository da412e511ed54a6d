"""From the file of all answers to cases: our rate, each peer's, and the ratios between them."""

import dataclasses
import statistics

OURS = "eightbit"
# Which types of the peers do the work that ours do; only u8 activations are fast everywhere, so a library that has but s8 takes
# part with those.
EQUIVALENT = {"u8s8u8": {"u8s8u8", "s8s8s8", "f32"}}


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
            if not name.endswith("-f32") and not (exact and rival.is_wrong)
        }
        name = min(rivals, key=lambda name: rivals[name].ratio, default=None)
        return (name, rivals[name].ratio) if name else (None, None)


def is_wrong(note):
    return note.endswith("are wrong")


def cases(rows):
    """`rows` are those of raw.csv; cases come in their order."""
    # rate[suite, shape][peer, types][round]
    rates, notes, groups = {}, {}, {}
    for row in rows:
        place = row["suite"], row["shape"]
        call = row["peer"], row["types"]
        # Whatever disturbs a loop on registers makes it slower: a peak is the greatest rate.
        figure = row["max" if row["peer"] == "peak" else "median"]
        rates.setdefault(place, {}).setdefault(call, {})[int(row["round"])] = float(figure)
        notes[place, call] = row["note"]
        groups[place] = row["group"]
    for place, calls in rates.items():
        peak = next((turns for (peer, _), turns in calls.items() if peer == "peak"), None)
        for (peer, types), turns in calls.items():
            if peer != OURS or types == "":
                continue
            rivals = {}
            for call, theirs in calls.items():
                if call[0] in (OURS, "peak") or call[1] not in EQUIVALENT.get(types, {types}):
                    continue
                if rival := rival_of(turns, theirs, notes[place, call]):
                    rivals[call[0]] = rival
            rate = statistics.median(turns.values())
            of_peak = rate / statistics.median(peak.values()) if peak else None
            yield Case(*place, groups[place], types, rate, of_peak, notes[place, (peer, types)], rivals)


def rival_of(ours, theirs, note):
    ratios = [ours[turn] / theirs[turn] for turn in ours.keys() & theirs.keys() if theirs[turn] > 0]
    if not ratios:
        return None
    return Rival(statistics.median(theirs.values()), statistics.median(ratios), is_wrong(note), note)
