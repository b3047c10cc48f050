"""The one table: every work, and what each guard and the floor need for it, side by side in one run.

The works are in works.py, the floors in floors.py, how the cost grows in growth.py. The peers are
measured as Debian ships them, with the smallest configuration that sees Courier's 511; it is printed
with the table. Where a peer does not come to an end, its run is cut, and the cell says so. A run takes
about 25 minutes on two cores, three of them an hour and a quarter; --quick takes six minutes.
"""

import sys

import crowdsec
import fail2ban
import figures
import floors
import growth
import load
import memory
import own
import parse as parsing
import peertree
import shed
import space
import sshguard
import works

PEERS = (fail2ban.Fail2ban, sshguard.SSHGuard, crowdsec.CrowdSec)
GUARDS = (*PEERS, own.Breakwater)
COLUMNS = ("floor", *(kind.name for kind in GUARDS))
BURST = 10_000
RATE = 2000
RESTART_CUT = 100  # seconds

# (work, figures of its cell, their goals)
ROWS = (
    ("one line written -> element in the set, p50 / p99, ms", ("one_by_one.p50", "one_by_one.p99"), (0.15, 1)),
    ("rejection in Courier's log, TARPIT=0 -> slot free, p50 / p99, ms",
     ("shed.alone_quick.p50", "shed.alone_quick.p99"), (1, 5)),
    ("the same, the peer's kernel acknowledges after 40 ms", ("shed.alone.p50", "shed.alone.p99"), (None, None)),
    ("CPU per ban, one by one, us", ("one_by_one.cpu_per_ban",), (50,)),
    ("{burst} sources in one write -> all in the set, s", ("at_once.seconds",), (0.1,)),
    ("CPU per ban in that, us", ("at_once.cpu_per_ban",), (50,)),
    ("{rate} new sources/s for {seconds} s (peers {peer_seconds} s): p99, ms", ("stream.p99",), (5,)),
    ("the same: last element behind last line, s", ("stream.behind",), (None,)),
    ("the same: CPU meanwhile, % of a core", ("stream.cpu",), (15,)),
    ("full parse of {lines} mixed lines, one core, ms", ("parse.wall",), ("floor",)),
    ("restart with {bans} bans, sets empty -> all in the sets, s", ("restart.seconds",), (0.3,)),
    ("the same, bans still in the sets -> it answers, s", ("restart.again",), (0.3,)),
    ("resident idle / {bans} bans / 1,000,000 tracked sources, MB",
     ("idle.rss", "many.rss", "memory.tracked_1000000.rss"), (12, 20, 128)),
    ("list / ban / unban with {bans} bans, ms", ("cli.list", "cli.ban", "cli.unban"), (50, 8, 8)),
    ("idle: CPU, % of a core / wake-ups per s", ("idle.cpu", "idle.wakeups"), (0.05, 0.2)),
)
# Figures of other verbs' modules, which measure breakwater and at most a floor.
ELSEWHERE = {
    ("shed.alone_quick.p50", "breakwater"): "shed.alone_quick.p50",
    ("shed.alone_quick.p99", "breakwater"): "shed.alone_quick.p99",
    ("shed.alone.p50", "breakwater"): "shed.alone.p50",
    ("shed.alone.p99", "breakwater"): "shed.alone.p99",
    ("memory.tracked_1000000.rss", "breakwater"): "memory.tracked_1000000.rss",
    ("parse.wall", "floor"): "parse.rg_expression.wall",
    ("parse.wall", "breakwater"): "parse.count.wall",
}
NOTES = """\
floor: a process that only waits for the line (inotify) and reads it; `nft -f` of as many elements with a
timeout each; `nft list set`, `nft add element`, `nft delete element` with as many in the set; `rg -j1 -c` of the
rejection's full expression.
"> N (a of b)": cut after N s, when a of b bans had arrived; without ">" no more came. "-": none, or it takes
hours; no peer frees a slot. "!": above the goal. fail2ban has its {bans} bans without an action in the rows for
memory and commands, as restoring them with one takes a quarter of an hour. sshguard has no command line, and does not
come to {bans} bans, as each makes nft read the whole set; its own parser reads all lines and knows none of them.
crowdsec has no central API here, and its exemption of private addresses is removed, as the sources are from
10.0.0.0/8. Memory: all processes of a guard added up."""


def add_options(parser):
    parser.add_argument("--quick", action="store_true", help="one run of small works: does it all still work?")
    parser.add_argument("--peer-runs", type=int, metavar="N", help="of the peers (default: as --runs)")
    parser.add_argument("--only", metavar="NAME,...", help=f"of {', '.join(COLUMNS)} (default: all)")
    parser.add_argument("--cut", type=int, default=60, metavar="S", help="when a peer's run is cut (default %(default)s)")


class Sizes:
    """How much is asked of whom."""

    def __init__(self, quick, cut):
        self.events = 10 if quick else 100
        self.connections = 10 if quick else 100
        self.burst = 1000 if quick else BURST
        self.rate = 200 if quick else RATE
        self.seconds = 2 if quick else 60
        self.peer_seconds = 2 if quick else 5
        self.lines = 10_000 if quick else 1_000_000
        self.bans = 500 if quick else 50_000
        self.idle_seconds = 5 if quick else 30
        self.cut = 20 if quick else cut
        self.restart_cut = 20 if quick else RESTART_CUT
        self.growth = (100, 1000) if quick else growth.SIZES


def measure(found, chosen):
    sizes = Sizes(chosen.quick, chosen.cut)
    chosen.connections, chosen.log_lines = sizes.connections, sizes.lines
    runs = 1 if chosen.quick else chosen.runs
    peer_runs = min(runs, chosen.peer_runs or runs)
    wanted = chosen.only.split(",") if chosen.only else COLUMNS
    guards = [kind for kind in GUARDS if kind.name in wanted]
    if any(kind is not own.Breakwater for kind in guards):
        peertree.ready(lambda text: print(f"bench: {text}", file=sys.stderr))  # while there is a network
    for kind in guards:
        files, version = space.run(works.configuration, kind, chosen)
        found.keep("configuration", {"guard": kind.name, "version": version, "files": files})
    chosen.runs = runs
    try:
        if own.Breakwater in guards:
            parsing.measure(found, chosen)
        for number in range(runs):
            if "floor" in wanted:
                _floors(found, chosen, sizes, number)
            for kind in guards:
                if kind not in PEERS or number < peer_runs:
                    _guard(found, chosen, sizes, kind, number)
            if own.Breakwater in guards:
                for name in ("alone_quick", "alone"):
                    shed.part(found, chosen, name, number)
                if not chosen.quick:
                    memory.tracked(found, chosen, memory.TRACKED[-1])
            growth.measure(found, chosen, sizes.growth, [kind for kind in guards if kind not in PEERS or number == 0],
                           "floor" in wanted, sizes.cut)
    finally:
        # An interrupted run has its table, too.
        found.text = text(found, sizes, wanted)


def _floors(found, chosen, sizes, number):
    def all_of_them():
        return (space.run(floors.tail, chosen, sizes.events), space.run(floors.add, chosen, sizes.burst),
                space.run(floors.add, chosen, sizes.bans), space.run(floors.commands, chosen, sizes.bans))

    (tail, burst, restart, commands), busy = load.measured(chosen, found.tell, f"floors, run {number + 1}", all_of_them)
    for name, value, unit in (("one_by_one.p50", tail["p50"], "ms"), ("one_by_one.p99", tail["p99"], "ms"),
                              ("at_once.seconds", burst["seconds"], "s"),
                              ("at_once.cpu_per_ban", burst["cpu_per_ban"] * 1e6, "us"),
                              ("restart.seconds", restart["seconds"], "s"),
                              *((f"cli.{verb}", value, "ms") for verb, value in commands.items())):
        found.add(f"{name}.floor", value, unit, load=busy)


def _guard(found, chosen, sizes, kind, number):
    is_peer = kind in PEERS

    def work(name, *arguments):
        run, busy = load.measured(chosen, found.tell, f"{kind.name}: {name.replace('_', ' ')}, run {number + 1}",
                                  lambda: space.run(getattr(works, name), kind, chosen, *arguments))
        if name == "at_once" and is_peer:
            growth.add_at_once(found, kind.name, run, busy)
        return run, lambda figure, value, unit: found.add(f"{figure}.{kind.name}", value, unit, load=busy)

    run, add = work("idle", sizes.idle_seconds)
    add("idle.rss", run["rss"] / 1e6, "MB")
    add("idle.cpu", run["cpu"] * 100, "% of a core")
    add("idle.wakeups", run["wakeups"], "per s")

    run, add = work("one_by_one", sizes.events, 30)
    add("one_by_one.p50", run["p50"], "ms")
    add("one_by_one.p99", run["p99"], "ms")
    add("one_by_one.cpu_per_ban", run["cpu_per_ban"] * 1e6, "us")
    found.keep(f"one_by_one.ms.{kind.name}", [round(time_, 3) for time_ in run["times"]])

    run, add = work("at_once", sizes.burst, sizes.cut)
    add("at_once.seconds", run["seconds"], "s")
    add("at_once.cpu_per_ban", run["cpu_per_ban"] * 1e6, "us")
    add("at_once.rss", run["rss"] / 1e6, "MB")
    _add_share(add, "at_once", run)

    run, add = work("stream", sizes.rate, sizes.peer_seconds if is_peer else sizes.seconds, sizes.cut)
    add("stream.p99", run["p99"], "ms")
    add("stream.behind", run["behind"], "s")
    add("stream.cpu", run["cpu_share"] * 100, "% of a core")
    add("stream.rate", run["rate"], "lines/s")
    _add_share(add, "stream", run)

    if is_peer:
        milliseconds, add = work("reading", sizes.lines)
        if milliseconds is not None:
            add("parse.wall", milliseconds, "ms")

    run, add = work("many", sizes.bans, sizes.restart_cut)
    _add_share(add, "restart", run)
    if run.get("seconds") is not None:
        add("restart.seconds", run["seconds"], "s")
    if "again" in run:
        add("restart.again", run["again"], "s")
    if "rss" in run:
        add("many.rss", run["rss"] / 1e6, "MB")
        for verb, milliseconds in run["verbs"].items():
            add(f"cli.{verb}", milliseconds, "ms")


def _add_share(add, work, run):
    """How many of the bans had come when the run was over, and after how many seconds it was cut, if it was."""
    add(f"{work}.arrived", run["arrived"], "bans")
    add(f"{work}.written", run["written"], "bans")
    add(f"{work}.cut", run["cut"], "s")


# What is printed

def text(found, sizes, wanted):
    words = {key: f"{value:,}" for key, value in vars(sizes).items() if isinstance(value, int)}
    columns = [column for column in COLUMNS if column in wanted]
    rows = [("work", *columns, "goal")]
    for label, names, goals in ROWS:
        rows.append((label.format(**words), *(_cell(found, column, names, goals) for column in columns),
                     " / ".join(_goal_text(goal) for goal in goals)))
    parts = [figures.markdown(rows), found.load_text(), NOTES.format(**words)]
    if text := growth.text(found, columns):
        parts.append(text)
    parts += [_configuration_text(detail) for detail in found.details.get("configuration", [])]
    return "\n\n".join(parts)


def _cell(found, column, names, goals):
    values = [_value(found, name, column) for name in names]
    if all(value is None for value in values):
        return "-"
    cell = " / ".join("-" if value is None else figures.number(value) for value in values)
    if names[0] in ("at_once.seconds", "stream.behind", "restart.seconds"):
        work = names[0].split(".")[0]
        arrived, written, cut = (found.median(f"{work}.{key}.{column}") or 0 for key in ("arrived", "written", "cut"))
        if arrived < written:
            cell = f"{f'> {cut:g}' if cut else cell} ({arrived:,.0f} of {written:,.0f})"
    elif names[0] == "stream.p99" and found.median(f"stream.cut.{column}"):
        cell = f"> {cell}"  # it is that of those which had come
    limits = [_value(found, name, goal) if isinstance(goal, str) else goal for name, goal in zip(names, goals)]
    is_above = column == own.Breakwater.name and any(
        limit is not None and value is not None and value > limit for value, limit in zip(values, limits))
    return f"! {cell}" if is_above else cell


def _goal_text(goal):
    return "-" if goal is None else f"<= {goal}" if isinstance(goal, str) else figures.number(goal)


def _value(found, name, column):
    return found.median(ELSEWHERE.get((name, column), f"{name}.{column}"))


def _configuration_text(detail):
    parts = [f"## {detail['guard']}: {detail['version']}"]
    for path, content in detail["files"].items():
        parts.append(f"{path}\n\n" + "\n".join(f"    {line}" if line else "" for line in content.splitlines()))
    return "\n\n".join(parts)
