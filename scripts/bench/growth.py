"""How the cost grows: the same work with ten times as much, again and again.

A figure at one size hides a square. The peers are asked for the first size only, as the table asks
them for ten times that; most would not come to an end with more.
"""

import math

import figures
import floors
import load
import own
import space
import works

SIZES = (1000, 10_000, 100_000, 1_000_000)
LISTED = 100_000  # with more, nft takes minutes for one listing
# (work, figure, unit) of what is printed, in this order
ROWS = (
    ("sources in one write -> all in the set", "seconds", "s"),
    ("CPU per ban in that", "cpu_per_ban", "us"),
    ("restart, sets empty -> all in the sets", "restart", "s"),
    ("restart, bans still in the sets -> it answers", "again", "s"),
    ("list", "list", "ms"),
    ("ban", "ban", "ms"),
    ("resident", "rss", "MB"),
    ("lines of a log, parsed", "lines", "ms"),
)


def measure(found, chosen, sizes, guards, with_floor, cut):
    for size in sizes:
        if with_floor:
            _one(found, chosen, "floor", size, lambda: _floor(chosen, size))
        for kind in guards:
            if kind is own.Breakwater:
                _one(found, chosen, kind.name, size, lambda: _breakwater(kind, chosen, size, 2 * cut))
            elif size == sizes[0]:
                _one(found, chosen, kind.name, size, lambda: _answer(space.run(works.at_once, kind, chosen, size, cut)))


def _one(found, chosen, name, size, function):
    run, busy = load.measured(chosen, found.tell, f"growth: {name}, {size:,}", function)
    _add(found, name, size, run, busy)


def add_at_once(found, name, run, busy):
    """A run of the table's work `at_once`, which is one size of this."""
    _add(found, name, run["written"], _answer(run), busy)


def _add(found, name, size, run, busy):
    for (_, figure, unit) in ROWS:
        if run.get(figure) is not None:
            found.add(f"growth.{figure}.{name}.{size}", run[figure], unit, load=busy)
    if "arrived" in run:
        found.add(f"growth.arrived.{name}.{size}", run["arrived"], "bans", load=busy)


def _floor(chosen, size):
    run = space.run(floors.add, chosen, size)
    answer = {"seconds": run["seconds"], "cpu_per_ban": run["cpu_per_ban"] * 1e6}
    if size <= LISTED:
        verbs = space.run(floors.commands, chosen, size)
        answer.update(list=verbs["list"], ban=verbs["ban"])
    return answer


def _answer(run):
    """Of a run of `at_once`; the time counts if all have come."""
    return {"seconds": run["seconds"] if run["arrived"] == run["written"] else None, "arrived": run["arrived"],
            "cpu_per_ban": run["cpu_per_ban"] * 1e6}


def _breakwater(kind, chosen, size, cut):
    answer = _answer(space.run(works.at_once, kind, chosen, size, cut))
    if answer["seconds"] is not None:  # beyond its bound it has no more bans than before
        run = space.run(works.many, kind, chosen, size, cut)
        answer.update(restart=run["seconds"], again=run["again"], rss=run["rss"] / 1e6,
                      list=run["verbs"]["list"], ban=run["verbs"]["ban"])
    return answer


def text(found, names):
    """A table: a line for each work and each of the table's columns, with the factor that the last tenfold cost."""
    sizes = sorted({int(name.rpartition(".")[2]) for name in found.rows if name.startswith("growth.")})
    rows = [("growth", "", *(f"{size:,}" for size in sizes), "last tenfold costs")]
    for label, figure, unit in ROWS:
        for name in names:
            values = [_value(found, figure, name, size) for size in sizes]
            if any(value is not None for value in values):
                cells = [_cell(found, figure, name, size, value) for size, value in zip(sizes, values)]
                rows.append((f"{label}, {unit}", name, *cells, _factor(sizes, values)))
    return figures.markdown(rows) if len(rows) > 1 else ""


def _value(found, figure, name, size):
    if figure == "lines" and name == own.Breakwater.name:  # those of `bench parse`
        return found.median(f"parse.{size}_lines.count.wall") or (
            found.median("parse.count.wall") if size == found.median("parse.lines") else None)
    return found.median(f"growth.{figure}.{name}.{size}")


def _cell(found, figure, name, size, value):
    if value is not None:
        return figures.number(value)
    arrived = found.median(f"growth.arrived.{name}.{size}") if figure == "seconds" else None
    return "-" if arrived is None else f"{arrived:,.0f} came"


def _factor(sizes, values):
    known = [(size, value) for size, value in zip(sizes, values) if value]
    if len(known) < 2:
        return "-"
    (size, value), (next_size, next_value) = known[-2:]
    exponent = math.log(next_value / value) / math.log(next_size / size)
    return f"x{next_value / value:.3g} (N^{exponent:.1f})"
