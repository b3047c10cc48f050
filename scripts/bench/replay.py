"""How many lines a second `breakwater replay` judges: of Postfix's log of a spam day, and of Courier's.

The spam day (spamday.py) is 704,894 lines of Postfix, most of them a list's rejections of some 77,000 sources; Courier's
log (corpus.py) three rejections in ten lines, of 50,000. Each is replayed as configured; the spam day also against a
second and a third policy in the same pass, and cut into files as rotation leaves them. In turn, beside `parse --count`,
which reads the same lines and judges nothing.

What was replayed twice must be the same, byte for byte, and the parts in whatever order they are named.
"""

import os
import statistics
import subprocess
import time

import corpus
import figures
import load
import spamday
from bencherror import BenchError

GOAL = 500_000  # lines a second
TURNS = 3
PARTS = 7


def add_options(parser):
    corpus.add_options(parser)


def measure(found, chosen):
    with chosen.directory() as directory:
        settings = os.path.join(directory, "breakwater.toml")
        open(settings, "w").close()
        breakwater = [os.path.join(chosen.bin, "breakwater"), "--config", settings]
        found.tell("replay: writing the logs")
        day = os.path.join(directory, "mail.log")
        spamday.write(day)
        size = os.path.getsize(day)
        courier = corpus.Corpus(os.path.join(directory, "courier.log"), chosen.log_lines)
        parts = _cut(day, directory)
        two = ["--set", "ban.first=1h"]
        three = [*two, "--set", "ban.first=1d"]
        replay = [*breakwater, "replay"]
        programs = {
            "spam day, read only (parse --count)": ([*breakwater, "parse", "--count", day], spamday.LINES, size),
            "spam day": ([*replay, day], spamday.LINES, size),
            f"spam day in {PARTS} files": ([*replay, *parts], spamday.LINES, size),
            "spam day, two policies": ([*replay, *two, day], spamday.LINES, size),
            "spam day, three policies": ([*replay, *three, day], spamday.LINES, size),
            "Courier, read only (parse --count)": ([*breakwater, "parse", "--count", courier.path], courier.count, courier.size),
            "Courier": ([*replay, courier.path], courier.count, courier.size),
        }
        _check(replay, day, parts, three)
        runs, busy = load.measured(
            chosen, found.tell, f"replay: {len(programs)} runs in turn, {chosen.runs * TURNS} times",
            lambda: _in_turn(programs, chosen.runs * TURNS))
    rows = [("log", "lines", "MB", "wall, ms", "CPU, ms", "lines a second", "of CPU time")]
    for name, times in runs.items():
        _, count, size = programs[name]
        for wall, cpu in times:
            found.add(f"replay.{name}.wall", wall * 1000, "ms", None if "parse" in name else count / GOAL * 1000, busy)
            found.add(f"replay.{name}.cpu", cpu * 1000, "ms", load=busy)
        wall, cpu = (statistics.median(values) for values in zip(*times))
        mark = "! " if count / wall < GOAL and "parse" not in name else ""
        rows.append((name, f"{count:,}", figures.number(size / 1e6), f"{wall * 1000:.0f}", f"{cpu * 1000:.0f}",
                     f"{mark}{count / wall:,.0f}", f"{count / cpu:,.0f}"))
    if chosen.verb == "replay":
        found.text = _text(found, rows)


def _text(found, rows):
    here = figures.machine()
    return "\n".join((
        "# Lines a second in replay", "", "Printed by `scripts/bench/bench replay --out docs/bench/replay`.", "",
        f"Goal: {GOAL:,} lines a second (\"!\": below it).", "", figures.markdown(rows), "",
        "The same logs gave the same output, byte for byte, twice and with the files named in another order.", "",
        f"{here['cpu']}, {here['cpus']} cores, Linux {here['kernel']}, {here['date']}, {here['commit']}. " + found.load_text()))


def _cut(path, directory):
    """The day's lines in parts, as rotation leaves them; each was changed last when the whole was."""
    with open(path, "rb") as file:
        lines = file.readlines()
    parts = []
    for number in range(PARTS):
        part = os.path.join(directory, f"mail.log.{PARTS - number}")
        with open(part, "wb") as file:
            file.writelines(lines[len(lines) * number // PARTS:len(lines) * (number + 1) // PARTS])
        os.utime(part, (spamday.MTIME, spamday.MTIME))
        parts.append(part)
    return parts


def _check(replay, day, parts, three):
    for options in (["--json"], three):
        first = subprocess.check_output([*replay, *options, day])
        for names in ([day], parts, parts[::-1], parts[3:] + parts[:3]):
            if subprocess.check_output([*replay, *options, *names]) != first:
                raise BenchError(f"replay of {' '.join(names)} differs from that of {day}")


def _in_turn(programs, count):
    runs = {name: [] for name in programs}
    for _ in range(count):
        for name, (arguments, _, _) in programs.items():
            runs[name].append(_run(arguments))
    return runs


def _run(arguments):
    """Wall and CPU time of one program, in seconds."""
    begin = time.monotonic()
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise BenchError(f"{' '.join(arguments)} ended with {child.returncode}")
    return wall, usage.ru_utime + usage.ru_stime
