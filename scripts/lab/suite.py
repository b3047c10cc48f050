"""Never the wrong one: everybody of cast.py against a guard, and a table of what went wrong.

The same clients talk to two labs at once, one guarded and one not. What the unguarded one says is the
measure; who signals whom is asked of the kernel. Then zombies come alone, and the guard is killed
and started again at random moments.
"""

import contextlib
import dataclasses
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import cast
import compare
import instance
import kernelwatch
import measure
import namespaces
import verdict
from errors import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST_SECONDS = 240  # of one dialogue, with every time limit reached
ACTS = "ptrace,pidfd_send_signal,kill"  # the system calls by which a guard acts on a process
STEP_SECONDS = 4  # within that a zombie comes by
# Found in the place of courieresmtpd by one network's connections: a child of couriertcpd, with a listed peer, of the
# same name, and asleep after RCPT. It accepts what it is told.
WRAPPER = f"""#!/bin/sh
case $TCPREMOTEIP in ::ffff:{cast.OTHER_PROGRAM_NET}*) exec /var/lib/other/courieresmtpd;; esac
exec /usr/lib/courier/courier/modules/esmtp/courieresmtpd "$@"
"""
OTHER_PROGRAM = r"""#!/usr/bin/perl
$| = 1;
print "220 another program\r\n";
while (<STDIN>) {
    if (/^QUIT/) { print "221 Bye.\r\n"; exit 0; }
    sleep 10 if /^RCPT/;
    print "250 Ok.\r\n";
}
"""


@dataclasses.dataclass
class Extent:
    """How much of everything."""
    copies: int
    flood: int
    zombies: int
    kills: int
    tarpits: tuple


FULL = Extent(copies=3, flood=120, zombies=150, kills=25, tarpits=(1, 0))
SHORT = Extent(copies=1, flood=20, zombies=30, kills=4, tarpits=(1,))


def run(name, guard, extent, options, out, binaries, tell):
    """The results, one per setting of the tarpit; verdict.json and all transcripts are in `out`."""
    results = []
    for tarpit in extent.tarpits:
        directory = os.path.join(os.path.abspath(out), f"tarpit-{tarpit}")
        os.makedirs(directory, exist_ok=True)
        with Stage(name, {**options, "tarpit": tarpit}, guard, directory, binaries, tell) as stage:
            results.append({"guard": guard[0], "tarpit": tarpit, **stage.play(extent)})
        with open(os.path.join(out, "verdict.json"), "w") as file:
            json.dump(results, file, indent=2)
    return results


class Stage:
    """Two labs, the guard of one of them, and the kernel's watch over it."""

    def __init__(self, name, options, guard, directory, binaries, tell):
        self.names = {"guarded": f"{name}-guarded", "reference": f"{name}-reference"}
        self.options, self.guard, self.directory = options, guard, directory
        self.binaries, self.tell = binaries, tell
        self.rejection = verdict.rejection(options["blocks"])
        self.labs, self._ending = {}, contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as ending:
            for role, name in self.names.items():
                # Without the tarpit the unguarded server says all it ever would say within the clients' time.
                options = self.options if role == "guarded" else {**self.options, "tarpit": 0}
                self.labs[role] = instance.up(name, options, self.tell)
                ending.callback(instance.down, name)
                _install_other_program(self.labs[role])
            self.watch = ending.enter_context(
                kernelwatch.KernelWatch(self.labs["guarded"]["server"]["namespaces"]["pid"]))
            self._ending = ending.pop_all()
        return self

    def __exit__(self, *error):
        return self._ending.__exit__(*error)

    def play(self, extent):
        everybody = cast.clients(extent.copies, extent.flood)
        self.tell(f"tarpit {self.options['tarpit']}: {len(everybody)} connections to a guarded and an unguarded server")
        begin = time.monotonic()
        with self._guard(0) as guard, self._pids_again() as churn:
            try:
                records = self._dialogues("cast", everybody)
            finally:
                churn.terminate()
            guard.watch()
            pids_again = int(churn.stdout.read() or 0)
            if guard.ended():
                raise LabError(f"the guard ended before the suite did, status {guard.ended_early}; see {guard.log}")
            stuck = _stopped_or_traced(self.labs["guarded"])
        judged = verdict.Verdict(everybody, records["reference"], records["guarded"], self.rejection)
        judged.judge_reference()
        judged.judge_connections()
        judged.judge_signals(self.watch.signals(since=begin), self.watch.lost)
        judged.counts.update(connections=len(everybody), cpu_s=guard.cpu,
                             pids_again=pids_again)
        if not judged.counts["ended"]:
            judged.complaints["nothing was tried"] = ["the guard ended no connection at all"]
        self._kills(extent, judged, stuck)
        if stuck:
            judged.complaints["left stopped or traced"] = stuck
        return {"counts": judged.counts, "complaints": judged.complaints}

    def _kills(self, extent, judged, stuck):
        """Zombies alone, and a guard that is killed at random moments."""
        zombies = cast.zombies(extent.zombies, per_second=extent.zombies / 30)
        self.tell(f"tarpit {self.options['tarpit']}: {len(zombies)} zombies, and the guard killed {extent.kills} times")
        begin = time.monotonic()
        done, dice, steps = threading.Event(), random.Random(1), []
        failures = judged.complaints.setdefault("guard did not start", [])

        def kill_again_and_again():
            for number in range(1, extent.kills + 1):
                # Every other time at a chosen step of what a guard does to a process, where there is strace.
                step = number // 2 if number % 2 == 0 and shutil.which("strace") else None
                try:
                    with self._guard(number, step) as guard:
                        if step is None:
                            done.wait(dice.uniform(0.05, 1.5) * 20 / extent.kills)
                        else:
                            steps.append(_wait_for_end(guard, done))
                        for pid in kernelwatch.descendants_and_self(guard.process.pid)[1:]:
                            with contextlib.suppress(ProcessLookupError):
                                os.kill(pid, signal.SIGKILL)
                except LabError as error:
                    # At a step a guard may well be killed before it is ready.
                    steps.append(True) if step is not None else failures.append(str(error))
            with self._guard(extent.kills + 1):
                done.wait(LONGEST_SECONDS)

        killer = threading.Thread(target=kill_again_and_again)
        killer.start()
        try:
            records = self._dialogues("kills", zombies)
        finally:
            done.set()
            killer.join()
        if not failures:
            del judged.complaints["guard did not start"]
        stuck += _stopped_or_traced(self.labs["guarded"])
        after = verdict.Verdict(zombies, records["reference"], records["guarded"], self.rejection)
        after.judge_reference()
        after.judge_kills()
        after.judge_signals(self.watch.signals(since=begin), self.watch.lost, before=judged)
        for rule, complaints in after.complaints.items():
            judged.complaints.setdefault(rule, []).extend(f"guard killed: {text}" for text in complaints)
        judged.counts.update(kills=extent.kills, kills_at_a_step=sum(steps),
                             untold_by_kills=after.counts["untold"], zombies=len(zombies))

    def _guard(self, number, killed_at=None):
        """The guard, started; with a number it meets SIGKILL when it is about to act on a process for that time."""
        _, command, shed = self.guard
        if killed_at is not None:
            command = (f"exec strace -f -qq -o /dev/null -e trace={ACTS} -e inject={ACTS}:signal=KILL:when={killed_at} "
                       f"sh -c {shlex.quote(command)}")
        directory = os.path.join(self.directory, f"guard-{number}")
        os.makedirs(directory, exist_ok=True)
        guard = compare.Guard(self.labs["guarded"], command, shed, directory, self.binaries)
        self.watch.follow(guard.process.pid)
        return guard

    def _dialogues(self, part, clients):
        """Everybody to both servers at once; the records by role."""
        start = time.monotonic() + 1.5  # time for two interpreters to start
        running, records = {}, {}
        with contextlib.ExitStack() as ending:
            for role, name in self.names.items():
                out = os.path.join(self.directory, f"{part}-{role}.jsonl")
                process = subprocess.Popen(_inside(name, "client", [sys.executable, os.path.join(HERE, "dialogue.py")]),
                                           stdin=subprocess.PIPE, text=True,
                                           preexec_fn=namespaces.end_with_parent)
                ending.callback(_end, process)
                process.stdin.write(json.dumps({"start": start, "out": out,
                                                "clients": [dataclasses.asdict(client) for client in clients]}))
                process.stdin.close()
                running[role] = (process, out)
            for role, (process, out) in running.items():
                if process.wait(LONGEST_SECONDS) != 0:
                    raise LabError(f"the clients of the {role} server ended with status {process.returncode}")
                with open(out) as file:
                    records[role] = [json.loads(line) for line in file]
        return records

    def _pids_again(self):
        """Starts churn.py, and returns its process."""
        name, root = self.names["guarded"], self.labs["guarded"]["root"]
        # As the server's namespace counts, unlike instance.info(): it is the mail server's own file.
        return subprocess.Popen(_inside(name, "server", [sys.executable, os.path.join(HERE, "churn.py"),
                                                         str(measure.couriertcpd(root)), str(LONGEST_SECONDS)]),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                preexec_fn=namespaces.end_with_parent)


def _wait_for_end(guard, done):
    """Whether the guard has ended by itself within some seconds."""
    deadline = time.monotonic() + STEP_SECONDS
    while not guard.ended() and time.monotonic() < deadline and not done.is_set():
        time.sleep(0.02)
    return guard.ended()


def _inside(name, side, command):
    return [sys.executable, os.path.join(HERE, "lab"), "exec", "--name", name, "--in", side, "--", *command]


def _end(process):
    process.terminate()  # no effect on one that has ended
    process.wait()


def _install_other_program(info):
    """Puts WRAPPER in the place of /usr/sbin/courieresmtpd, which is a link and so cannot be mounted upon itself."""
    root = info["root"]
    for path, text in (("var/lib/other/courieresmtpd", OTHER_PROGRAM), ("var/lib/other/wrapper", WRAPPER)):
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        with open(os.path.join(root, path), "w") as file:
            file.write(text)
        os.chmod(os.path.join(root, path), 0o755)
    script = ('cp -a "$1/usr/sbin" "$1/var/lib/other/sbin" && rm "$1/var/lib/other/sbin/courieresmtpd" && '
              'mv "$1/var/lib/other/wrapper" "$1/var/lib/other/sbin/courieresmtpd" && mount --bind "$1/var/lib/other/sbin" "$1/usr/sbin"')
    subprocess.run(_inside(info["name"], "server", ["sh", "-c", script, "sh", root]), check=True)


def _stopped_or_traced(info):
    """Processes of the server that somebody has stopped, or traces, once nothing goes on any more."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/ns/pid") != info["server"]["namespaces"]["pid"]:
                continue
            with open(f"/proc/{pid}/status") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        except OSError:
            continue
        if status["State"][0] in "Tt" or status["TracerPid"] != "0":
            found.append(f"pid {pid} ({status['Name']}): state {status['State']}, traced by {status['TracerPid']}")
    return found


ROWS = {
    "connections": lambda counts: counts["connections"],
    "ended by the guard": lambda counts: counts["ended"],
    "  of these with their complete 5xx": lambda counts: counts["told"],
    "signals sent by the guard": lambda counts: counts["signals"],
    "  of these to the owner of that very connection": lambda counts: counts["proven"],
    "delivered, of users and unlisted": lambda counts: f"{counts['delivered']} of {counts['have_to']}",
    "pids of ended slots given away at once": lambda counts: counts["pids_again"],
    "guard killed -9": lambda counts: f"{counts['kills']} times, {counts['zombies']} zombies",
    "  of these between two steps of an order": lambda counts: counts["kills_at_a_step"],
    "  connections closed untold by that": lambda counts: counts["untold_by_kills"],
}
RULES = ["reference", "nothing was tried", "guard did not start", "wrong connection ended", "ended without its 5xx",
         "other words than the server's", "signal to the wrong process", "dialogue blocked", "not delivered",
         "half a line, and the dialogue goes on", "left stopped or traced"]
COMPLAINTS_SHOWN = 8  # of each rule; verdict.json has all


def table(results):
    """Markdown, one column per setting of the tarpit, and the complaints below."""
    lines = [[results[0]["guard"], *(f"tarpit {'on' if result['tarpit'] else 'off'}" for result in results)]]
    lines += [[title, *(str(cell(result["counts"])) for result in results)] for title, cell in ROWS.items()]
    lines += [[f"VIOLATIONS: {rule}", *(str(len(result["complaints"].get(rule, []))) for result in results)]
              for rule in RULES]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for result in results:
        for rule, complaints in result["complaints"].items():
            text += ["", f"{rule}, tarpit {'on' if result['tarpit'] else 'off'}: {len(complaints)}"]
            text += [f"  {complaint}" for complaint in complaints[:COMPLAINTS_SHOWN]]
    return "\n".join(text)


def is_clean(results):
    return not any(result["complaints"] for result in results)
