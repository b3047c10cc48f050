"""One running lab: made by up(), taken away by down(), described by state.json in its directory.

    /run/breakwater-lab/NAME/      (BREAKWATER_LAB_RUN names another place than /run/breakwater-lab)
        root/         what the mail server sees as /: private but for /usr
        tree          link to the cached tree, the source of /usr
        log           link to root/var/log: mail.log is in it
        guard/        state and control socket of the guard that `lab compare` runs
        init.log      what the services said on stderr
        state.json    pids and options

Nothing else on the host belongs to a lab: its namespaces have no names and end with their processes.
"""

import glob
import json
import os
import signal
import subprocess
import sys
import time

import mta
import namespaces
import network
import services
import tree
from errors import LabError

DIRECTORY = os.environ.get("BREAKWATER_LAB_RUN", "/run/breakwater-lab")
DEFAULT_OPTIONS = mta.options("courier", {})


def directory(name):
    return os.path.join(DIRECTORY, name)


def names():
    return sorted(os.path.basename(path) for path in glob.glob(os.path.join(DIRECTORY, "*")))


def up(name, options, tell, files=None):
    """Brings a lab up and returns its state; leaves nothing behind when it fails.

    What is in the directory `files` goes over the server's files before anything starts.
    """
    path = directory(name)
    if os.path.isdir(path):
        if _is_alive(_state(name)):
            raise LabError(f"lab {name} is up already; remedy: lab down --name {name}, or another --name")
        down(name)  # what a crash has left
    software = tree.of_server(tell, mta.of(options))
    os.makedirs(DIRECTORY, mode=0o755, exist_ok=True)
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        raise LabError(f"lab {name} is being brought up by somebody else; use another --name") from None
    try:
        tree.copy(software, os.path.join(path, "root"))
        os.symlink(software, os.path.join(path, "tree"))
        os.symlink("root/var/log", os.path.join(path, "log"))
        os.mkdir(os.path.join(path, "guard"))
        _configure(os.path.join(path, "root"), options, files)
        state = {"name": name, "options": options}
        inits = {}
        for role in ("server", "client"):
            inits[role] = Init(role, path)
            state[role] = inits[role].identity
            with open(os.path.join(path, "state.json"), "w") as file:
                json.dump(state, file)
        network.connect(state["server"]["pid"], state["client"]["pid"])
        for init in inits.values():
            init.go()
        return info(name)
    except BaseException as error:
        if isinstance(error, LabError):
            _keep_logs(path)
        down(name)
        raise


def _configure(root, options, files):
    services.configure(root)
    mta.of(options).configure(root, options)
    if files is not None:
        # Owned by root, as /etc is; a mode is kept.
        done = subprocess.run(["cp", "-rT", "--preserve=mode", "--", files, root], capture_output=True, text=True)
        if done.returncode != 0:
            raise LabError(f"--files {files}: {done.stderr.strip()}")
    services.finish(root)


class Init:
    """The other end of init.py's stdin and stdout."""

    def __init__(self, role, path):
        self.role = role
        with open(os.path.join(path, "init.log"), "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "init.py"), role, path],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                start_new_session=True, cwd="/")
        pid = int(self._answer("pid"))
        self.identity = {"pid": pid, "started": _start_time(pid)}
        self.process.wait()  # only process 1 itself is left

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.close()
        self._answer("ready")

    def _answer(self, expected):
        line = self.process.stdout.readline().strip()
        word, _, rest = line.partition(" ")
        if word != expected:
            raise LabError(f"the {self.role} did not start: {rest or 'its process 1 ended'}")
        return rest


def _keep_logs(path):
    """After a failed start the directory goes, but not what explains the failure."""
    for log in ("init.log", "log/mail.log"):
        try:
            with open(os.path.join(path, log), errors="replace") as file:
                lines = file.readlines()[-10:]
        except OSError:
            continue
        sys.stderr.writelines(f"{log}: {line}" for line in lines)


def down(name):
    """Takes a lab away; returns False when there was none. Works on what a crash has left, too."""
    path = directory(name)
    if not os.path.isdir(path):
        return False
    state = _state(name)
    for role in ("client", "server"):
        identity = (state or {}).get(role)
        if identity and _start_time(identity["pid"]) == identity["started"]:
            os.kill(identity["pid"], signal.SIGKILL)
            _wait_for_end(identity)
    # Mounts are in namespaces that have just ended. Only a lab in a chroot whose surroundings
    # share their mounts may have shown some outside.
    for point in reversed([point for point in namespaces.mount_points() if point.startswith(path + "/")]):
        subprocess.run(["umount", "--lazy", point])
    if any(point.startswith(path + "/") for point in namespaces.mount_points()):
        raise LabError(f"something is still mounted below {path}; remedy: umount it, then lab down")
    tree.remove(path)
    return True


def _wait_for_end(identity, seconds=20):
    deadline = time.monotonic() + seconds
    while _start_time(identity["pid"]) == identity["started"]:
        if time.monotonic() > deadline:
            raise LabError(f"process {identity['pid']} does not end though killed; see its /proc/PID/stack")
        time.sleep(0.01)


def _state(name):
    try:
        with open(os.path.join(directory(name), "state.json")) as file:
            return json.load(file)
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _is_alive(state):
    return state is not None and all(
        role in state and _start_time(state[role]["pid"]) == state[role]["started"]
        for role in ("server", "client"))


def _start_time(pid):
    """With the pid it names a process for as long as the host runs; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def alive(name):
    """The state of a lab that is up."""
    state = _state(name)
    if not _is_alive(state):
        raise LabError(f"lab {name} is not up; remedy: lab up --name {name}")
    return state


def info(name):
    """What one needs to know to use a lab."""
    state = alive(name)
    path = directory(name)
    server, client = state["server"]["pid"], state["client"]["pid"]
    return {
        "schema": "breakwater-lab.info/1",
        "name": name,
        "directory": path,
        "log": os.path.join(path, "log", mta.of(state["options"]).LOG),
        "root": os.path.join(path, "root"),
        "maildir": os.path.join(path, "root/home/bob/Maildir"),
        "guard": os.path.join(path, "guard"),
        "server": {"pid": server, "ipv4": network.SERVER4, "ipv6": network.SERVER6, "port": 25,
                   "namespaces": _namespaces(server)},
        "client": {"pid": client, "ipv4": network.CLIENT4, "ipv6": network.CLIENT6,
                   "namespaces": _namespaces(client)},
        "sources": {"listed": network.LISTED, "unlisted": network.UNLISTED},
        "user": {"address": "bob@mail.example", "name": "bob", "password": tree.PASSWORD},
        "options": state["options"],
    }


def _namespaces(pid):
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "pid", "mnt", "uts", "ipc")}
