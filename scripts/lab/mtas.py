"""One table of all mail servers: what is read of their logs, how soon a slot is free, and what a wave comes to.

Three parts per server, each with its result in a file. Those of the running servers are not measured again when they
are there, so that an interrupted run goes on where it was:

    SERVER/corpus.json   `breakwater parse` on the logs of Tests/DialectsTests/Fixtures/corpus, against their truth
    SERVER/free.json     lab free
    SERVER/compare.json  lab compare
"""

import json
import os
import subprocess

import compare
import free
import mta
import plan
from errors import LabError

CORPUS = os.path.join(compare.REPOSITORY, "Tests", "DialectsTests", "Fixtures", "corpus")
# Where Debian's own setting ends a rejected connection by itself, there is nothing to free.
LIVE = {"qpsmtpd": {"stage": "rcpt"}}
# Courier's line comes before its tarpit, and the 5xx behind it.
FREE = {"courier": {"tarpit": 0}}
# Who is read by the dialect of another.
DIALECTS = {"postscreen": "postfix"}
PARTS = ("corpus", "free", "wave")
GUARDS = "none,ban-only,breakwater"
MISTAKES_KEPT = 50  # as examples, of each kind


def run(kinds, parts, count, wave, out, binaries, tell):
    rows = []
    for kind in kinds:
        directory = os.path.join(os.path.abspath(out), kind)
        os.makedirs(directory, exist_ok=True)
        options = mta.options(kind, LIVE.get(kind, {}))
        row = {"mta": kind, "corpus": None, "free": None, "wave": None}
        measures = {
            "corpus": ("corpus.json", lambda: read(kind, binaries)),
            "free": ("free.json", lambda: free.run(
                f"mtas-{kind}", {**options, **FREE.get(kind, {})}, compare.guards("breakwater", [], binaries)[0], count,
                os.path.join(directory, "free"), binaries, tell)),
            "wave": ("compare.json", lambda: compare.run(
                f"mtas-{kind}", compare.guards(GUARDS, [], binaries), 1, options, plan.options(wave, options),
                directory, binaries, tell)),
        }
        for part in parts:
            name, measure = measures[part]
            path = os.path.join(directory, name)
            if part == "corpus" or not os.path.exists(path):
                tell(f"{kind}: {part}")
                try:
                    found = measure()
                except LabError as error:
                    tell(f"{kind}: {part}: {error}")
                    continue
                with open(path, "w") as file:
                    json.dump(found, file, indent=2)
            with open(path) as file:
                row[part] = json.load(file)
        rows.append(row)
        with open(os.path.join(out, "mtas.json"), "w") as file:
            json.dump({"schema": "breakwater-lab.mtas/1", "servers": rows}, file, indent=2)
        with open(os.path.join(out, "mtas.md"), "w") as file:
            file.write(table(rows) + "\n")
    return rows


# The corpus

def read(kind, binaries):
    """How a server's logs are read, counted; None without a corpus. postscreen's is among Postfix's."""
    directory = os.path.join(CORPUS, kind)
    if not os.path.isdir(directory):
        return None
    client = compare.binary("breakwater", binaries)
    if client is None:
        raise LabError("no breakwater; remedy: swift build, or --bin DIR")
    total = {"lines": 0, "true": 0, "found": 0, "undecided": 0, "wrong_address": 0, "false": 0,
             "mistakes": [], "missed": []}
    for name in sorted(os.listdir(directory)):
        log = os.path.join(directory, name)
        truth = next((path for path in (log.removesuffix(".log") + ".truth.tsv", os.path.join(directory, "truth.tsv"))
                      if os.path.exists(path)), None)
        if name.endswith(".log") and truth:
            _judge(total, log, _truth(truth), _events(client, kind, log))
    return total if total["lines"] else None


def _truth(path):
    with open(path) as file:
        header, *lines = (line.rstrip("\n").split("\t") for line in file)
        return {int(row["line"]): row for row in (dict(zip(header, line)) for line in lines)}


def _events(client, kind, log):
    # What the administrator of such a site would have to say.
    configuration = log.removesuffix(".log") + ".toml"
    given = ["--config", configuration] if os.path.exists(configuration) else []
    done = subprocess.run([client, *given, "parse", "--jsonl", "--mta", DIALECTS.get(kind, kind), log],
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=300)
    if done.returncode not in (0, 1):
        raise LabError(f"breakwater parse {log}: {done.stderr.decode('latin-1')[-300:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _judge(total, log, truth, events):
    """A line's event is right when truth has its peer, and a DNSBL rejection there when it is one."""
    with open(log, "rb") as file:
        total["lines"] += sum(1 for _ in file)
    wanted = {number for number, row in truth.items() if row["class"] == "rbl"}
    true = len(wanted)
    total["true"] += true
    for event in events:
        row = truth.get(event["line"], {"peer": "-", "class": "-"})
        # A reply of several lines is one. A list's 4xx is found where truth has it, and no mistake where it has not.
        # Where a line has several addresses, its class depends on which is the peer's, and `parse` tells neither.
        is_open = event["peer"] is None and event["class"] is None and event["event"] == "rejection"
        is_listing = is_open or event["class"] == "rbl" and not event["continued"]
        is_rejection = is_listing and not is_open and event["event"] == "rejection"
        if event["peer"] not in (None, row["peer"]):
            total["wrong_address"] += 1
        elif is_rejection and row["class"] != "rbl":
            total["false"] += 1
        else:
            if is_listing and event["line"] in wanted:
                wanted.discard(event["line"])
                total["undecided"] += event["peer"] is None
            continue
        if len(total["mistakes"]) < MISTAKES_KEPT:
            total["mistakes"].append({"log": os.path.basename(log), "truth": row, "event": event})
    total["found"] += true - len(wanted)
    total["missed"] += [f"{os.path.basename(log)}:{number}" for number in sorted(wanted)][:MISTAKES_KEPT]


# What is printed

def _corpus(row, text):
    return "-" if row["corpus"] is None else text(row["corpus"])


def _found(found):
    undecided = f" ({found['undecided']} of several addresses, for the kernel to say)" if found["undecided"] else ""
    return f"{found['found']} / {found['true']}{undecided}"


def _freed(row, key):
    found = row["free"] and row["free"][key]
    return "-" if not found else f"{found['p50']:.1f} / {found['p99']:.1f}"


def _next(row):
    """How soon a client was greeted who had waited for that very slot, and how many of them were."""
    found = row["free"] and row["free"]["when_full"]
    times = found and found["line_to_greeting_ms"]
    return "-" if not times else f"{times['p50']:.0f} / {times['p99']:.0f} ({found['served']} of {found['rounds']})"


def _harm(row):
    """In words what became of the server, its neighbours and its log; "no" if nothing did."""
    found = row["free"]
    if found is None:
        return "-"
    complaints = [(not found["alive"], "DEAD"), (found["alarms"], f"{found['alarms']} alarming lines"),
                  (found["neighbours"] - found["neighbours_delivered"], "neighbours disturbed"),
                  (found["greetings_failed"], "not greeted"), (found["untold"], f"{found['untold']} without their 5xx"),
                  (found["not_freed"], f"{found['not_freed']} not freed")]
    return "; ".join(text for is_so, text in complaints if is_so) or "no"


def _wave(row, value):
    """One figure of the wave under each guard, in their order."""
    return "-" if not row["wave"] else " / ".join(value(guard) for guard in row["wave"])


COLUMNS = {
    "server": lambda row: row["mta"],
    "log lines": lambda row: _corpus(row, lambda found: f"{found['lines']:,}"),
    "DNSBL rejections found / true": lambda row: _corpus(row, _found),
    "wrong addresses": lambda row: _corpus(row, lambda found: str(found["wrong_address"])),
    "others taken for one": lambda row: _corpus(row, lambda found: str(found["false"])),
    "slots freed": lambda row: "-" if not row["free"] else f"{row['free']['freed']} of {row['free']['clients']}",
    "line to slot free, ms p50 / p99": lambda row: _freed(row, "line_to_free_ms"),
    "5xx heard to slot free": lambda row: _freed(row, "told_to_free_ms"),
    "breakwater: both to connection ended": lambda row: _freed(row, "both_to_ended_ms"),
    "server: ended to slot free": lambda row: _freed(row, "ended_to_free_ms"),
    "full server: line to the next one's greeting": _next,
    "harmed": _harm,
    "slot limit": lambda row: "-" if not row["wave"] else str(row["wave"][0]["server"]["limit"]),
    "wave: peak slots " + " / ".join(GUARDS.split(",")): lambda row: _wave(
        row, lambda guard: f"{guard['server']['peak_slots']:.0f}"),
    "s at the limit": lambda row: _wave(row, lambda guard: str(guard["server"]["seconds_at_limit"])),
    "legit delivered": lambda row: _wave(row, lambda guard: f"{100 * (guard['legit']['share'] or 0):.0f} %"),
}


def table(rows):
    cells = [list(COLUMNS), *([column(row) for column in COLUMNS.values()] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(COLUMNS))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
