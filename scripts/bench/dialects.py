"""What each mail server's lines cost beside Courier's, and all of them mixed in one log.

The lines are those that real servers wrote (Tests/DialectsTests/Fixtures/corpus), session by session: of 100 sessions 65
are of listed clients, 18 are refused for something else, 16 deliver, and one is hostile; every fifth line is another
program's. That is the mix of Courier's log here (corpus.py). Each session gets a client, processes and ids of its own.

Courier's log read by its dialect alone is the measure; each other server's by its own dialect alone; then Courier's,
and a log with as many lines of every server, by all dialects: with all lines of one host, and with a host for each
server. All in turn, in CPU time less that of one line; and with them the worst input of each dialect (worst.py).
"""

import itertools
import json
import os
import pathlib
import random
import re
import statistics
import subprocess

import corpus
import figures
import lines
import load
import worst
from bencherror import BenchError

GOAL = 1.3  # times Courier alone, for the mixed log
TURNS = 5
BLOCK = 30_000  # lines made of each server, repeated as often as it takes
FIXTURES = pathlib.Path(__file__).resolve().parent.parent.parent / "Tests/DialectsTests/Fixtures/corpus"
LOGS = {
    "postfix": ("smtpd", "postscreen"), "exim": ("syslog",), "sendmail": ("sendmail", "at-connect"),
    "opensmtpd": ("opensmtpd",), "qpsmtpd": ("syslog",), "qmail": ("qmail",),
}
WEIGHTS = {"listed": 65, "refused": 18, "accepted": 16, "hostile": 1}
FOREIGN_SHARE = 0.2
VICTIM = b"192.0.2."  # hostile clients of the corpus name such addresses
_PID = re.compile(rb"(?<=\[)\d+(?=\]:)|(?<=pid )\d+(?=:| from)|(?<=ok )\d+|(?<=end )\d+|(?<= after )\d+$")
_ID = re.compile(
    rb"\b(?:[0-9a-f]{16}|[0-9A-F]{10,12}(?=: )|[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|6A[0-9A-Za-z]{6}\d{6})\b")
_DIGIT = re.compile(rb"\d")
_STAMP = b"2026-11-21T07:55:19.166820+00:00 mx "


def add_options(parser):
    corpus.add_options(parser)


def measure(found, chosen):
    breakwater = os.path.join(chosen.bin, "breakwater")
    with chosen.directory() as directory:
        settings = os.path.join(directory, "breakwater.toml")
        open(settings, "w").close()
        # That of the host must not decide what is measured.
        parse = [breakwater, "--config", settings, "parse", "--count"]
        found.tell(f"dialects: writing {len(LOGS) + 3} logs of {chosen.log_lines} lines")
        blocks = _blocks(directory)
        _check(parse, directory, blocks)
        logs = {f"{name}_alone": (_repeated(directory, name, block, chosen.log_lines), ["--mta", name])
                for name, block in blocks.items()}
        logs["courier_by_all"] = (logs["courier_alone"][0], [])
        logs["mixed_one_host"] = (_repeated(directory, "mixed", _mixed(blocks), chosen.log_lines), [])
        logs["mixed_many_hosts"] = (_repeated(directory, "hosts", _mixed(_with_hosts(blocks)), chosen.log_lines), [])
        logs = {"one_line": (_repeated(directory, "one", blocks["courier"][:1], 1), []), **logs}
        times, busy = load.measured(
            chosen, found.tell, f"dialects: {len(logs)} logs in turn, {chosen.runs * TURNS} times",
            lambda: _in_turn(parse, logs, chosen.runs * TURNS))
    courier = None
    rows = [("log, read by", "lines", "MB", "ns per line", "ns per byte", "times Courier alone, per line", "per byte")]
    start = statistics.median(times.pop("one_line"))
    for name, values in times.items():
        _, count, size = logs[name][0]
        seconds = statistics.median(values) - start
        per_line, per_byte = seconds / count * 1e9, seconds / size * 1e9
        courier = courier or (per_line, per_byte)
        by_line, by_byte = per_line / courier[0], per_byte / courier[1]
        goal = GOAL if name.startswith("mixed") or name == "courier_by_all" else None
        for value in values:
            found.add(f"dialects.{name}.per_line", (value - start) / count * 1e9, "ns", load=busy)
            found.add(f"dialects.{name}.per_byte", (value - start) / size * 1e9, "ns", load=busy)
        found.add(f"dialects.{name}.times_courier_by_line", by_line, "", goal, busy)
        found.add(f"dialects.{name}.times_courier_by_byte", by_byte, "", goal, busy)
        rows.append((
            name.replace("_", " ") + (", by all" if name.startswith("mixed") else ""), str(count), figures.number(size / 1e6),
            figures.number(per_line), f"{per_byte:.2f}", _ratio(by_line, goal), _ratio(by_byte, goal)))
    if chosen.verb == "dialects":
        worst.measure(found, chosen)
        found.text = _text(found, chosen, rows)


def _ratio(value, goal):
    return ("! " if goal and value > goal else "") + f"{value:.2f}"


def _text(found, chosen, rows):
    machine = figures.machine()
    least = [("a megabyte of the worst input", "lines of 64 kB, ms", "lines of 400 bytes, ms", "goal")]
    for reader in dict.fromkeys(reader for reader, _, _ in worst.INPUTS):
        least.append((reader, *(figures.number(found.median(f"worst.{reader}.{shape}_lines")) for shape in ("long", "short")),
                      f"{worst.GOAL_MILLISECONDS}"))
    return "\n".join((
        "# Every dialect beside Courier's", "", "Printed by `scripts/bench/bench dialects --out docs/bench/dialects`.", "",
        f"CPU time of `breakwater parse --count` less that of one line, medians of {chosen.runs * TURNS} runs in turn; "
        f"goal: mixed at most {GOAL} times Courier alone (\"!\": above it).", "", figures.markdown(rows), "", figures.markdown(least), "",
        f"{machine['cpu']}, {machine['cpus']} cores, Linux {machine['kernel']}, {machine['date']}, {machine['commit']}. "
        + found.load_text()))


def _in_turn(parse, logs, count):
    times = {name: [] for name in logs}
    for _ in range(count):
        for name, ((path, _, _), arguments) in logs.items():
            times[name].append(worst.cpu([*parse, *arguments, path]))
    return times


def _blocks(directory):
    """Lines of each server, Courier first."""
    log = corpus.Corpus(os.path.join(directory, "courier.block"), BLOCK)
    blocks = {"courier": pathlib.Path(log.path).read_bytes().splitlines(keepends=True)}
    for name, logs in LOGS.items():
        rng = random.Random(name)
        sessions = _sessions(name, logs)
        sources = lines.sources(corpus.SOURCES)
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        block = []
        while len(block) < BLOCK:
            for line in _renamed(rng, *rng.choice(sessions[rng.choices(kinds, weights)[0]]), sources):
                if rng.random() < FOREIGN_SHARE:
                    block.append(_STAMP + corpus.foreign(rng, sources).encode() + b"\n")
                block.append(line + b"\n")
        blocks[name] = block[:BLOCK]
    return blocks


def _sessions(name, logs):
    """{kind: [(client, lines)]} of the clients with IPv4 addresses, as all of Courier's are."""
    sessions = {kind: [] for kind in WEIGHTS}
    for log in logs:
        path = FIXTURES / name / log
        texts = path.with_suffix(".log").read_bytes().splitlines()
        rows = [row.split("\t")[1:3] for row in path.with_suffix(".truth.tsv").read_text().splitlines()[1:]]
        # What names no client is told with the one before.
        clients = list(itertools.accumulate((client for client, _ in rows), lambda last, new: last if new == "-" else new))
        for client, group in itertools.groupby(zip(clients, rows, texts), lambda entry: entry[0]):
            group = list(group)
            classes = {row[1] for _, row, _ in group} - {"-"}
            told = [text if name != "qmail" else _STAMP + b"qmail: " + text.partition(b" ")[2] for _, _, text in group]
            if "." not in client or ":" in client or not classes:
                continue
            if any(VICTIM in text for text in told):
                kind = "hostile"
            else:
                kind = "listed" if "rbl" in classes else "accepted" if "accepted" in classes else "refused"
            sessions[kind].append((client.encode(), told))
    # rblsmtpd and tcpserver refuse for a list and for nothing else, and log nothing of what is delivered.
    some = sessions["listed"]
    for kind in sessions:
        sessions[kind] = sessions[kind] or sessions["refused"] or some
    if not some:
        raise BenchError(f"no sessions of listed clients in {FIXTURES / name}")
    return sessions


def _renamed(rng, client, texts, sources):
    """The session's lines with another client, other pids and other ids, each the same in all of them."""
    known = {}
    source = rng.choice(sources).encode()
    place = re.compile(rb"(?<![0-9.])" + re.escape(client) + rb"(?![0-9.])")

    def pid(match):
        return known.setdefault(match[0], str(rng.randrange(300, 32768)).encode())

    def name(match):
        return known.setdefault(match[0], _DIGIT.sub(lambda _: b"%d" % rng.randrange(10), match[0]))

    for text in texts:
        head, message = text[:36], text[36:]
        yield head + place.sub(source, _ID.sub(name, _PID.sub(pid, message)))


def _mixed(blocks):
    """A line of each in turn."""
    return [line for turn in zip(*blocks.values()) for line in turn]


def _with_hosts(blocks):
    return {name: [line.replace(b" mx ", b" mx-%b " % name.encode(), 1) for line in block]
            for name, block in blocks.items()}


def _repeated(directory, name, block, count):
    """(path, lines, bytes) of a log of about so many lines."""
    path = os.path.join(directory, f"{name}.log")
    text = b"".join(block)
    times = max(1, round(count / len(block)))
    with open(path, "wb") as file:
        for _ in range(times):
            file.write(text)
    return path, times * len(block), times * len(text)


def _check(parse, directory, blocks):
    """Each dialect reads of its own lines what all of them read of the mixed ones; and lists' rejections there are."""
    counted = {}
    for name, block in {**blocks, "mixed": _mixed(blocks), "hosts": _mixed(_with_hosts(blocks))}.items():
        path = _repeated(directory, name, block, 1)[0]
        mta = ["--mta", name] if name in blocks else []
        answer = json.loads(subprocess.check_output([*parse, "--json", *mta, path]))
        counted[name] = {row["event"] + (f" {row['class']}" if row["class"] else ""): row["count"] for row in answer["counts"]}
        if counted[name].get("rejection rbl", 0) < len(block) // 50:
            raise BenchError(f"of {len(block)} lines of {name} few are a list's rejection: {counted[name]}")
    together = {}
    for name in blocks:
        for event, count in counted[name].items():
            together[event] = together.get(event, 0) + count
    for name in ("mixed", "hosts"):
        if counted[name] != together:
            raise BenchError(f"one by one the dialects read {together}, of the same lines mixed all read {counted[name]}")
