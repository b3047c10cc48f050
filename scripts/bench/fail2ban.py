"""fail2ban under measurement: its filter for Courier's submission errors with one line more, for 511."""

import json
import sqlite3
import time

import peer

JAIL = "courier"
DATABASE = "/var/lib/fail2ban/fail2ban.sqlite3"
ACTION = "nftables[type=multiport, name=courier, port=25, blocktype=drop]"


class Fail2ban(peer.Peer):
    name = "fail2ban"
    package = "fail2ban"
    own_log = "/var/log/fail2ban.log"
    gap_seconds = (0.2, 0.7)

    def configuration(self, action=ACTION):
        return {
            "/etc/fail2ban/filter.d/courier-smtp.local":
                "[Definition]\nfailregex = %(known/failregex)s\n            ^[^:]*: 511 \n",
            "/etc/fail2ban/jail.d/defaults-debian.conf": "[sshd]\nenabled = false\n",
            "/etc/fail2ban/jail.d/courier.conf":
                f"[{JAIL}]\nenabled = true\nfilter = courier-smtp\nlogpath = {peer.LOG}\nbackend = pyinotify\n"
                f"maxretry = 1\nfindtime = 10m\nbantime = 1d\naction = {action}\n",
        }

    def launch(self, spawn):
        spawn("fail2ban-server", "-xf", "start")

    def start(self):
        self.write(self.own_log, "")
        super().start()
        time.sleep(1)  # its jail's thread is said to have started, and has yet to look at the file

    def is_ready(self):
        with open(self.path(self.own_log), errors="replace") as file:
            return f"Jail '{JAIL}' started" in file.read()

    def prepare(self, addresses):
        self.start()  # makes the database
        self.end()
        now = int(time.time())
        rows = [(address, JAIL, now, 86400, 1, json.dumps({"matches": [], "failures": 1})) for address in addresses]
        database = sqlite3.connect(self.path(DATABASE))
        for table in ("bips", "bans"):
            database.executemany(f"INSERT INTO {table}(ip, jail, timeofban, bantime, bancount, data) "
                                 "VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.commit()
        database.close()

    def hold(self, addresses):
        """Restoring them would take a quarter of an hour; without an action it has them within seconds."""
        self.end()
        for path, text in self.configuration(action="").items():
            self.write(path, text)
        self.start()
        deadline = time.monotonic() + peer.START_SECONDS
        while self.run(*self.verbs("")["list"]).count(b".") < 3 * len(addresses):
            if time.monotonic() > deadline:
                raise peer.BenchError("fail2ban does not hold the bans of its database")
            time.sleep(1)

    def verbs(self, address):
        return {"list": ["fail2ban-client", "status", JAIL], "ban": ["fail2ban-client", "set", JAIL, "banip", address],
                "unban": ["fail2ban-client", "set", JAIL, "unbanip", address]}

    def reading(self, path):
        return ["fail2ban-regex", "--print-no-missed", "--print-no-ignored", path, "courier-smtp"]
