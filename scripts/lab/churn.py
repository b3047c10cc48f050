"""Uses pids again: churn.py PID SECONDS, in the server's namespaces; PID is couriertcpd.

As soon as one of couriertcpd's children is gone, its pid goes to a process of ours, which lives for
some seconds and is nobody's slot. Prints how often that was so. Whoever signals a pid and not the
process he has looked at hits one of these sooner or later.
"""

import os
import signal
import sys
import time

sys.dont_write_bytecode = True

import measure  # noqa: E402

LOOK_EVERY = 0.004
LIFE_SECONDS = 3
DECOYS_LIMIT = 200


def main(couriertcpd, seconds):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    deadline = time.monotonic() + seconds
    used, known, decoys = 0, set(), {}
    try:
        while time.monotonic() < deadline:
            present = set(measure.children(couriertcpd))
            for pid in known - present:
                if len(decoys) < DECOYS_LIMIT and (decoy := _process_with(pid)):
                    decoys[decoy] = time.monotonic() + LIFE_SECONDS
                    used += decoy == pid
            known = present
            for decoy in [decoy for decoy, end in decoys.items() if end < time.monotonic()]:
                _end(decoys, decoy)
            time.sleep(LOOK_EVERY)
    finally:
        for decoy in list(decoys):
            _end(decoys, decoy)
        print(used, flush=True)


def _process_with(pid):
    """A process of ours, which has this pid unless somebody was quicker; its pid."""
    try:
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(pid - 1))
        child = os.fork()
    except OSError:
        return None
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(LIFE_SECONDS * 2)
        os._exit(0)
    return child


def _end(decoys, decoy):
    del decoys[decoy]
    os.kill(decoy, signal.SIGKILL)
    os.waitpid(decoy, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
