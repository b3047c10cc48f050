"""Listed clients, rejected one at a time beside others who deliver, and what was seen of each."""

import contextlib
import os
import random
import re
import time

import mta
import slotwatch

AHEAD = 8  # clients that wait for their rejection, so that a slow greeting does not add up
AHEAD_OF_LINE = 2  # where the line comes first a client may not be silent for long
NEIGHBOURS = 2
NEIGHBOUR_SECONDS = 3
GREET_EVERY = 5
# Several, as Debian's Sendmail takes ten connections a minute of one address.
GREETED = [f"198.19.250.{number + 2}" for number in range(5)]
LINE_SECONDS, FREED_SECONDS = 5, 15
ALARMS = re.compile(
    rb"throttl|killed by signal|fatal:|panic|bad command startup|socket closed|segfault|core dumped|"
    rb"exit status [1-9]|too many|daemon (?:died|exiting)|cannot accept|refus(?:ed|ing) connections|"
    rb"rejecting connections|closed after SIGTERM|LOST child|malfunction|out of memory", re.IGNORECASE)
PARTS = ("line_to_closed", "line_to_free", "told_to_free", "line_to_told", "both_to_ended", "ended_to_free")


class Trial:
    def __init__(self, info, crowd, tell):
        self.info, self.clients, self.tell = info, crowd, tell
        self.module = mta.of(info["options"])
        self.log = slotwatch.Log(info["log"], self.module.REJECTION) if self.module.REJECTION else None
        self.freed, self.untold, self.stuck, self.greetings, self.failures = [], [], [], [], []
        self.neighbours = {}
        self.clients_judged = 0
        self.alive = False

    def run(self, count):
        held = {}
        most = min(AHEAD if self.log else AHEAD_OF_LINE, self.info["options"]["slots"] // 3)
        for number in range(count):
            for ahead in range(number, min(number + most, count)):
                if ahead not in held:
                    held[ahead] = self.clients.order("hold", f"198.18.{ahead % 120}.{ahead // 120 + 2}")
            self._neighbours(number)
            self.one(held[number])
            if number % GREET_EVERY == 0:
                self.greetings.append(self.clients.greeting(GREETED[len(self.greetings) % len(GREETED)]))
            if number % 20 == 19:
                self.tell(f"{number + 1} of {count}: {len(self.freed)} freed, {len(self.stuck)} not")
        for key in self.neighbours:
            self.neighbours[key] = self.clients.wait(key, ("delivered", "ended"), 30)
        last = self.clients.order("deliver", "198.19.252.2", seconds=0)
        self.alive = self.clients.wait(last, ("delivered", "ended"), 30).get("delivered", False)

    def _neighbours(self, number):
        for key, known in self.neighbours.items():
            if known is None and (now := self.clients.known(key)) and ("delivered" in now or "ended" in now):
                self.neighbours[key] = now
        if sum(known is None for known in self.neighbours.values()) < NEIGHBOURS:
            source = f"198.19.{len(self.neighbours) % 200}.{len(self.neighbours) // 200 + 10}"
            self.neighbours[self.clients.order("deliver", source, seconds=NEIGHBOUR_SECONDS)] = None

    def one(self, key):
        """One client, from its rejection to its end; when its line stood in the log, or else its client was told."""
        self.clients_judged += 1
        ready = self.clients.wait(key, ("ready", "ended"), 40)
        if "ready" not in ready:
            self.failures.append(f"{key}: {ready.get('ended', 'no answer')}")
            return None
        time.sleep(random.uniform(0.05, 0.25))  # nobody is in step with anybody
        holders = slotwatch.holders(self.info["server"]["pid"], self.clients.sources[key], ready["port"])
        if not holders:
            # Ended before it was even rejected, or the test is wrong.
            ended = self.clients.known(key).get("ended")
            (self.untold if ended else self.failures).append(f"{key}: {ended or 'no process holds its socket'}")
            return None
        if self.log:
            self.log.forget()
        with slotwatch.Slot(holders, self.module.FORKS) as slot:
            self.clients.send({"do": "reject", "key": key})
            line = self.log.wait(self.clients.sources[key], LINE_SECONDS) if self.log else None
            freed = slot.wait(FREED_SECONDS)
        told = self.clients.wait(key, ("told", "ended"), 5)
        if not told.get("is_rejected"):
            self.untold.append(f"{key}: {told}")
        if freed is None:
            self.stuck.append(key)
        elif line is None and self.log:
            self.failures.append(f"{key}: no line of its rejection")
        else:
            self._note(line, told.get("told"), self.clients.wait(key, ("ended",), 5).get("at"), *freed)
        return line or told.get("told")

    def _note(self, line, told, ended, closed, free):
        """The parts of the way: before line and 5xx are there nobody may end the connection, after its end the server
        alone is at work."""
        begin = max((at for at in (line, told) if at is not None), default=None)
        self.freed.append({
            "line_to_closed": _since(line, closed), "line_to_free": _since(line, free), "told_to_free": _since(told, free),
            "line_to_told": _since(line, told), "both_to_ended": _since(begin, ended), "ended_to_free": _since(ended, free)})

    def result(self, before):
        alarms = self._alarms()
        delivered = [known for known in self.neighbours.values() if known.get("delivered")]
        return {
            "clients": self.clients_judged,
            "freed": len(self.freed), "not_freed": len(self.stuck),
            **{f"{part}_ms": quantiles([entry[part] for entry in self.freed]) for part in PARTS},
            "untold": len(self.untold), "untold_clients": self.untold[:20], "failures": self.failures[:20],
            "greeting_ms": {"before": quantiles(before), "meanwhile": quantiles(self.greetings)},
            "greetings_failed": sum(value is None for value in self.greetings),
            "neighbours": len(self.neighbours), "neighbours_delivered": len(delivered),
            "neighbours_harmed": [known for known in self.neighbours.values() if not known.get("delivered")][:20],
            "alive": self.alive, "alarms": len(alarms), "alarm_lines": alarms[:20],
        }

    def _alarms(self):
        """Lines that an administrator would ask about, of the server's log and of those that syslog keeps."""
        places = {self.info["log"], *(os.path.join(self.info["directory"], "log", name)
                                      for name in ("mail.log", "mail.err", "exim4/paniclog"))}
        found = []
        for place in sorted(places):
            with contextlib.suppress(FileNotFoundError), open(place, "rb") as file:
                found += [line.decode("latin-1").rstrip("\n") for line in file if ALARMS.search(line)]
        return sorted(set(found))


def _since(begin, end):
    return None if begin is None or end is None else end - begin


def quantiles(seconds):
    """p50, p99 and the highest in milliseconds."""
    values = sorted(value * 1000 for value in seconds if value is not None)
    if not values:
        return None
    return {"n": len(values), **{label: round(values[min(int(len(values) * share), len(values) - 1)], 3)
                                 for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}}
