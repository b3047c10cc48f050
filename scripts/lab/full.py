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
import mta
import rejections

SLOTS = 20
ROUNDS = 10
SERVED_SECONDS = 20  # Sendmail looks again after up to 15 s
LIMIT_SECONDS = 90
PATIENCE_SECONDS = 60
MOST_HELD = 3 * SLOTS  # so many do not fill postscreen: whom it knows it hands on, whoever else is there
NEXT = "198.19.253.2"


def run(name, options, guard, directory, binaries, tell):
    """Under a guard, one of those of compare.guards."""
    _, command, shed = guard
    if shed is not None and mta.of(options).REJECTION is None:
        # The line is there before the greeting, so that a client that waits for its turn here would have its own be over.
        shed = {**shed, "told_timeout": f"{PATIENCE_SECONDS}s"}
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
        # The second greeting, as postscreen knows a peer after its first. Who is ungreeted for so long waits for a slot.
        self.clients.greeting(NEXT)
        self.patience = 0.3 + 2 * (self.clients.greeting(NEXT) or 0)
        for _ in range(SLOTS):
            self._order()
        for key in self.held:
            self.clients.wait(key, ("ready", "ended"), SERVED_SECONDS)
        rounds, deadline = 0, time.monotonic() + LIMIT_SECONDS
        while rounds < ROUNDS and time.monotonic() < deadline and len(self.held) < MOST_HELD:
            waiting = self.clients.order("greet", NEXT, patience=SERVED_SECONDS)
            is_served = "greeted" in self.clients.wait(waiting, ("greeted",), self.patience)
            ready = next((key for key in self.held if self._is_ready(key)), None)
            # A slot may have been free, or become free by itself, as with Postfix under stress: that does not count.
            if not is_served and ready is not None:
                self.held.remove(ready)
                rounds += self._round(ready, waiting)
            self.clients.wait(self._order(), ("ready", "ended"), self.patience)
        return {"rounds": rounds, "served": len(self.times), "line_to_greeting_ms": rejections.quantiles(self.times)}

    def _round(self, ready, waiting):
        """Rejects one; whether it counts."""
        rejected = self.trial.one(ready)
        answer = self.clients.wait(waiting, ("greeted", "ended"), SERVED_SECONDS)
        if "greeted" not in answer or rejected is None:
            return True
        if answer["at"] > rejected:
            self.times.append(answer["at"] - rejected)
        return answer["at"] > rejected

    def _order(self):
        """One more listed client, which takes a slot if there is one; its key."""
        self.held.append(self.clients.order("hold", f"198.18.{self.sources % 120}.{self.sources // 120 + 2}",
                                            patience=self.patience))
        self.sources += 1
        return self.held[-1]

    def _is_ready(self, key):
        known = self.clients.known(key)
        return "ready" in known and "ended" not in known
