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

SLOTS = 20
ROUNDS = 10
TRIES = 30  # a round that did not count is repeated: a slot may have become free by itself, as with Postfix under stress
SERVED_SECONDS = 20  # Sendmail looks again after up to 15 s
LIMIT_SECONDS = 90
NEXT = "198.19.253.2"  # always the same, as postscreen knows it after its first greeting


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
        # Ungreeted for so long, a client waits for a slot.
        self.patience = 0.3 + 2 * max(self.clients.greeting(NEXT) or 0, self.clients.greeting(NEXT) or 0)
        for _ in range(SLOTS):
            self._hold()
        rounds, deadline = 0, time.monotonic() + LIMIT_SECONDS
        for _ in range(TRIES):
            waiting = self.clients.order("greet", NEXT, patience=SERVED_SECONDS)
            if "greeted" in self.clients.wait(waiting, ("greeted",), self.patience):
                self._hold()  # there was a slot
                continue
            rejected = self.trial.one(self.held.pop(0))
            answer = self.clients.wait(waiting, ("greeted", "ended"), SERVED_SECONDS)
            greeted = answer["at"] if "greeted" in answer else None
            if greeted is None or rejected is None or greeted > rejected:
                rounds += 1
                if greeted is not None and rejected is not None:
                    self.times.append(greeted - rejected)
            if rounds == ROUNDS or time.monotonic() > deadline:
                break
            self._hold()
        return {"rounds": rounds, "served": len(self.times), "line_to_greeting_ms": rejections.quantiles(self.times)}

    def _hold(self):
        """One more listed client, which takes a slot if there is one."""
        key = self.clients.order("hold", f"198.18.{self.sources % 120}.{self.sources // 120 + 2}",
                                 patience=self.patience)
        self.sources += 1
        if "ready" in self.clients.wait(key, ("ready", "ended"), 0.5 + self.patience):
            self.held.append(key)
