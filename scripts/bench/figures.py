"""Figures: what was measured, in which unit, how often, under which load; as a table and as files."""

import json
import os
import platform
import statistics
import subprocess
import time


def quantile(values, share):
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Figures:
    """Gathers the runs of each figure; the order is that of the first time."""

    def __init__(self, tell):
        self.tell = tell
        self.rows = {}
        self.details = {}
        self.text = ""  # printed in the place of the table, if it is set

    def add(self, name, value, unit, goal=None, load=None):
        """One run of one figure. `goal` is the highest value wanted, in the same unit."""
        row = self.rows.setdefault(name, {"figure": name, "unit": unit, "goal": goal, "values": [], "load": [], "busy": [], "stolen": []})
        row["values"].append(value)
        if load is not None:
            row["load"].append(round(load.load, 2))
            row["busy"].append(round(load.busy, 2))
            row["stolen"].append(round(load.stolen, 3))

    def keep(self, name, detail):
        """Something beside the figures for the JSON file: a course over time, all single values."""
        self.details.setdefault(name, []).append(detail)

    def median(self, name):
        row = self.rows.get(name)
        return statistics.median(row["values"]) if row else None

    def load_text(self):
        loads = [load for row in self.rows.values() for load in row["load"]]
        busy = [share for row in self.rows.values() for share in row["busy"]]
        stolen = [share for row in self.rows.values() for share in row["stolen"]]
        runs = [len(row["values"]) for row in self.rows.values()]
        return (f"Medians of {_span(runs)} runs; 1-minute load {_span(loads)}, share of all CPU time in use {_span(busy)} "
                f"(the measurement's own included), stolen by the host {_span(stolen)}.") if loads else ""

    def table(self):
        """Every figure with its runs."""
        head = ("figure", "median", "lowest", "highest", "unit", "goal", "runs", "load", "busy", "stolen")
        lines = [head]
        for row in self.rows.values():
            values = row["values"]
            lines.append((
                row["figure"], number(statistics.median(values)), number(min(values)), number(max(values)), row["unit"],
                "-" if row["goal"] is None else ("" if statistics.median(values) <= row["goal"] else "! ") + number(row["goal"]),
                str(len(values)), _span(row["load"]), _span(row["busy"]), _span(row["stolen"])))
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        return "\n".join("  ".join(
            cell.ljust(width) if column in (0, 4) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)

    def write(self, path, options):
        """PATH.json with everything, PATH.tsv with the table's figures and all runs, PATH.md with a text that was set."""
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path + ".json", "w") as file:
            told = {name: _told(value) for name, value in options.items()}
            json.dump({"machine": machine(), "options": told, "figures": list(self.rows.values()),
                       "details": self.details}, file, indent=1)
            file.write("\n")
        if self.text:
            with open(path + ".md", "w") as file:
                file.write(self.text + "\n")
        with open(path + ".tsv", "w") as file:
            file.write("figure\tunit\tmedian\tgoal\tload\tbusy\tstolen\truns\n")
            for row in self.rows.values():
                file.write("\t".join((
                    row["figure"], row["unit"], number(statistics.median(row["values"])),
                    "" if row["goal"] is None else number(row["goal"]), _span(row["load"]), _span(row["busy"]),
                    _span(row["stolen"]),
                    " ".join(number(value) for value in row["values"]))) + "\n")


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) // 1024
    here = os.path.dirname(os.path.abspath(__file__))
    commit = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"date": time.strftime("%Y-%m-%d %H:%M %z"), "cpu": model, "cpus": os.cpu_count(), "memory_mb": memory,
            "kernel": platform.release(), "commit": commit.stdout.strip() or None}


def number(value):
    if isinstance(value, int) or value == int(value) and abs(value) >= 100:
        return f"{int(value)}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def markdown(rows):
    """A table that reads well on a terminal, too."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _told(value):
    """A path as it is below the repository; one elsewhere is a matter of this machine, and its name is enough."""
    if not isinstance(value, str) or not os.path.isabs(value):
        return value
    inside = os.path.relpath(value, os.path.join(os.path.dirname(__file__), "..", ".."))
    return os.path.basename(value) if inside.startswith("..") else inside


def _span(values):
    if not values:
        return "-"
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
