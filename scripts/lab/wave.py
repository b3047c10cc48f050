"""The wave: zombies from listed sources that hold their slot, and senders whose mail has to get through.

Runs in the client's namespaces as `wave.py OPTIONS-AS-JSON`, one process for all connections. Says
once a second how far it is, one JSON object per line, and leaves in the output directory

    connections.jsonl   one object per connection of a zombie
    legit.jsonl         one object per message of a legitimate sender, listed or not

A zombie goes EHLO, MAIL, RCPT (some, pipelined), reads the replies, then stays silent and closes
without a QUIT, which is what makes slots run out.

Every loop ends: zombies arrive until the profile is over, and messages begin until the tail is
over. A message on its way then keeps the time it has, so that none goes unjudged; the zombies
still there at the very end count as "cut". A sender who waits longer sends fewer messages: one
after the other, as MAXPERIP allows few connections of one address.
"""

import asyncio
import base64
import json
import os
import random
import re
import resource
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True

import network  # noqa: E402
import plan  # noqa: E402
import tree  # noqa: E402

FILES = 100_000
REPLY_SECONDS = 300  # with the tarpit five pipelined RCPTs are answered within 8 + 16 + 32 + 64 + 128 s
LINE_LIMIT = 65536


class Zombie(asyncio.Protocol):
    """One connection. `done` becomes true when it has ended, with `record["end"]` saying how."""

    COMPLETE_REPLY = re.compile(rb"[2-5][0-9][0-9](?: |$)")

    def __init__(self, wave, source):
        self.wave, self.loop = wave, wave.loop
        self.done = wave.loop.create_future()
        self.record = {"kind": "zombie", "source": source, "port": None, "t_start": wave.now(), "t_banner": None,
                       "t_rcpt": None, "t_5xx": None, "told": False, "end": None, "t_end": None}
        self.transport = None
        self.rest = b""
        self.replies = 0  # complete ones: banner, EHLO, MAIL, then one per RCPT
        self.timer = None

    async def run(self):
        chosen = self.wave.chosen
        source = self.record["source"]
        family = socket.AF_INET if network.family(source) == 4 else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.bind((source, 0))
            self.record["port"] = connection.getsockname()[1]
            async with asyncio.timeout(chosen["give_up"]):
                await self.loop.sock_connect(connection, (network.server_address(source), 25))
            self.after(chosen["give_up"] - (self.wave.now() - self.record["t_start"]), "gave-up")
            await self.loop.create_connection(lambda: self, sock=connection)
            await self.done
        except TimeoutError:
            self.finish("unanswered")  # no SYN-ACK: dropped on the way
        except OSError as error:
            self.finish("refused" if isinstance(error, ConnectionRefusedError) else f"error: {error.strerror}")
        except asyncio.CancelledError:
            self.finish("cut")
        finally:
            if self.transport is not None:
                self.transport.abort() if self.record["end"] == "cut" else self.transport.close()
            else:
                connection.close()

    def after(self, seconds, end):
        """Unless something else happens before, the connection ends so."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.loop.call_later(max(seconds, 0), self.finish, end)

    def finish(self, end):
        if self.record["end"] is None:
            self.record["end"] = end
            self.record["t_end"] = self.wave.now()
            if self.timer is not None:
                self.timer.cancel()
            if not self.done.done():
                self.done.set_result(None)

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        # Our own close() comes after finish(), which keeps the first reason.
        self.finish("server-rst" if error is not None else "server-fin")

    def eof_received(self):
        self.finish("server-fin")

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\r\n")
        if len(self.rest) > LINE_LIMIT:
            self.finish("line-too-long")
        for line in lines:
            if line.startswith(b"5") and not self.record["told"]:
                self.record["told"], self.record["t_5xx"] = True, self.wave.now()
                self.wave.counts["told"] += 1
            if self.COMPLETE_REPLY.match(line):
                self.replies += 1
                self.replied()

    def replied(self):
        chosen = self.wave.chosen
        if self.replies == 1:
            self.record["t_banner"] = self.wave.now()
        if self.record["told"] and self.record["t_rcpt"] is None:
            self.after(chosen["linger"], "lingered")  # told so early that there is nothing left to ask
        elif self.replies <= 3:
            self.after(REPLY_SECONDS, "reply-timeout")
            self.loop.call_later(chosen["command_delay"], self.send, self.replies)
        elif self.replies == 3 + chosen["pipelined"]:
            self.after(chosen["linger"], "lingered")

    def send(self, step):
        if self.record["end"] is not None or self.transport.is_closing():
            return
        if step == 1:
            self.transport.write(b"EHLO zombie.example\r\n")
        elif step == 2:
            self.transport.write(b"MAIL FROM:<spam@zombie.example>\r\n")
        else:
            self.record["t_rcpt"] = self.wave.now()
            self.transport.write(b"".join(b"RCPT TO:<%s@mail.example>\r\n" % name.encode()
                                          for name in plan.RECIPIENTS[:self.wave.chosen["pipelined"]]))


class Refusal(Exception):
    """The server answered a sender's command with something else than it should."""


class Wave:
    def __init__(self, chosen):
        self.chosen = chosen
        self.counts = {"started": 0, "open": 0, "told": 0, "legit": 0, "legit_ok": 0}
        self.tasks = set()
        self.over = False

    def now(self):
        """Seconds since the wave began. The clock is the host's: the measurer uses it, too."""
        return round(time.monotonic() - self.chosen["start"], 4)

    async def run(self):
        self.loop = asyncio.get_running_loop()
        self.sources = plan.zombie_sources(self.chosen)
        directory = self.chosen["out"]
        with (open(os.path.join(directory, "connections.jsonl"), "w") as self.connections,
              open(os.path.join(directory, "legit.jsonl"), "w") as self.messages):
            if self.chosen["known"]:
                await self.become_known()
            await asyncio.sleep(-self.now())
            jobs = [asyncio.create_task(self.keep_sending(kind, source, number))
                    for number, (kind, source) in enumerate(plan.senders(self.chosen))]
            jobs += [asyncio.create_task(self.arrive()), asyncio.create_task(self.report())]
            await asyncio.gather(*jobs)
            self.over = True
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def become_known(self):
        """One message of each sender, before anything is measured."""
        async with asyncio.timeout(plan.KNOWN_SECONDS - 2):
            await asyncio.gather(*(self.deliver({"kind": kind, "source": source, "t_start": self.now()})
                                   for kind, source in plan.senders(self.chosen)))

    async def report(self):
        for second in range(int(plan.length(self.chosen)) + 1):
            await asyncio.sleep(second - self.now())
            print(json.dumps({"t": second, **self.counts}), flush=True)

    async def arrive(self):
        for number, second in enumerate(plan.arrivals(self.chosen["profile"])):
            if second > self.now():
                await asyncio.sleep(second - self.now())
            self.begin(self.sources[number % len(self.sources)])

    def begin(self, source):
        if self.counts["started"] < plan.CONNECTIONS_LIMIT and not self.over:
            self.counts["started"] += 1
            task = asyncio.create_task(self.live(source))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def live(self, source):
        zombie = Zombie(self, source)
        self.counts["open"] += 1
        await zombie.run()
        self.counts["open"] -= 1
        self.connections.write(json.dumps(zombie.record) + "\n")
        if zombie.record["end"] != "cut" and random.random() < self.chosen["retry"]:
            self.loop.call_later(self.chosen["retry_after"], self.begin, source)

    async def keep_sending(self, kind, source, number):
        """One message after the other; who waits longer sends fewer."""
        every = self.chosen["legit_every"]
        due = every * number / max(self.chosen["legit"] + self.chosen["auth_listed"], 1)
        while due < plan.length(self.chosen):
            await asyncio.sleep(max(due - self.now(), 0))
            begin = self.now()
            record = {"kind": kind, "source": source, "t_start": begin, "t_banner": None, "ok": False, "end": None}
            self.counts["legit"] += 1
            try:
                async with asyncio.timeout(self.chosen["legit_timeout"]):
                    await self.deliver(record)
                record["ok"], record["end"] = True, "delivered"
                self.counts["legit_ok"] += 1
            except TimeoutError:
                record["end"] = "timeout"
            except Refusal as refusal:
                record["end"] = f"reply {refusal}"
            except (ConnectionResetError, asyncio.IncompleteReadError):
                record["end"] = "closed by the server"
            except OSError as error:
                record["end"] = os.strerror(error.errno) if error.errno else str(error)
            record["seconds"] = round(self.now() - begin, 4)
            self.messages.write(json.dumps(record) + "\n")
            due = max(begin + every, self.now())

    async def deliver(self, record):
        """Returns when the server has taken responsibility for the message."""
        reader, writer = await asyncio.open_connection(network.server_address(record["source"]), 25,
                                                       local_addr=(record["source"], 0))

        async def expect(code, *command):
            for text in command:
                writer.write(text.encode() + b"\r\n")
            while (line := await reader.readuntil(b"\r\n"))[3:4] == b"-":
                pass
            if not line.startswith(code.encode()):
                raise Refusal(line[:80].decode("ascii", "replace").strip())

        try:
            await expect("220")
            record["t_banner"] = self.now()
            await expect("250", "EHLO mx.sender.example")
            if record["kind"] == "auth":
                credentials = base64.b64encode(f"\0bob\0{tree.PASSWORD}".encode()).decode()
                await expect("235", f"AUTH PLAIN {credentials}")
            await expect("250", "MAIL FROM:<a@sender.example>")
            await expect("250", "RCPT TO:<bob@mail.example>")
            await expect("354", "DATA")
            await expect("250", "From: a@sender.example", f"Subject: {record['t_start']}", "", "Hello bob.", ".")
            writer.write(b"QUIT\r\n")
        finally:
            writer.close()


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this without a word
    chosen = json.loads(sys.argv[1])
    # One descriptor per connection. In a container even root may not go beyond the hard limit.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(FILES, hard), max(FILES, hard)))
    except ValueError:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(Wave(chosen).run())


if __name__ == "__main__":
    main()
