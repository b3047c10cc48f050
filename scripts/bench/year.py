"""A year of spam days in the history: how large it is, and how long a report on it takes.

365 days up to yesterday, each with the traffic of the spam day (spamday.py) and sources of its own: seven in ten are new
every day, from the same 4,000 blocks. Each day is a log that `breakwater import --log` counts, oldest first, as an
administrator would bring in his archive; the next is written meanwhile. What the history then says of the year must be
what the logs held.
"""

import datetime
import json
import os
import random
import re
import subprocess
import time

import figures
import load
import spamday
from bencherror import BenchError

DAYS = 365
SINCE = "366d"  # so that the first of them counts whole, whatever the time of day
GOAL_SIZE = 200  # MB
GOAL_WALL = 2000  # ms
STAYING = 0.3  # of a day's sources come the next day, too
TURNS = 2
ADDRESS = re.compile(rb"(\d{1,3}(?:\.\d{1,3}){3})")


def add_options(parser):
    parser.add_argument("--history", metavar="DIR", help="keep the history in DIR, and measure what is there already")


def measure(found, chosen):
    with chosen.directory() as directory:
        state = os.path.abspath(chosen.history) if chosen.history else os.path.join(directory, "state")
        settings = os.path.join(directory, "breakwater.toml")
        with open(settings, "w") as file:
            file.write(f"state_directory = {json.dumps(state)}\n")
        breakwater = [os.path.join(chosen.bin, "breakwater"), "--config", settings]
        if not os.path.exists(os.path.join(state, "history.db")):
            os.makedirs(state, mode=0o700, exist_ok=True)
            _fill(found, breakwater, directory)
        size = sum(os.path.getsize(os.path.join(state, name)) for name in os.listdir(state) if name.startswith("history.db"))
        found.add("year.size", size / 1e6, "MB", GOAL_SIZE)
        reports = {
            "breakwater report --since 366d": ["report", "--since", SINCE],
            "breakwater report --since 366d --json": ["report", "--since", SINCE, "--json"],
            "breakwater report (7 days)": ["report"],
        }
        _check(breakwater)
        runs, busy = load.measured(
            chosen, found.tell, f"year: {len(reports)} reports in turn, {chosen.runs * TURNS} times",
            lambda: [(name, _run([*breakwater, *arguments])) for _ in range(chosen.runs * TURNS)
                     for name, arguments in reports.items()])
    for name, (wall, cpu, memory) in runs:
        found.add(f"year.{name}.wall", wall * 1000, "ms", GOAL_WALL if "--since" in name else None, busy)
        found.add(f"year.{name}.cpu", cpu * 1000, "ms", load=busy)
        found.add(f"year.{name}.resident", memory / 1e6, "MB", load=busy)
    found.text = _text(found, reports, size)


def _text(found, reports, size):
    rows = [(f"{DAYS} spam days in the history: {size / 1e6:.0f} MB", "wall, ms", "CPU, ms", "resident, MB")]
    for name in reports:
        rows.append((name, *(f"{found.median(f'year.{name}.{figure}'):.0f}" for figure in ("wall", "cpu", "resident"))))
    here = figures.machine()
    taken = found.median("year.import")
    import_text = f" They were imported in {taken:.0f} s, {found.median('year.import.cpu'):.0f} s of CPU." if taken else ""
    return "\n".join((
        "# A year of spam days", "", "Printed by `scripts/bench/bench year --out docs/bench/year`.", "",
        f"Goals: below {GOAL_SIZE} MB, and a report on the year in {GOAL_WALL:,} ms.", "", figures.markdown(rows), "",
        f"Every day has {spamday.LINES:,} lines, 229,430 rejections of some 78,000 sources; seven in ten sources come on no "
        f"day before.{import_text} The report's counts of the year were those of the logs.", "",
        f"{here['cpu']}, {here['cpus']} cores, {here['date']}, {here['commit']}. {found.load_text()}"))


def _fill(found, breakwater, directory):
    found.tell("year: writing the first day")
    first = os.path.join(directory, "day.log")
    spamday.write(first)
    pattern = _Pattern(first)
    os.unlink(first)
    found.tell(f"year: importing {DAYS} days, each while the next is written")
    begin, cpu, running = time.monotonic(), 0.0, None
    last = datetime.date.today() - datetime.timedelta(days=1)
    for number in range(DAYS):
        path = os.path.join(directory, f"mail.{number}")
        pattern.write(path, last - datetime.timedelta(days=DAYS - 1 - number))
        cpu += _end(running)
        running = (subprocess.Popen([*breakwater, "import", "--log", path], stdout=subprocess.DEVNULL), path)
        if number % 50 == 49:
            found.tell(f"year: {number + 1} days, {time.monotonic() - begin:.0f} s")
    cpu += _end(running)
    found.add("year.import", time.monotonic() - begin, "s")
    found.add("year.import.cpu", cpu, "s")


def _end(running):
    """CPU time of an import, in seconds."""
    if not running:
        return 0.0
    child, path = running
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise BenchError(f"import --log ended with {child.returncode}")
    os.unlink(path)
    return usage.ru_utime + usage.ru_stime


class _Pattern:
    """The spam day's log, cut at its addresses."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.parts = ADDRESS.split(b"\n" + file.read())
        known = {}
        self.places = [known.setdefault(text, len(known)) for text in self.parts[1::2]]
        # Senders of mail that was taken stay who they are.
        self.isStranger = [not text.startswith(b"192.0.2.") for text in known]
        self.sources = list(known)
        self.rng = random.Random(365)
        # Blocks as botnets have them: few have many.
        self.blocks = list({(self.rng.randrange(1, 224), self.rng.randrange(256)) for _ in range(4200)})
        self.blocks = sorted(block for block in self.blocks if block[0] not in (10, 127, 172, 192))[:4000]
        self.rng.shuffle(self.blocks)
        self.weights = [1 / (1 + index) ** 0.6 for index in range(len(self.blocks))]

    def write(self, path, day):
        self._change_sources()
        self.parts[1::2] = map(self.sources.__getitem__, self.places)
        text = b"".join(self.parts).replace(b"\nFeb 25 ", f"\n{day:%b} {day.day:2d} ".encode())
        with open(path, "wb") as file:
            file.write(memoryview(text)[1:])
        # The stamps have no year: it is that of the last change, an hour after the day's end.
        end = time.mktime((day + datetime.timedelta(days=1)).timetuple()) + 3600
        os.utime(path, (end, end))

    def _change_sources(self):
        taken = set(self.sources)
        for index, (first, second) in enumerate(self.rng.choices(self.blocks, self.weights, k=len(self.sources))):
            if not self.isStranger[index] or self.rng.random() < STAYING:
                continue
            host = self.rng.getrandbits(16)
            address = b"%d.%d.%d.%d" % (first, second, host >> 8, host & 255)
            if address not in taken:
                taken.add(address)
                self.sources[index] = address


def _check(breakwater):
    text = subprocess.check_output([*breakwater, "report", "--json", "--only", "classes", "--since", SINCE])
    rows = {row["label"]: row["count"] for row in json.loads(text)["classes"]["rows"]}
    for label, count in (("Accepted", 2372), ("Rejected", 229_430), ("5xx Reject RBL", 221_282)):
        if rows.get(label) != count * DAYS:
            raise BenchError(f"{label}: {count * DAYS} were in the logs, but the history has {rows.get(label)}")


def _run(arguments):
    """Wall and CPU time of one program in seconds, and its memory in bytes."""
    begin = time.monotonic()
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise BenchError(f"{' '.join(arguments)} ended with {child.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
