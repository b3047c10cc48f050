"""One breakwaterd under measurement: its configuration, its life, what /proc tells of it, and questions to it."""

import glob
import os
import signal
import socket
import sqlite3
import subprocess
import time

import namespaces
from bencherror import BenchError

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60

CONFIGURATION = """\
mode = "enforce"
state_directory = "{directory}/state"
control_socket = "{directory}/control.sock"
control_group = ""
[mta]
kind = "courier"
log = "{log}"
slots = 300
[ban]
{ban}
[limit]
new_per_second = 0
"""
# Nothing ends while it is measured, and each source is in the set by itself.
BAN = 'first = "1d"\nmax = "7d"'


class Daemon:
    """Runs in the caller's network namespace; ended at the latest with the caller."""

    def __init__(self, binaries, directory, ban=BAN, log=None, command=None, keeps_journal=True):
        self.directory = directory
        self.log = log or os.path.join(directory, "mail.log")
        self.socket = os.path.join(directory, "control.sock")
        self.configuration = os.path.join(directory, "breakwater.toml")
        self.journal = os.path.join(directory, "breakwaterd.log") if keeps_journal else "/dev/null"
        self.command = command or [os.path.join(binaries, "breakwaterd")]
        self.client = os.path.join(binaries, "breakwater")
        self.process = None
        os.makedirs(os.path.join(directory, "state"), exist_ok=True)
        with open(self.configuration, "w") as file:
            file.write(CONFIGURATION.format(directory=directory, log=self.log, ban=ban))
        if log is None:
            open(self.log, "ab").close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.end(signal.SIGKILL)

    # Life

    def start(self):
        """Starts it and waits until it answers; seconds from exec to the answer."""
        begin = time.monotonic()
        with open(self.journal, "ab") as journal:
            self.process = subprocess.Popen([*self.command, "--config", self.configuration], stdin=subprocess.DEVNULL,
                                            stdout=journal, stderr=journal, preexec_fn=namespaces.end_with_parent)
        self.pid = self.process.pid
        while True:
            try:
                if self.ask("ping")[1]["word"] == "done":
                    return time.monotonic() - begin
            except (FileNotFoundError, ConnectionError):
                pass
            if self.process.poll() is not None:
                raise BenchError(f"breakwaterd ended with status {self.process.returncode}: {self.last_words()}")
            if time.monotonic() - begin > START_SECONDS:
                raise BenchError(f"breakwaterd does not answer after {START_SECONDS} s: {self.last_words()}")
            time.sleep(0.001)

    def end(self, number=signal.SIGTERM):
        """Ends it; seconds until it was gone."""
        begin = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BenchError("breakwaterd did not end within 30 s of SIGTERM") from None
        self.process = None
        return time.monotonic() - begin

    def last_words(self):
        if self.journal == "/dev/null":
            return "it kept no journal"
        with open(self.journal, errors="replace") as file:
            return "".join(file.readlines()[-3:]).strip()

    # Questions

    def ask(self, *words):
        """([rows], last record) of one request: dictionaries of the fields, the first word under "word"."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            connection.connect(self.socket)
            connection.sendall(" ".join(words).encode() + b"\n")
            rows, rest = [], b""
            while True:
                data = connection.recv(1 << 16)
                if not data:
                    raise ConnectionError("closed before the answer's end")
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    record = _record(line.decode())
                    if record["word"] != "row":
                        return rows, record
                    rows.append(record)

    def status(self):
        return self.ask("status")[0][0]

    def wait_for(self, key, value, seconds):
        """Until a number of `status` has reached `value`; the last status, and seconds it took."""
        begin = time.monotonic()
        while True:
            status = self.status()
            if int(status.get(key, 0)) >= value:
                return status, time.monotonic() - begin
            if time.monotonic() - begin > seconds:
                raise BenchError(f"{key} is {status.get(key)} after {seconds} s, not {value}")
            time.sleep(0.02)

    def stored(self, what):
        """How many rows of a table its database has."""
        database = sqlite3.connect(f"file:{self.directory}/state/breakwater.db?mode=ro", uri=True, timeout=30)
        try:
            return database.execute("SELECT count(*) FROM " + what).fetchone()[0]
        finally:
            database.close()

    # What the kernel says of it

    def resident(self):
        """Bytes, with their peak since `forget_peak`: (now, peak)."""
        values = self._fields("status")
        return int(values["VmRSS"].split()[0]) * 1024, int(values["VmHWM"].split()[0]) * 1024

    def forget_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")

    def parts(self):
        """Resident bytes by what they are: anonymous, of files and clean, of files and changed."""
        sums = {key: int(value.split()[0]) * 1024 for key, value in self._fields("smaps_rollup").items()
                if value.endswith("kB")}
        return {"rss": sums["Rss"], "pss": sums["Pss"], "anonymous": sums["Anonymous"],
                "file": sums["Rss"] - sums["Anonymous"], "private_dirty": sums["Private_Dirty"]}

    def cpu(self):
        """Seconds of CPU of all its threads, to the nanosecond where the kernel keeps that."""
        try:
            return sum(int(_read(path).split()[0]) for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat")) / 1e9
        except (OSError, IndexError):
            fields = _read(f"/proc/{self.pid}/stat").rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / TICKS

    def switches(self):
        """{thread: voluntary context switches}, each of which is a wake-up to come."""
        found = {}
        for task in glob.glob(f"/proc/{self.pid}/task/*"):
            values = _fields(os.path.join(task, "status"))
            name = values["Name"] if values["Name"] != "breakwaterd" else "store"
            if int(os.path.basename(task)) == self.pid:
                name = "main"
            found[name] = found.get(name, 0) + int(values["voluntary_ctxt_switches"])
        return found

    def _fields(self, name):
        return _fields(f"/proc/{self.pid}/{name}")


def _read(path):
    with open(path) as file:
        return file.read()


def _fields(path):
    return dict((key, value.strip()) for key, _, value in (line.partition(":") for line in _read(path).splitlines()))


def _record(line):
    """`word key=value key="quoted value"`; escapes are left as they are, nothing here needs them."""
    word, _, rest = line.partition(" ")
    record = {"word": word}
    while rest:
        key, _, rest = rest.partition("=")
        if rest.startswith('"'):
            end = 1
            while rest[end] != '"':
                end += 2 if rest[end] == "\\" else 1
            record[key], rest = rest[1:end], rest[end + 2:]
        else:
            record[key], _, rest = rest.partition(" ")
    return record
