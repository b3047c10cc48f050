"""The log of a spam day, 704,894 lines, told by logwatch, by pflogsumm and by breakwater: how long each takes.

All three of Debian, or built here, alone on the same file, in turn, so that what else the machine does falls on all of
them alike. breakwater's table of accepted and rejected mail must be logwatch's own, byte for byte.
"""

import os
import shutil
import subprocess
import sys
import time

import load
import spamday
from bencherror import BenchError
from figures import machine, markdown

GOAL = 500  # ms
TURNS = 3
# Whether there is a location database to be asked depends on the host.
WITHOUT_PLACES = ("classes,change,days,funnel,pace,connect,dnsbl,listings,senders,networks,rhythm,retries,repeaters,slots,"
                  "ban_effect,texts")
LOGWATCH = "/usr/share/logwatch/scripts/services/postfix"
SETTINGS = "/usr/share/logwatch/default.conf/services/postfix.conf"


def add_options(_parser):
    pass


def measure(found, chosen):
    _need(found.tell)
    with chosen.directory() as directory:
        log = os.path.join(directory, "mail.log")
        found.tell("report: writing the log of the spam day")
        # By another process: what this one has taken would count as the measured programs' own before they begin.
        subprocess.run([sys.executable, "-B", spamday.__file__, log], check=True)
        size = os.path.getsize(log)
        settings = os.path.join(directory, "breakwater.toml")
        open(settings, "w").close()
        breakwater = [os.path.join(chosen.bin, "breakwater"), "--config", settings]
        programs = {
            "breakwater report": [*breakwater, "report", "--log", log],
            "breakwater report --json": [*breakwater, "report", "--json", "--log", log],
            "the same without countries and owners": [*breakwater, "report", "--only", WITHOUT_PLACES, "--log", log],
            "breakwater report --only classes": [*breakwater, "report", "--only", "classes", "--log", log],
            "breakwater parse --count": [*breakwater, "parse", "--count", log],
            "pflogsumm": ["pflogsumm", log],
            "logwatch, its postfix script at detail 0": ["perl", LOGWATCH, "--detail", "0", "--config_file", SETTINGS],
        }
        _compare(programs, log)
        runs, busy = load.measured(
            chosen, found.tell, f"report: {len(programs)} programs in turn, {chosen.runs * TURNS} times",
            lambda: _in_turn(programs, log, chosen.runs * TURNS))
        for name, times in runs.items():
            for wall, cpu, memory in times:
                found.add(f"report.{name}.wall", wall * 1000, "ms", GOAL if name == "breakwater report" else None, busy)
                found.add(f"report.{name}.cpu", cpu * 1000, "ms", load=busy)
                found.add(f"report.{name}.resident", memory / 1e6, "MB", load=busy)
        found.add("report.log", size / 1e6, "MB")
        found.text = _text(found, programs, size)


def _text(found, programs, size):
    rows = [("the log of a spam day: 704,894 lines", "wall, ms", "CPU, ms", "resident, MB")]
    for name in programs:
        rows.append((name, *(f"{found.median(f'report.{name}.{figure}'):.0f}" for figure in ("wall", "cpu", "resident"))))
    here = machine()
    return "\n".join((
        markdown(rows), "", f"{size / 1e6:.0f} MB, {spamday.SOURCES:,} sources at most; `scripts/bench/bench report --out "
        f"docs/bench/report`. {here['cpus']} CPUs ({here['cpu']}), {here['date']}. {found.load_text()}", "",
        "The table of accepted and rejected mail was logwatch's own, byte for byte."))


def _compare(programs, log):
    """The block that both print; also the runs that put programs and log into memory."""
    theirs = _output(programs["logwatch, its postfix script at detail 0"], log)
    ours = _output(programs["breakwater report --only classes"], log)
    block = theirs[theirs.index("Accepted") - 11:theirs.index("Total 5xx Rejects")]
    if block not in ours:
        raise BenchError(f"logwatch's table:\n{block}\nis not in breakwater's:\n{ours}")
    for kind, count in spamday.COUNTS:
        if not any(line.split()[0] == str(count) for line in block.splitlines() if kind in line):
            raise BenchError(f"{count} {kind} were written, but the table is\n{block}")


def _output(arguments, log):
    with open(log) as file:
        return subprocess.run(arguments, stdin=file, capture_output=True, text=True, check=True,
                              env=dict(os.environ, COLUMNS="100")).stdout


def _in_turn(programs, log, count):
    runs = {name: [] for name in programs}
    for _ in range(count):
        for name, arguments in programs.items():
            runs[name].append(_run(arguments, log))
    return runs


def _run(arguments, log):
    """Wall and CPU time of one program in seconds, and its memory in bytes."""
    with open(log) as file:
        begin = time.monotonic()
        child = subprocess.Popen(arguments, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise BenchError(f"{' '.join(arguments)} ended with {child.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def _need(tell):
    packages = [name for name, path in (("pflogsumm", shutil.which("pflogsumm")), ("logwatch", os.path.exists(LOGWATCH)))
                if not path]
    if not packages:
        return
    tell(f"installing {' '.join(packages)}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=environment,
                      stdout=subprocess.DEVNULL).returncode:
        raise BenchError(f"no {' '.join(packages)} to measure beside; remedy: apt-get update && apt-get install "
                         f"{' '.join(packages)}")
