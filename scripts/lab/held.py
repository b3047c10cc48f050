"""Clients that do what they are told, one step at a time: held.py, in the client's namespaces.

Reads orders from its stdin, one JSON object per line with a key that the answers repeat, and writes what happens:

    hold     connects from `source`, says EHLO and MAIL; answers "ready" with its port
    reject   the same client names a recipient: "told" when the whole reply is there, then it stays silent: "ended"
    greet    connects and leaves when it has been greeted: "greeted" after so many seconds
    deliver  delivers a message within about `seconds`: "delivered" or not

With a `patience` in seconds a client that gets no slot comes again and again. Times are those of the host's monotonic
clock. It ends when its stdin does.
"""

import json
import queue
import signal
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True

from dialogue import Dialogue, Ended  # noqa: E402

LINGER_SECONDS = 25
ORDERS_LIMIT = 400  # clients at once
AGAIN_SECONDS = 0.02


class Held:
    """A client with a thread of its own."""

    def __init__(self, order, say):
        self.order, self.say = order, say
        self.orders = queue.Queue()
        self.dialogue = Dialogue(0.0, order["source"], [])
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            {"hold": self._hold, "greet": self._greet, "deliver": self._deliver}[self.order["do"]]()
        except Ended as ended:
            self._say(ended=str(ended), at=time.monotonic())
        except OSError as error:
            self._say(ended=f"error: {error}", at=time.monotonic())
        finally:
            if self.dialogue.connection is not None:
                self.dialogue.connection.close()

    def _say(self, **known):
        self.say({"key": self.order["key"], **known})

    def _begin(self, name):
        self._wait_for_greeting()
        self.dialogue.take(f"EHLO {name}")

    def _wait_for_greeting(self):
        """A server without a free slot lets one wait, says 421, or has closed its listening socket."""
        deadline = time.monotonic() + self.order.get("patience", 0)
        while True:
            self.dialogue = Dialogue(0.0, self.order["source"], [])
            try:
                self.dialogue.connect()
                self.dialogue.take("")
                if self.dialogue.heard.startswith(b"220"):
                    return
                raise Ended(f"greeted with {self.dialogue.heard[:60]!r}")
            except (Ended, OSError):
                if time.monotonic() > deadline:
                    raise
            self.dialogue.connection.close()
            time.sleep(AGAIN_SECONDS)

    def _hold(self):
        self._begin("zombie.example")
        self.dialogue.take("MAIL FROM:<spam@zombie.example>")
        self._say(ready=True, port=self.dialogue.port)
        self.orders.get()
        before = len(self.dialogue.heard)
        self.dialogue.send("RCPT TO:<bob@mail.example>\r\n")
        # A client's kernel may wait 40 ms for something to send with its acknowledgement; this one does not.
        self.dialogue.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self.dialogue.await_replies(1)
        at = time.monotonic()
        reply = self.dialogue.heard[before:].decode("latin-1")
        self._say(told=at, reply=reply, is_rejected=reply.startswith("5"))
        self.dialogue.pause(LINGER_SECONDS)
        self._say(ended="lingered", at=time.monotonic())

    def _greet(self):
        begin = time.monotonic()
        self._wait_for_greeting()
        at = time.monotonic()
        self._say(greeted=at - begin, at=at)
        self.dialogue.take("QUIT")

    def _deliver(self):
        pause = self.order["seconds"] / 4
        self._begin("mx.sender.example")
        for step in ("MAIL FROM:<a@sender.example>", ("pause", pause), "RCPT TO:<bob@mail.example>", ("pause", pause),
                     "DATA", ("raw", "From: a@sender.example\r\nSubject: neighbour\r\n\r\n"), ("pause", pause),
                     ("raw", "Hello bob.\r\n"), ("pause", pause), "."):
            self.dialogue.take(step)
        last = self.dialogue.heard.splitlines()[-1]
        self._say(delivered=last.startswith(b"250"), reply=last.decode("latin-1"))
        self.dialogue.take("QUIT")


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    lock = threading.Lock()

    def say(event):
        with lock:
            print(json.dumps(event), flush=True)

    clients = {}
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "reject":
            clients[order["key"]].orders.put(order)
            continue
        clients = {key: client for key, client in clients.items() if client.thread.is_alive()}
        if len(clients) >= ORDERS_LIMIT:
            say({"key": order["key"], "ended": "error: too many clients", "at": time.monotonic()})
            continue
        clients[order["key"]] = Held(order, say)


if __name__ == "__main__":
    main()
