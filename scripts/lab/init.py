"""Process 1 of the server's or the client's namespaces: init.py server|client INSTANCE.

Talks to `lab up` over its stdin and stdout: says its pid, waits for "go" (the cable is there then),
sets up its side and says "ready", or what failed. Killing it ends everything in its namespaces.

Its mount namespace shows the host's files with the lab's /proc, which is just what `lab exec`
needs; only the mail server's own processes are put into the tree.
"""

import json
import os
import signal
import socket
import sys

sys.dont_write_bytecode = True

import mta  # noqa: E402
import namespaces  # noqa: E402
import network  # noqa: E402
import services  # noqa: E402
from errors import LabError  # noqa: E402


def main(role, instance):
    namespaces.unshare(namespaces.CLONE_NEWNS | namespaces.CLONE_NEWNET | namespaces.CLONE_NEWUTS
                       | namespaces.CLONE_NEWIPC | namespaces.CLONE_NEWPID)
    child = os.fork()
    if child != 0:
        # The pid as the host sees it, which process 1 itself cannot know.
        print(f"pid {child}", flush=True)
        os._exit(0)
    order, answer = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w", buffering=1)
    # What is started from here on writes to init.log and does not hold the pipes to `lab up`.
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        namespaces.keep_mounts_inside()
        namespaces.mount("proc", "/proc", "proc", namespaces.MS_NOSUID)
        if order.readline() != "go\n":
            sys.exit(1)  # `lab up` is gone
        socket.sethostname("mx" if role == "server" else "client")
        if role == "server":
            network.configure_server()
            root = os.path.join(instance, "root")
            mount_tree(root, os.path.join(instance, "tree"))
            services.start(root)
            with open(os.path.join(instance, "state.json")) as file:
                options = json.load(file)["options"]
            mta.of(options).start(root, options)
        else:
            network.configure_client()
    except (LabError, OSError) as error:
        answer.write(f"failed {error}\n")
        sys.exit(1)
    answer.write("ready\n")
    order.close()
    answer.close()
    reap()


def mount_tree(root, tree):
    namespaces.bind(os.path.join(tree, "usr"), os.path.join(root, "usr"), read_only=True)
    namespaces.mount("proc", os.path.join(root, "proc"), "proc", namespaces.MS_NOSUID)
    for device in ("null", "zero", "full", "random", "urandom", "tty"):
        path = os.path.join(root, "dev", device)
        open(path, "w").close()
        namespaces.bind(f"/dev/{device}", path)


def reap():
    """Waits for the children and for orphans, for ever; SIGTERM ends all."""

    def end(_number, _frame):
        os._exit(0)  # the kernel kills the rest of the pid namespace

    signal.signal(signal.SIGTERM, end)
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            signal.pause()
            continue
        print(f"pid {pid} ended, status {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
