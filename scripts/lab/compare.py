"""The same wave against a fresh lab for each guard, and one table of what came of it.

A guard is a command that runs in the server's namespaces beside the mail server. Built in are
`none`, and three of breakwaterd: `ban-only` without shedding, `log-only` with shedding on what the log
says, `breakwater` with the tarpit cut short as well.
"""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time

import instance
import measure
import namespaces
import trial
from errors import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
BUILDS = [os.path.join(REPOSITORY, ".build", kind) for kind in ("release", "debug")]
# The values: [shed] of breakwaterd.
BUILT_IN = {"none": None, "ban-only": {"method": "off"}, "log-only": {"method": "auto", "early": "off"},
            "breakwater": {"method": "auto", "early": "always"}}
SETTLE_SECONDS = 7  # past the guard's first sample, which tells it the local ends
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def guards(names, commands, binaries):
    """(name, command or None, [shed] of its configuration) of each guard, in the order asked for."""
    own = {}
    for definition in commands:
        name, equals, command = definition.partition("=")
        if not equals or not command.strip():
            raise LabError(f"--guard {definition!r}: expected NAME='command ...'")
        own[name] = command
    wanted = [name for name in names.split(",") if name] + [name for name in own if name not in names.split(",")]
    unknown = [name for name in wanted if name not in own and name not in BUILT_IN]
    if unknown:
        raise LabError(f"no guard {unknown[0]}; there are {', '.join(BUILT_IN)}, and --guard NAME='command'")
    chosen = []
    for name in wanted:
        if name in own:
            chosen.append((name, own[name], BUILT_IN["breakwater"]))
        elif name == "none":
            chosen.append((name, None, None))
        else:
            daemon = binary("breakwaterd", binaries)
            if daemon is None:
                raise LabError(f"no breakwaterd in {' or '.join([binaries] if binaries else BUILDS)}; "
                               "remedy: swift build, or --bin DIR, or --guards none")
            chosen.append((name, f"exec {shlex.quote(daemon)} --config {{config}}", BUILT_IN[name]))
    return chosen


def binary(name, directory):
    """Where a program of this project has been built; None if it has not been."""
    places = [os.path.join(place, name) for place in ([directory] if directory else BUILDS)]
    return next((os.path.abspath(place) for place in places if os.access(place, os.X_OK)), None)


def run(name, chosen_guards, runs, options, wave, out, binaries, tell):
    """Every guard, `runs` times over; returns the rows of the table and writes it to `out`."""
    rows = []
    for number in range(1, runs + 1):
        for guard, command, shed in chosen_guards:
            label = guard if runs == 1 else f"{guard} #{number}"
            directory = os.path.join(os.path.abspath(out), label.replace(" #", "-"))
            tell(f"{label}: lab {name} goes up")
            info = instance.up(name, options, tell)  # not in the try: a lab that was up already is somebody else's
            try:
                rows.append({"guard": label, **_one(info, command, shed, wave, directory, binaries, tell)})
                shutil.copy(info["log"], os.path.join(directory, "mail.log"))
                _keep_ruleset(name, directory)
            finally:
                instance.down(name)
            # After each run, so that an interrupted comparison leaves what it has.
            with open(os.path.join(out, "compare.json"), "w") as file:
                json.dump(rows, file, indent=2)
            with open(os.path.join(out, "compare.md"), "w") as file:
                file.write(table(rows) + "\n")
    return rows


def _one(info, command, shed, wave, directory, binaries, tell):
    os.makedirs(directory, exist_ok=True)
    if command is None:
        return {**trial.run(info["name"], wave, directory), "cpu_s": None, "rss_mb": None, "ended_early": None}
    with Guard(info, command, shed, directory, binaries) as guard:
        result = trial.run(info["name"], wave, directory, guard.watch)
        guard.watch()
        if guard.ended():
            tell(f"this guard ended before the wave did, status {guard.ended_early}; see {guard.log}")
    return {**result, "cpu_s": guard.cpu, "rss_mb": guard.rss / 2**20, "ended_early": guard.ended_early}


def _keep_ruleset(name, directory):
    """What a guard has left in the kernel: a ban outlives the daemon, and its counters tell."""
    with open(os.path.join(directory, "ruleset.nft"), "wb") as output:
        subprocess.run([sys.executable, os.path.join(HERE, "lab"), "exec", "--name", name, "--in", "server", "--",
                        "nft", "list", "ruleset"], stdin=subprocess.DEVNULL, stdout=output)


class Guard:
    """A running guard, from its start to its end, and what it consumes."""

    START_SECONDS = 3
    STATUS_EVERY = 3  # seconds between two questions to breakwaterd

    def __init__(self, info, command, shed, directory, binaries):
        self.socket = os.path.join(info["guard"], "control.sock")
        self.client = binary("breakwater", binaries)
        self.log = os.path.join(directory, "guard.log")
        self.cpu, self.rss, self.status, self.asked, self.ended_early = 0.0, 0, "", 0.0, None
        configuration = os.path.join(directory, "breakwater.toml")
        with open(configuration, "w") as file:
            file.write(_configuration(info, shed, self.socket))
        for key, value in (("log", info["log"]), ("config", configuration), ("state", info["guard"])):
            command = command.replace("{" + key + "}", shlex.quote(value))
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(HERE, "lab"), "exec", "--name", info["name"], "--in", "server",
                 "--", "sh", "-c", command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=namespaces.end_with_parent)

    def __enter__(self):
        # breakwaterd is ready when its socket is there; of another guard one can see that it stays.
        deadline = time.monotonic() + self.START_SECONDS
        while time.monotonic() < deadline and not os.path.exists(self.socket) and not self.ended():
            time.sleep(0.05)
        if self.ended():
            with open(self.log, errors="replace") as file:
                last = "".join(file.readlines()[-5:])
            raise LabError(f"the guard ended at once, status {self.process.returncode}; {self.log} says:\n{last}")
        return self

    def __exit__(self, *_error):
        if self.process.poll() is None:
            self.process.terminate()  # `lab exec` passes it on
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.process.kill()
        self.process.wait()

    def ended(self):
        return self.process.poll() is not None

    def watch(self):
        """Takes a sample of time and memory; returns a few words for the line of progress."""
        if self.ended():
            self.ended_early = self.process.returncode
            return f"GUARD ENDED, status {self.process.returncode}"
        used = [_consumption(pid) for pid in _descendants(self.process.pid)]
        # Never less than before: a helper that has ended and was not waited for is no longer counted.
        self.cpu = max(self.cpu, sum(cpu for cpu, _ in used))
        self.rss = max(self.rss, sum(rss for _, rss in used))
        if self.client and os.path.exists(self.socket) and time.monotonic() - self.asked >= self.STATUS_EVERY:
            self.asked = time.monotonic()
            self.status = _status(self.client, self.socket)
        return self.status


def _configuration(info, shed, socket):
    slots = info["options"]["slots"]
    # JSON's strings and lists are TOML's, too.
    kind = {"postscreen": "postfix"}.get(info["options"]["mta"], info["options"]["mta"])
    return f"""mode = "enforce"
state_directory = {json.dumps(info["guard"])}
control_socket = {json.dumps(socket)}
[mta]
kind = {json.dumps(kind)}
log = {json.dumps(info["log"])}
ports = [{info["server"]["port"]}]
slots = {slots}
[shed]
""" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in shed.items())


def _status(client, socket):
    try:
        answer = subprocess.run([client, "--socket", socket, "status", "--json"], capture_output=True,
                                timeout=2, stdin=subprocess.DEVNULL)
        status = json.loads(answer.stdout)
        return f"bans {status['bans']} sheds {status['counters']['sheds']}"
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return ""


def _descendants(pid):
    """All processes below `pid`, itself not included: that is `lab exec`, which only waits."""
    found = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return found
    for thread in threads:
        for child in measure.children(pid, int(thread)):
            found += [child, *_descendants(child)]
    return found


def _consumption(pid):
    """CPU seconds (with those of children it has waited for) and resident bytes of a process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()  # proc(5), from field 3 on
        with open(f"/proc/{pid}/statm") as file:
            pages = int(file.read().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0
    return sum(map(int, fields[11:15])) / TICKS_PER_SECOND, pages * os.sysconf("SC_PAGE_SIZE")


def _delivered(part):
    return lambda row: (row[part]["share"], "{} ({}/{})".format(
        trial.share(row[part]["share"]), row[part]["delivered"], row[part]["messages"]))


def _figure(digits, value):
    """A column of a number: what orders the rows of one guard, and how it is written."""
    return lambda row: (value(row), "-" if value(row) is None else f"{value(row):.{digits}f}")


COLUMNS = {
    "peak slots": _figure(0, lambda row: row["server"]["peak_slots"]),
    "s at the limit": _figure(0, lambda row: row["server"]["seconds_at_limit"]),
    "peak ESTABLISHED": _figure(0, lambda row: row["server"]["peak_established"]),
    "legit delivered": _delivered("legit"),
    "legit p50 s": _figure(2, lambda row: row["legit"]["p50_s"]),
    "legit p99 s": _figure(2, lambda row: row["legit"]["p99_s"]),
    "listed users delivered": _delivered("auth_listed"),
    "rejected sources told": lambda row: (row["told_share"], "{} ({}/{})".format(
        trial.share(row["told_share"]), row["told_sources"], row["rejected_sources"])),
    "peak PSS MB": _figure(0, lambda row: row["server"]["peak_pss_kb"] / 1024),
    "guard CPU s": _figure(2, lambda row: row["cpu_s"]),
    "guard RSS MB": _figure(1, lambda row: row["rss_mb"]),
    "load": _figure(1, lambda row: row["server"]["peak_load"]),
}


def table(rows):
    """Markdown: every run, and with several runs of a guard the lowest, median and highest of each column."""
    text = _aligned([[row["guard"], *(column(row)[1] for column in COLUMNS.values())] for row in rows])
    by_guard = {}
    for row in rows:
        by_guard.setdefault(row["guard"].partition(" #")[0], []).append(row)
    if all(len(runs) == 1 for runs in by_guard.values()):
        return text
    return text + "\n\n" + _aligned([
        [f"{guard}, {len(runs)} runs", *(_spread(column, runs) for column in COLUMNS.values())]
        for guard, runs in by_guard.items()])


def _spread(column, runs):
    """Lowest / median / highest, or the one value that all runs have."""
    cells = sorted((column(row) for row in runs), key=lambda cell: (cell[0] is not None, cell[0] or 0))
    written = [cells[0][1], cells[len(cells) // 2][1], cells[-1][1]]
    return written[0] if len(set(written)) == 1 else " / ".join(text.partition(" (")[0] for text in written)


def _aligned(rows):
    cells = [["guard", *COLUMNS], *rows]
    # A column that says nothing of any run is left out.
    kept = [index for index in range(len(cells[0])) if any(line[index] not in ("-", "- (0/0)") for line in cells[1:])]
    cells = [[line[index] for index in kept] for line in cells]
    widths = [max(len(line[column]) for line in cells) for column in range(len(kept))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
