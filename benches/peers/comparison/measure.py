"""Interleaves programs, shape by shape, and records every answer at once."""

import contextlib
import csv
import dataclasses
import fcntl
import os
import subprocess
import sys
import threading
import time

from . import peers

COLUMNS = ["suite", "round", "participant", "peer", "op", "shape", "group", "types", "median", "max", "min", "samples", "note"]
# The time limit for a shape, in seconds: a library that takes longer hangs.
TIMEOUT = 180
# The number of failures after which a library is omitted.
FAILURES = 3


class Failure(Exception):
    pass


class Driver:
    """A running program that answers a line with lines, the last of them empty."""

    def __init__(self, participant, core, milliseconds, log):
        # The same core, plus one for each further thread.
        first = max(0, min(core, os.cpu_count() - participant.threads))
        cores = f"{first}-{first + participant.threads - 1}"
        self.process = subprocess.Popen(
            ["taskset", "-c", cores, *participant.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=peers.environment(participant, milliseconds),
            text=True,
        )

    def ask(self, line):
        watch = threading.Timer(TIMEOUT, self.process.kill)
        watch.start()
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answers = []
            while answer := self.process.stdout.readline():
                if answer == "\n":
                    return answers
                answers.append(answer.rstrip("\n").split(",", 9))
        except BrokenPipeError:
            pass
        finally:
            watch.cancel()
        raise Failure(f"ended with status {self.process.wait()}")

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


@dataclasses.dataclass
class Settings:
    rounds: int
    milliseconds: int
    core: int
    # The file to lock while a shape is measured.
    lock: str | None


class Record:
    """The file of all answers; those in it already are not measured again."""

    def __init__(self, path):
        self.path = path
        self.done = {}
        if path.exists():
            for row in read(path):
                key = row["suite"], row["shape"], row["participant"]
                self.done[key] = max(self.done.get(key, 0), int(row["round"]))
        self.file = open(path, "a", newline="")
        self.writer = csv.writer(self.file)
        if not path.stat().st_size:
            self.writer.writerow(COLUMNS)

    def add(self, rows):
        self.writer.writerows(rows)
        self.file.flush()


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@contextlib.contextmanager
def locked(path):
    if path is None:
        yield
        return
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class SuiteRun:
    """A run of one suite: its programs run from its first shape to its last, and idle between their turns."""

    def __init__(self, suite, record, settings, folder):
        self.suite, self.record, self.settings = suite, record, settings
        self.folder = folder
        self.drivers, self.failures = {}, {}

    def driver(self, participant):
        # Each distinct command under a label is a program: types may depend on the shape.
        key = tuple(participant.command)
        if key not in self.drivers:
            log = open(self.folder / f"{participant.label.replace(' ', '_')}.log", "a")
            self.drivers[key] = Driver(participant, self.settings.core, self.settings.milliseconds, log)
        return self.drivers[key]

    def turn(self, participant, shape, number):
        if self.failures.get(participant.label, 0) >= FAILURES:
            return
        try:
            answers = self.driver(participant).ask(shape.line + participant.suffix)
        except Failure as failure:
            self.drivers.pop(tuple(participant.command)).stop()
            self.failures[participant.label] = self.failures.get(participant.label, 0) + 1
            left_out = " and is left out from now on" if self.failures[participant.label] == FAILURES else ""
            tell(f"ATTENTION: {participant.label} failed on {shape.name} ({failure}){left_out}; see {self.folder}")
            return
        rows = []
        for peer, op, _, types, _, *figures in answers:
            peer = participant.label if participant.renamed else peer
            rows.append([self.suite.name, number, participant.label, peer, op, shape.name, shape.group, types, *figures])
        self.record.add(rows)

    def run(self):
        started = time.monotonic()
        shapes = self.suite.shapes
        try:
            for index, shape in enumerate(shapes, 1):
                participants = self.suite.participants(shape)
                done = {one.label: self.record.done.get((self.suite.name, shape.name, one.label), 0) for one in participants}
                with locked(self.settings.lock):
                    for number in range(1, self.settings.rounds + 1):
                        for participant in participants:
                            if done[participant.label] < number:
                                self.turn(participant, shape, number)
                tell(f"{self.suite.name}: {index} of {len(shapes)}, {time.monotonic() - started:.0f} s: {shape.name}")
        finally:
            for driver in self.drivers.values():
                driver.stop()


def tell(text):
    print(text, file=sys.stderr, flush=True)
