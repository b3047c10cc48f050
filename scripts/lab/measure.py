"""Counts slots and connections once a second: measure.py OPTIONS-AS-JSON, in the server's namespaces.

Writes samples.tsv in the output directory until the seconds are over. A slot is a connection that the
server has accepted and still holds, of Courier a living child of couriertcpd; an established connection
need not have one, as the kernel accepts on behalf of a server that has no slot left.
"""

import json
import os
import signal
import sys
import time

sys.dont_write_bytecode = True

import mta  # noqa: E402

PSS_EVERY = 5  # seconds; 600 reads of smaps_rollup are not cheap
COLUMNS = ("t", "slots", "established", "pss_kb", "load")
PORT = 25
ESTABLISHED, CLOSE_WAIT = "01", "08"  # <net/tcp_states.h>, as /proc/net/tcp writes them


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this without a word
    chosen = json.loads(sys.argv[1])
    pss = 0
    with open(os.path.join(chosen["out"], "samples.tsv"), "w", buffering=1) as table:
        table.write("\t".join(COLUMNS) + "\n")
        for second in range(int(chosen["seconds"]) + 1):
            # The schedule is absolute, so that a late sample does not delay the others.
            time.sleep(max(0, chosen["start"] + second - time.monotonic()))
            begin = round(time.monotonic() - chosen["start"], 2)
            if chosen["mta"] == "courier":
                pids = [pid for pid in children(couriertcpd(chosen["root"])) if is_alive(pid)]
                slots = len(pids)
                pids += [child for pid in pids for child in children(pid)]
            else:
                slots, pids = accepted(), processes(mta.KINDS[chosen["mta"]].PROGRAMS)
            if second % PSS_EVERY == 0:
                pss = sum(map(pss_kilobytes, pids))
            with open("/proc/loadavg") as file:
                load = float(file.read().split()[0])
            table.write("\t".join(map(str, (begin, slots, established(), pss, load))) + "\n")


def samples(directory):
    """What has been written so far, a dictionary of numbers per sample."""
    try:
        with open(os.path.join(directory, "samples.tsv")) as table:
            lines = [line.rstrip("\n").split("\t") for line in table if line.endswith("\n")]
    except FileNotFoundError:
        return []
    return [dict(zip(COLUMNS, map(float, line))) for line in lines[1:]]


def couriertcpd(root):
    try:
        with open(os.path.join(root, "run/courier/esmtpd.pid")) as file:
            return int(file.read())
    except (FileNotFoundError, ValueError):
        return 0  # being restarted


def children(pid, thread=None):
    """The children that one thread of a process has started, the main one if not said."""
    return [int(word) for word in _read(f"/proc/{pid}/task/{thread or pid}/children").split()]


def is_alive(pid):
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].strip()[:1] not in ("", "Z", "X")


def pss_kilobytes(pid):
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def established():
    return sum(state == ESTABLISHED for state, _ in _connections())


def accepted():
    """Connections that a process of the server has taken and not closed; the kernel gives those an inode."""
    return sum(state in (ESTABLISHED, CLOSE_WAIT) and inode != "0" for state, inode in _connections())


def _connections():
    """(state, inode) of each on our port."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _read(table).splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == PORT:
                yield fields[3], fields[9]


def processes(programs):
    """The pids of those whose name begins so, in our own pid namespace."""
    return [int(pid) for pid in os.listdir("/proc")
            if pid.isdigit() and _read(f"/proc/{pid}/comm").startswith(programs)]


def _read(path):
    """The text of a file of /proc, or nothing if its process has just ended."""
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


if __name__ == "__main__":
    main()
