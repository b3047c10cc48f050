"""What the kernel and the plainest tools need for the same work: below it nobody gets without another way."""

import ctypes
import os
import random
import resource
import select
import statistics
import subprocess
import time

import figures
import lines
from bencherror import BenchError

IN_MODIFY = 2  # <sys/inotify.h>
TRIES = 5
SET = ["inet", "floor", "banned"]

_libc = ctypes.CDLL(None, use_errno=True)


def tail(chosen, events):
    """Milliseconds from a line's write to its having been read, by a process that does nothing else."""
    with chosen.directory() as directory:
        path = os.path.join(directory, "mail.log")
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                _follow(path, writing, events)
            finally:
                os._exit(1)
        os.close(writing)
        os.read(reading, 1)
        begun = []
        for source in lines.sources(events):
            time.sleep(random.uniform(0.03, 0.13))
            line = lines.rejection(source, 40000, lines.stamp())
            begun.append(time.monotonic_ns())
            os.write(log, line)
        with os.fdopen(reading, "rb") as pipe:
            read = [int(line) for line in pipe]
        os.waitpid(child, 0)
    times = [(then - at) / 1e6 for at, then in zip(begun, read, strict=True)]
    return {"p50": figures.quantile(times, 0.5), "p99": figures.quantile(times, 0.99)}


def _follow(path, writing, events):
    log = os.open(path, os.O_RDONLY)
    notices = _libc.inotify_init1(os.O_NONBLOCK)
    if notices < 0 or _libc.inotify_add_watch(notices, os.fsencode(path), IN_MODIFY) < 0:
        raise BenchError(f"inotify on {path}: {os.strerror(ctypes.get_errno())}")
    os.write(writing, b"!")
    times = []
    while len(times) < events:
        select.select([notices], [], [])
        os.read(notices, 1 << 16)
        times += [time.monotonic_ns()] * os.read(log, 1 << 20).count(b"\n")
    os.write(writing, b"".join(b"%d\n" % at for at in times))
    os._exit(0)


def add(chosen, count):
    """Seconds of one `nft -f` of so many elements with a timeout each, and its CPU per element."""
    with chosen.directory() as directory:
        return _add(directory, count)


def _add(directory, count):
    path = os.path.join(directory, "elements.nft")
    with open(path, "w") as file:
        file.write(f"add table {SET[0]} {SET[1]}\n"
                   f"add set {' '.join(SET)} {{ type ipv4_addr; flags timeout; counter; size 2000000; }}\n"
                   f"add element {' '.join(SET)} {{ {', '.join(f'{source} timeout 1d' for source in lines.sources(count))} }}\n")
    begin, cpu = time.monotonic(), _children()
    _nft("-f", path)
    return {"seconds": time.monotonic() - begin, "cpu_per_ban": (_children() - cpu) / count}


def commands(chosen, count):
    """Milliseconds of nft itself as the command line, with so many elements in the set."""
    with chosen.directory() as directory:
        _add(directory, count)
    verbs = {"list": lambda _: ["list", "set", *SET],
             "ban": lambda turn: ["add", "element", *SET, f"{{ 192.0.2.{turn + 1} timeout 1d }}"],
             "unban": lambda turn: ["delete", "element", *SET, f"{{ 192.0.2.{turn + 1} }}"]}
    return {verb: statistics.median(_timed(arguments(turn)) for turn in range(TRIES)) for verb, arguments in verbs.items()}


def _timed(arguments):
    begin = time.monotonic()
    _nft(*arguments)
    return (time.monotonic() - begin) * 1000


def _nft(*arguments):
    done = subprocess.run(["nft", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise BenchError(f"nft {arguments[0]} failed: {done.stderr[:200].decode(errors='replace')}")


def _children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
