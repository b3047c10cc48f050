"""A guard under measurement, whichever it is: a private tree, its own namespaces, what /proc tells of all its processes.

The measuring process has a network and a mount namespace of its own (space.py), in which the tree is
put together; the guard's processes get a process-id namespace in addition, so that they can be told
from all others, and end together.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback

import init
import namespaces
import peertree
import tree
from bencherror import BenchError

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
START_SECONDS = 60
LOG = "/var/log/mail.log"  # as the peer sees it
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}


class Peer:
    """What fail2ban, sshguard and crowdsec have in common; each tells its configuration and its programs."""

    name = ""
    package = ""
    own_log = "/var/log/guard.out"
    gap_seconds = (0.03, 0.13)  # between two rejections that are measured one by one
    holds_many = True  # 50,000 bans can be had in it within minutes

    def __init__(self, _chosen, directory):
        self.root = os.path.join(directory, "root")
        self.log = self.path(LOG)
        self.keeper = self.pid = None

    def path(self, path):
        """Where a file of the peer is for us."""
        return self.root + path

    def __enter__(self):
        software = peertree.ready(lambda text: print(f"bench: {text}", file=sys.stderr))
        tree.copy(software, self.root)
        namespaces.unshare(namespaces.CLONE_NEWNS)
        namespaces.keep_mounts_inside()
        init.mount_tree(self.root, software)
        self.write(LOG, "")
        self.configure()
        return self

    def __exit__(self, *_):
        self.end()
        points = [point for point in namespaces.mount_points() if point.startswith(self.root + "/")]
        for point in reversed(points):
            subprocess.run(["umount", "--lazy", point], check=True)  # or else removing the tree would go beyond it
        shutil.rmtree(self.root)

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w") as file:
            file.write(text)

    # What each peer tells

    def configure(self):
        for path, text in self.configuration().items():
            self.write(path, text)

    def configuration(self):
        """{path: text} of what is changed of the shipped configuration; the table shows it."""
        raise NotImplementedError

    def launch(self, spawn):
        """Runs as process 1: starts the programs, in order."""
        raise NotImplementedError

    def is_ready(self):
        raise NotImplementedError

    def prepare(self, addresses):
        """Bans them in what it keeps on disk; it is not running, and whoever starts it next finds them there."""
        raise NotImplementedError

    def hold(self, addresses):
        """Running, with these bans; it has been started, and has not put all of them into its sets in time."""

    def verbs(self, address):
        """{"list" | "ban" | "unban": command}; none where there is no command line."""
        return {}

    def version(self):
        lines = self.run("dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n", *self.package.split())
        return ", ".join(lines.decode().split("\n")[:-1])

    def reading(self, path):
        """The command that reads a whole log for what its parser knows; none where there is no such thing."""
        return None

    # Life

    def start(self):
        self.begin()
        begin = time.monotonic()
        while not self.is_ready():
            waited = time.monotonic() - begin
            if waited > START_SECONDS or waited > 2 and not self.pids():
                raise BenchError(f"{self.name} did not start: {self.last_words()}")
            time.sleep(0.02)

    def begin(self):
        """Returns when its first process runs; that is not yet when it guards."""
        reading, writing = os.pipe()
        self.keeper = os.fork()
        if self.keeper == 0:
            try:
                # A pipe of the listener that is also open here would never be seen to close.
                os.closerange(3, writing)
                os.closerange(writing + 1, 1024)
                self._keep(writing)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            self.pid = int(pipe.readline() or 0)
        if not self.pid:
            raise BenchError(f"{self.name}: no process namespace")

    def _keep(self, writing):
        """Waits for the peer's process 1, which is its child, as its own process id stays in the old namespace."""
        namespaces.end_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        namespaces.unshare(namespaces.CLONE_NEWPID | namespaces.CLONE_NEWNS)
        child = os.fork()
        if child != 0:
            os.write(writing, b"%d\n" % child)
            os.close(writing)
            os.waitpid(child, 0)
            os._exit(0)
        os.close(writing)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        namespaces.end_with_parent()
        namespaces.mount("proc", self.path("/proc"), "proc", namespaces.MS_NOSUID)
        words = os.open(self.path("/var/log/guard.out"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(words, 1)
        os.dup2(words, 2)
        self.launch(lambda *command: subprocess.Popen(command, env=ENVIRONMENT, preexec_fn=self._enter))
        init.reap()

    def end(self):
        """As kill -9 does; what is in the sets stays there."""
        if self.pid is not None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # its process 1 has failed, and said why
            os.waitpid(self.keeper, 0)
            self.keeper = self.pid = None

    def last_words(self):
        said = []
        for log in ("/var/log/guard.out", self.own_log):
            if os.path.exists(self.path(log)):
                with open(self.path(log), errors="replace") as file:
                    said += file.readlines()[-3:]
        return "".join(said).strip() or "it said nothing"

    def run(self, *command, seconds=120):
        """One of its programs, from outside its process-id namespace; what it printed."""
        done = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, preexec_fn=self._enter, timeout=seconds)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
        return done.stdout

    def _enter(self):
        os.chroot(self.root)
        os.chdir("/")

    # What the kernel says of it

    def pids(self):
        """Its processes but process 1, which is ours."""
        if self.pid is None:
            return []
        try:
            own = os.readlink(f"/proc/{self.pid}/ns/pid")
        except FileNotFoundError:
            return []
        return [int(name) for name in os.listdir("/proc")
                if name.isdigit() and int(name) != self.pid and _link(f"/proc/{name}/ns/pid") == own]

    def cpu(self):
        """Seconds of CPU of all its processes, with those that have ended: each was waited for."""
        ticks = 0
        for pid in [self.pid, *self.pids()]:
            fields = _stat(pid)
            if fields:
                # man 5 proc: utime, stime, and those of the children; of process 1 only the latter.
                ticks += sum(int(field) for field in fields[11 if pid != self.pid else 13:15])
        return ticks / TICKS

    def resident(self):
        """Bytes, the sum over its processes: what they share counts for each."""
        fields = [_stat(pid) for pid in self.pids()]
        return sum(int(field[21]) * PAGE for field in fields if field)

    def switches(self):
        """Voluntary context switches of all its threads."""
        total = 0
        for pid in self.pids():
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/status") as file:
                        total += next(int(line.split()[1]) for line in file if line.startswith("voluntary"))
            except (FileNotFoundError, ProcessLookupError, StopIteration):
                continue
        return total


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None


def _stat(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def has_set(table, name):
    return subprocess.run(["nft", "list", "set", *table.split(), name], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0
