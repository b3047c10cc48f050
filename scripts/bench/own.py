"""breakwater under measurement, asked in the same words as the peers."""

import os
import signal
import subprocess

import daemon
import fill
import standin


class Breakwater:
    name = "breakwater"
    gap_seconds = (0.03, 0.13)
    holds_many = True

    def __init__(self, chosen, directory):
        self.standin = standin.StandIn(directory)
        self.daemon = daemon.Daemon(chosen.bin, directory)
        self.log = self.daemon.log

    def __enter__(self):
        self.standin.__enter__()
        return self

    def __exit__(self, *_):
        self.end()
        self.standin.__exit__()

    def configuration(self):
        with open(self.daemon.configuration) as file:
            return {"breakwater.toml": file.read().replace(self.daemon.directory, "DIRECTORY")}

    def start(self):
        self.daemon.start()

    begin = start

    def end(self):
        if self.daemon.process is not None:
            self.daemon.end(signal.SIGTERM)

    def prepare(self, addresses):
        """By their rejections, as that is how it comes to bans."""
        self.start()
        fill.reject(self.daemon, addresses)
        fill.settle(self.daemon)
        self.end()

    def run(self, *command):
        environment = {**os.environ, "BREAKWATER_SOCKET": self.daemon.socket, "BREAKWATER_CONFIG": self.daemon.configuration}
        return subprocess.run([self.daemon.client, *command], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, check=True).stdout

    def verbs(self, address):
        return {"list": ["list"], "ban": ["ban", address], "unban": ["unban", address]}

    def cpu(self):
        return self.daemon.cpu()

    def resident(self):
        return self.daemon.resident()[0]

    def switches(self):
        return sum(self.daemon.switches().values())

    def start_again(self):
        """Seconds from exec to its answer, with all bans still in the sets."""
        self.end()
        return self.daemon.start()

    def version(self):
        return subprocess.run([self.daemon.client, "--version"], capture_output=True, text=True).stdout.strip()
