"""From a rejection in a real server's log to its free slot, and what else became of the server meanwhile.

Listed clients are rejected one after the other and stay silent, as zombies do; a guard runs as on a real host. Seen
from outside, for each: when the line stood in the log, when the client had its whole 5xx, when the process that served
it had let go of its socket (and had ended, where each connection has a process). Beside them unlisted senders deliver
messages all the time, slowly, so that one is always there: with postscreen and OpenSMTPD in the same process. Every
few sheds an unlisted client asks how long it takes to be greeted; full.py tells how soon one is who has waited for that
very slot. At the end the server's log is read for what an administrator would not like to find there, and the kernel
has told whom the guard has sent signals.
"""

import contextlib
import json
import os
import time

import clients
import compare
import full
import instance
import kernelwatch
import rejections
from errors import LabError


def run(name, options, guard, count, directory, binaries, tell, is_short=False):
    """What came of `count` rejections under a guard, one of those of compare.guards."""
    label, command, shed = guard
    os.makedirs(directory, exist_ok=True)
    info = instance.up(name, options, tell)
    try:
        with contextlib.ExitStack() as ending:
            watch = _kernel_watch(info, ending, tell)
            crowd = ending.enter_context(clients.Clients(name))
            for source in rejections.GREETED:
                crowd.greeting(source)  # postscreen takes its time for whom it does not know
            before = [crowd.greeting(source) for source in rejections.GREETED]
            running = None
            if command is not None:
                running = ending.enter_context(compare.Guard(info, command, shed, directory, binaries))
                if watch:
                    watch.follow(running.process.pid)
                time.sleep(compare.SETTLE_SECONDS)
            trial = rejections.Trial(info, crowd, tell)
            begin = time.monotonic()
            trial.run(count)
            seconds = time.monotonic() - begin
            if running and running.ended():
                raise LabError(f"the guard ended before the trial did; see {running.log}")
            signals = _signals(watch, begin) if watch else None
        result = {"mta": options["mta"], "guard": label, "options": options, "seconds": round(seconds, 1),
                  **trial.result(before), "signals": signals}
        _keep_log(info, directory)
    finally:
        instance.down(name)
    result["when_full"] = None if is_short else full.run(
        name, options, guard, os.path.join(directory, "full"), binaries, tell)
    with open(os.path.join(directory, "free.json"), "w") as file:
        json.dump(result, file, indent=2)
    return result


def _kernel_watch(info, ending, tell):
    try:
        return ending.enter_context(kernelwatch.KernelWatch(info["server"]["namespaces"]["pid"]))
    except LabError as error:
        tell(f"nobody sees signals: {error}")
        return None


def _signals(watch, begin):
    """How many of each signal the guard has sent to others, by number."""
    found = {}
    for signal in watch.signals(since=begin):
        found[str(signal["signal"])] = found.get(str(signal["signal"]), 0) + 1
    return found


def _keep_log(info, directory):
    with open(info["log"], "rb") as log, open(os.path.join(directory, "mail.log"), "wb") as kept:
        kept.write(log.read())


COLUMNS = {
    "server": lambda row: row["mta"],
    "guard": lambda row: row["guard"],
    "freed": lambda row: f"{row['freed']} of {row['clients']}",
    "line to socket closed, ms p50 / p99 / max": lambda row: _cell(row["line_to_closed_ms"]),
    "line to slot free": lambda row: _cell(row["line_to_free_ms"]),
    "5xx heard to slot free": lambda row: _cell(row["told_to_free_ms"]),
    "both to connection ended": lambda row: _cell(row["both_to_ended_ms"]),
    "ended to slot free": lambda row: _cell(row["ended_to_free_ms"]),
    "without its 5xx": lambda row: str(row["untold"]),
    "neighbours delivered": lambda row: f"{row['neighbours_delivered']} of {row['neighbours']}",
    "greeting before / meanwhile, ms p50": lambda row: " / ".join(
        _cell(row["greeting_ms"][when]).split(" / ")[0] for when in ("before", "meanwhile")),
    "rejection to next client's greeting, server full, ms": lambda row: "-" if row["when_full"] is None else
    f"{_cell(row['when_full']['line_to_greeting_ms'])} ({row['when_full']['served']} of {row['when_full']['rounds']})",
    "alarming lines": lambda row: str(row["alarms"]),
    "signals sent": lambda row: "?" if row["signals"] is None else
    ", ".join(f"{count} x {number}" for number, count in row["signals"].items()) or "none",
    "alive after": lambda row: "yes" if row["alive"] else "NO",
}


def _cell(found):
    return "-" if found is None else " / ".join(f"{found[key]:.1f}" for key in ("p50", "p99", "max"))


def table(rows):
    lines = [list(COLUMNS), *([column(row) for column in COLUMNS.values()] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(COLUMNS))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for row in rows:
        for rule in ("untold_clients", "failures", "neighbours_harmed", "alarm_lines"):
            text += [f"{row['mta']}, {rule.replace('_', ' ')}: {entry}" for entry in row[rule]]
    return "\n".join(text)
