"""A server without a free slot, and a client who waits for one: how soon is he served when a slot is freed?

Listed clients that are not rejected yet take every slot; then an unlisted one comes, and is not greeted. One of the
listed is rejected and stays silent. The time is that from its line in the log (where that comes earlier, from its 5xx)
to the greeting, whatever the server does to those it cannot serve: Exim says 421, Sendmail closes its listening socket
and looks again every few seconds, the others let them wait.
"""

import contextlib
import os
import time

import clients
import compare
import instance
import rejections
from errors import LabError

SLOTS = 20
ROUNDS = 10
WAITS_SECONDS = 2.5  # ungreeted for so long, the client waits for a slot: more than any server's pause before greeting
EXTRA = 10  # listed clients beyond the slots, as servers count differently


def run(name, options, guard, directory, binaries, tell):
    """Under a guard, one of those of compare.guards."""
    _, command, shed = guard
    os.makedirs(directory, exist_ok=True)
    info = instance.up(name, {**options, "slots": SLOTS}, tell)
    try:
        with contextlib.ExitStack() as ending:
            crowd = ending.enter_context(clients.Clients(name))
            if command is not None:
                ending.enter_context(compare.Guard(info, command, shed, directory, binaries))
                time.sleep(compare.SETTLE_SECONDS)
            return _Full(info, crowd, tell).run()
    finally:
        instance.down(name)


class _Full:
    def __init__(self, info, crowd, tell):
        self.clients, self.tell = crowd, tell
        self.trial = rejections.Trial(info, crowd, tell)
        self.held, self.sources, self.times = [], 0, []

    def run(self):
        for _ in range(SLOTS):
            self._hold()
        for number in range(ROUNDS):
            waiting = self._next_waits(number)
            rejected = self.trial.one(self.held.pop(0))
            greeted = self.clients.wait(waiting, ("greeted_at", "ended"), 25).get("greeted_at")
            if greeted is not None and rejected is not None:
                self.times.append(greeted - rejected)
            self._hold()
        return {"rounds": ROUNDS, "served": len(self.times), "line_to_greeting_ms": rejections.quantiles(self.times)}

    def _hold(self):
        """One more listed client that is served; False if it is not, as the server is full."""
        key = self.clients.order("hold", f"198.18.{self.sources % 120}.{self.sources // 120 + 2}")
        self.sources += 1
        is_served = "ready" in self.clients.wait(key, ("ready", "ended"), WAITS_SECONDS)
        # Who is not served yet will be, and then has a slot of its own.
        if is_served or "ended" not in self.clients.known(key):
            self.held.append(key)
        return is_served

    def _next_waits(self, number):
        """A client that is not greeted."""
        for _ in range(EXTRA):
            waiting = self.clients.order("next", f"198.19.{number}.{self.sources % 200 + 2}")
            if "greeted_at" not in self.clients.wait(waiting, ("greeted_at",), WAITS_SECONDS):
                return waiting
            self._hold()
        raise LabError(f"{len(self.held)} clients do not fill a server of {SLOTS} slots")
