"""Brings a daemon to many bans the usual way: by rejections in its log."""

import os
import time

import lines

PORT = 40000
CHUNK = 5000


def add_options(parser):
    if not any(action.dest == "bans" for action in parser._actions):
        parser.add_argument("--bans", type=int, default=50_000, metavar="N", help="bans in the sets (default %(default)s)")


def bans(guard, count, begin=0):
    """The sources banned now. Waits for each chunk, so that this is no burst."""
    sources = lines.sources(count, begin)
    reject(guard, sources)
    return sources


def reject(guard, sources):
    log = os.open(guard.log, os.O_WRONLY | os.O_APPEND)
    before = int(guard.status()["bans"])
    try:
        for first in range(0, len(sources), CHUNK):
            at = lines.stamp()
            chunk = sources[first:first + CHUNK]
            os.write(log, b"".join(lines.rejection(source, PORT, at) for source in chunk))
            guard.wait_for("bans", before + first + len(chunk), 60)
    finally:
        os.close(log)


def settle(guard, seconds=60):
    """Until what was decided is on disk and the daemon idles: it uses next to no CPU for two seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        cpu = guard.cpu()
        time.sleep(2)
        if guard.cpu() - cpu < 0.01:
            return
