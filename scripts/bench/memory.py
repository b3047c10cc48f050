"""Resident memory: with many bans, with many tracked sources, and over millions of lines."""

import os
import time

import fill
import lines
import load
import scene
import space
from bencherror import BenchError

CHUNK = 100_000  # lines; about 13 MB
AHEAD = 2  # chunks that may wait unread
SOURCES = 50_000
TRACKED = (200_000, 1_000_000)  # the default of [ban] max_sources, and five times that
BEYOND = 100_000
MINUTE = 65


def add_options(parser):
    fill.add_options(parser)
    parser.add_argument("--lines", type=float, default=10, metavar="M", help="millions of lines (default %(default)s)")


def measure(found, chosen):
    run, busy = load.measured(chosen, found.tell, f"memory: {chosen.bans} bans", lambda: space.run(_bans, chosen))
    found.add("memory.idle", run["before"] / 1e6, "MB", 12, busy)
    found.add("memory.bans.rss_at_once", run["at_once"] / 1e6, "MB", load=busy)
    found.add("memory.bans.rss", run["after"]["rss"] / 1e6, "MB", 20, busy)
    found.add("memory.bans.anonymous", run["after"]["anonymous"] / 1e6, "MB", load=busy)
    found.add("memory.bans.per_ban", (run["after"]["rss"] - run["before"]) / chosen.bans, "bytes", load=busy)

    for count in TRACKED:
        tracked(found, chosen, count)

    if chosen.lines > 0:
        run, busy = load.measured(chosen, found.tell, f"memory: {chosen.lines:g} million lines",
                                  lambda: space.run(_lines, chosen, found.tell))
        course = run["course"]
        found.keep("memory.lines.course", course)
        half = [row["rss_mb"] for row in course[len(course) // 2:]]
        found.add("memory.lines.rss_after_first_million", course[0]["rss_mb"], "MB", load=busy)
        found.add("memory.lines.rss_at_end", course[-1]["rss_mb"], "MB", load=busy)
        found.add("memory.lines.growth_in_second_half", half[-1] - half[0], "MB", load=busy)
        found.add("memory.lines.peak", max(row["peak_mb"] for row in course), "MB", load=busy)
        found.add("memory.lines.speed", run["speed"], "lines/s", load=busy)
        found.add("memory.lines.cpu_per_line", run["cpu_per_line"], "us", load=busy)
        found.add("memory.lines.state_on_disk", run["state"] / 1e6, "MB", load=busy)


def tracked(found, chosen, count):
    """A table full of sources, and what happens beyond its bound."""
    run, busy = load.measured(
        chosen, found.tell, f"memory: {count:,} tracked sources that are not banned, then {BEYOND:,} more",
        lambda: space.run(_tracked, chosen, count))
    name = f"memory.tracked_{count}"
    found.add(f"{name}.rss", run["full"] / 1e6, "MB", 128 if count == TRACKED[-1] else None, busy)
    found.add(f"{name}.per_source", (run["full"] - run["before"]) / count, "bytes", load=busy)
    found.add(f"{name}.rss_beyond_limit", run["beyond"] / 1e6, "MB", load=busy)


def _bans(chosen):
    with scene.guarded(chosen) as guard:
        time.sleep(6)
        before, _ = guard.resident()
        fill.bans(guard, chosen.bans)
        fill.settle(guard)
        at_once, _ = guard.resident()
        # Once a minute it gives back what making them took.
        time.sleep(MINUTE)
        return {"before": before, "at_once": at_once, "after": guard.parts()}


def _tracked(chosen, count):
    """Two rejections within the window would ban, and each source has one. [ban] max_sources bounds the table."""
    ban = f'first = "1d"\nscore = 2.0\nwindow = "1h"\nmax_sources = {count}'
    with scene.guarded(chosen, ban=ban, keeps_journal=False) as guard:
        time.sleep(2)
        before, _ = guard.resident()
        _reject(guard, lines.sources(count))
        full, _ = guard.resident()
        _reject(guard, lines.sources(BEYOND, count))
        status = guard.status()
        if int(status["tracked"]) != count or int(status["evicted"]) != BEYOND or int(status["bans"]) != 0:
            raise BenchError(f"tracked={status['tracked']} evicted={status['evicted']} bans={status['bans']}")
        beyond, _ = guard.resident()
        return {"before": before, "full": full, "beyond": beyond}


def _reject(guard, sources):
    begin = int(guard.status()["lines"])
    with open(guard.log, "ab") as log:
        for first in range(0, len(sources), CHUNK):
            at = lines.stamp()
            chunk = sources[first:first + CHUNK]
            log.write(b"".join(lines.rejection(source, 40000, at) for source in chunk))
            log.flush()
            guard.wait_for("lines", begin + first + len(chunk), 300)
    time.sleep(2)


def _lines(chosen, tell):
    """3 of 10 lines are rejections, of sources that come again and again; a file has 100,000 lines and is rotated."""
    count = int(chosen.lines * 1_000_000)
    sources = lines.sources(SOURCES)
    # A journal of millions of lines would be the largest thing on the disk.
    with scene.guarded(chosen, keeps_journal=False) as guard:
        begin, cpu = time.monotonic(), guard.cpu()
        course, written, rejections = [], 0, 0
        while written < count:
            chunk, rejections = _mixed(sources, rejections)
            with open(guard.log, "ab") as log:
                log.write(chunk)
            written += CHUNK
            guard.wait_for("lines", written - AHEAD * CHUNK, 600)
            old = f"{guard.log}.{written // CHUNK}"
            os.rename(guard.log, old)
            open(guard.log, "ab").close()
            behind = f"{guard.log}.{written // CHUNK - AHEAD - 1}"
            if os.path.exists(behind):
                os.remove(behind)
            if written % 1_000_000 == 0:
                status, _ = guard.wait_for("lines", written, 600)
                resident, peak = guard.resident()
                course.append({"lines": written, "rss_mb": round(resident / 1e6, 2), "peak_mb": round(peak / 1e6, 2),
                               "bans": int(status["bans"]), "rejections": int(status["rejections"]),
                               "state_mb": round(_size(os.path.join(guard.directory, "state")) / 1e6, 1)})
                tell(f"memory: {course[-1]}")
        seconds, cpu = time.monotonic() - begin, guard.cpu() - cpu
        status = guard.status()
        if int(status["lines"]) != count or int(status["rejections"]) != rejections:
            raise BenchError(f"{status['lines']} of {count} lines, {status['rejections']} of {rejections} rejections")
        fill.settle(guard)
        resident, peak = guard.resident()
        course.append({"lines": written, "idle_since": True, "rss_mb": round(resident / 1e6, 2), "peak_mb": round(peak / 1e6, 2)})
        return {"course": course, "speed": count / seconds, "cpu_per_line": cpu / count * 1e6,
                "state": _size(os.path.join(guard.directory, "state"))}


def _mixed(sources, rejections):
    at = lines.stamp()
    others = lines.others(at)
    parts = []
    for number in range(CHUNK):
        turn = number % 10
        if turn < 3:
            parts.append(lines.rejection(sources[rejections % len(sources)], 40000 + rejections % 20000, at))
            rejections += 1
        elif turn < 6:
            parts.append(lines.started(sources[(rejections + turn) % len(sources)], 40000 + number % 20000, at))
        else:
            parts.append(others[number % len(others)])
    return b"".join(parts), rejections


def _size(directory):
    return sum(os.stat(os.path.join(directory, name)).st_size for name in os.listdir(directory))
