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
import ipaddress
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
import tree  # noqa: E402
from errors import LabError  # noqa: E402

SHAPES = {
    # Saturates an unguarded server of 300 slots after some 20 s, with the tarpit on.
    "short": {"profile": "0:10,15:25,60:25,75:5", "tail": 10.0},
    # 3,300 connections: the wave by which guards are compared.
    "default": {"profile": "0:5,60:25,120:25,180:5", "tail": 25.0},
}

CONNECTIONS_LIMIT = 200_000
FILES = 100_000
REPLY_SECONDS = 200  # the fifth pipelined RCPT is answered after 8 + 16 + 32 + 64 + ... s of tarpit
LINE_LIMIT = 65536
RECIPIENTS = ("bob", "alice", "carol", "dave", "erin")
# The last octets but one of 198.18.0.0/17: up to here zombies, above it listed senders who log in.
ZOMBIE_NETS = 120

LISTED6, UNLISTED6 = "2001:db8:66", "2001:db8:67"


def add_options(parser):
    group = parser.add_argument_group("the wave")
    group.add_argument("--shape", choices=SHAPES, default="default",
                       help="short: 85 s; default: 205 s; both plus what a message still needs (default %(default)s)")
    group.add_argument("--profile", metavar="T:R,...",
                       help="in place of a shape: zombies per second R at second T, linear between")
    group.add_argument("--tail", type=float, metavar="S", help="go on for S seconds after the profile")
    group.add_argument("--sources", type=int, default=3000, metavar="N", help="addresses of zombies (default %(default)s)")
    group.add_argument("--linger", type=float, default=60, metavar="S",
                       help="a zombie's silence after its 5xx (default %(default)s)")
    group.add_argument("--give-up", type=float, default=30, metavar="S",
                       help="a zombie waits this long for the banner (default %(default)s)")
    group.add_argument("--retry", type=float, default=0, metavar="SHARE",
                       help="share of ended connections whose source comes again (default %(default)s)")
    group.add_argument("--retry-after", type=float, default=5, metavar="S", help="how long later (default %(default)s)")
    group.add_argument("--ipv6-share", type=float, default=0, metavar="SHARE",
                       help="share of sources, zombies and others, with IPv6 (default %(default)s)")
    group.add_argument("--pipelined", type=int, choices=range(1, len(RECIPIENTS) + 1), default=1, metavar="K",
                       help="recipients a zombie pipelines, 1 to 5 (default %(default)s)")
    group.add_argument("--command-delay", type=float, default=0.15, metavar="S",
                       help="a zombie thinks this long before each command (default %(default)s)")
    group.add_argument("--legit", type=int, default=10, metavar="N", help="unlisted senders (default %(default)s)")
    group.add_argument("--auth-listed", type=int, default=0, metavar="N",
                       help="listed senders who log in as bob (default %(default)s)")
    group.add_argument("--legit-every", type=float, default=4, metavar="S",
                       help="each sends a message this often (default %(default)s)")
    group.add_argument("--legit-timeout", type=float, default=30, metavar="S",
                       help="without a 250 by then a message has failed (default %(default)s)")
    group.add_argument("--seed", type=int, default=1, help="of the order of sources (default %(default)s)")


def options(arguments):
    """The options as plain values; complains about those that make no wave."""
    names = ("sources", "linger", "give_up", "retry", "retry_after", "ipv6_share", "pipelined", "command_delay",
             "legit", "auth_listed", "legit_every", "legit_timeout", "seed")
    chosen = {name: getattr(arguments, name) for name in names}
    shape = SHAPES[arguments.shape]
    chosen["profile"] = parse_profile(arguments.profile or shape["profile"])
    chosen["tail"] = shape["tail"] if arguments.tail is None else arguments.tail
    if not 0 <= chosen["retry"] < 1:
        raise LabError("--retry is a share: 0 or more, and less than 1")
    if not 0 <= chosen["ipv6_share"] <= 1:
        raise LabError("--ipv6-share is a share, from 0 to 1")
    if chosen["ipv6_share"] and not network.has_ipv6():
        raise LabError("this kernel has no IPv6; remedy: --ipv6-share 0")
    if not 1 <= chosen["sources"] <= ZOMBIE_NETS * 250:
        raise LabError(f"--sources is between 1 and {ZOMBIE_NETS * 250}")
    if chosen["legit"] > 250 or chosen["auth_listed"] > 250:
        raise LabError("--legit and --auth-listed are 250 at most")
    if len(arrivals(chosen["profile"])) > CONNECTIONS_LIMIT:
        raise LabError(f"this profile asks for more than {CONNECTIONS_LIMIT} connections; remedy: a lower one")
    return chosen


def parse_profile(text):
    try:
        points = [tuple(float(number) for number in point.split(":")) for point in text.split(",")]
        times = [time_ for time_, rate in points]
    except ValueError:
        raise LabError(f"--profile {text!r}: expected SECOND:RATE,SECOND:RATE,... as in 0:5,60:25,120:5") from None
    if len(points) < 2 or times != sorted(set(times)) or times[0] != 0 or min(rate for _, rate in points) < 0:
        raise LabError(f"--profile {text!r}: two points or more, the first at 0, seconds rising, no negative rates")
    return points


def length(chosen):
    """Seconds from the first connection to the last measurement and the last new message."""
    return chosen["profile"][-1][0] + chosen["tail"]


def arrivals(profile):
    """The second at which each zombie connects: evenly spread below the profile's line."""
    tick, due, seconds = 0.002, 0.0, []
    for (begin, rate), (end, next_rate) in zip(profile, profile[1:]):
        for step in range(int((end - begin) / tick)):
            at = step * tick
            due += (rate + (next_rate - rate) * at / (end - begin)) * tick
            if due >= 1:
                due -= 1
                seconds.append(begin + at)
    return seconds


def rate_at(profile, second):
    """Zombies per second by the profile's line; 0 beyond its end."""
    for (begin, rate), (end, next_rate) in zip(profile, profile[1:]):
        if begin <= second <= end:
            return rate + (next_rate - rate) * (second - begin) / (end - begin)
    return 0


def zombie_sources(chosen):
    with_ipv6 = round(chosen["sources"] * chosen["ipv6_share"])
    found = [_address6(LISTED6, number) for number in range(with_ipv6)]
    found += [f"198.18.{number % ZOMBIE_NETS}.{number // ZOMBIE_NETS + 2}"
              for number in range(chosen["sources"] - with_ipv6)]
    random.Random(chosen["seed"]).shuffle(found)
    return found


def senders(chosen):
    """(kind, source) of each sender whose mail has to be accepted."""
    with_ipv6 = round(chosen["legit"] * chosen["ipv6_share"])
    found = [("legit", _address6(UNLISTED6, number)) for number in range(with_ipv6)]
    found += [("legit", f"198.19.{number}.2") for number in range(chosen["legit"] - with_ipv6)]
    found += [("auth", f"198.18.{ZOMBIE_NETS}.{number + 2}") for number in range(chosen["auth_listed"])]
    return found


def _address6(site, number):
    """One address of each /64, written as the log writes it."""
    return str(ipaddress.IPv6Address(f"{site}:{number:x}::{number + 2:x}"))


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
            self.finish("refused" if isinstance(error, ConnectionRefusedError) else f"error {error.strerror}")
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
                                          for name in RECIPIENTS[:self.wave.chosen["pipelined"]]))


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
        self.sources = zombie_sources(self.chosen)
        directory = self.chosen["out"]
        with (open(os.path.join(directory, "connections.jsonl"), "w") as self.connections,
              open(os.path.join(directory, "legit.jsonl"), "w") as self.messages):
            await asyncio.sleep(-self.now())
            jobs = [asyncio.create_task(self.keep_sending(kind, source, number))
                    for number, (kind, source) in enumerate(senders(self.chosen))]
            jobs += [asyncio.create_task(self.arrive()), asyncio.create_task(self.report())]
            await asyncio.gather(*jobs)
            self.over = True
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def report(self):
        for second in range(int(length(self.chosen)) + 1):
            await asyncio.sleep(second - self.now())
            print(json.dumps({"t": second, **self.counts}), flush=True)

    async def arrive(self):
        for number, second in enumerate(arrivals(self.chosen["profile"])):
            if second > self.now():
                await asyncio.sleep(second - self.now())
            self.begin(self.sources[number % len(self.sources)])

    def begin(self, source):
        if self.counts["started"] < CONNECTIONS_LIMIT and not self.over:
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
        while due < length(self.chosen):
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
            except (OSError, asyncio.IncompleteReadError) as error:
                record["end"] = "closed" if isinstance(error, asyncio.IncompleteReadError) else str(error.strerror)
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


def summary(directory, chosen):
    """What came of a wave, from the two files it has left."""
    connections = _records(directory, "connections.jsonl")
    messages = _records(directory, "legit.jsonl")
    ends, judged, told = {}, set(), set()
    closed_untold = 0
    for record in connections:
        ends[record["end"]] = ends.get(record["end"], 0) + 1
        if record["told"]:
            told.add(record["source"])
        # Judged is who was served up to his RCPT; one cut by the end of the wave still had time.
        elif record["t_rcpt"] is not None and record["end"] != "cut":
            judged.add(record["source"])
            closed_untold += 1
    judged |= told
    return {
        "schema": "breakwater-lab.wave/1",
        "connections": len(connections),
        "sources": len({record["source"] for record in connections}),
        "ends": dict(sorted(ends.items())),
        "banners": sum(record["t_banner"] is not None for record in connections),
        "rejected_sources": len(judged),
        "told_sources": len(told),
        "told_share": len(told) / len(judged) if judged else None,
        "told_connections": sum(record["told"] for record in connections),
        "untold_connections": closed_untold,
        # Ended by the server before there was anything to be told about.
        "closed_before_rcpt": sum(record["t_rcpt"] is None and record["t_banner"] is not None and not record["told"]
                                  and record["end"].startswith("server-") for record in connections),
        "legit": _delivery([record for record in messages if record["kind"] == "legit"], chosen),
        "auth_listed": _delivery([record for record in messages if record["kind"] == "auth"], chosen),
    }


def _records(directory, name):
    with open(os.path.join(directory, name)) as file:
        return [json.loads(line) for line in file]


def _delivery(messages, chosen):
    # A failed message counts with the time it took to fail. "During the wave" is where the rate is
    # at least half of its peak: the calm before would hide what the wave does.
    half = max(rate for _, rate in chosen["profile"]) / 2
    seconds = sorted(record["seconds"] for record in messages
                     if rate_at(chosen["profile"], record["t_start"]) >= half)
    delivered = sum(record["ok"] for record in messages)
    failures = {}
    for record in messages:
        if not record["ok"]:
            failures[record["end"]] = failures.get(record["end"], 0) + 1
    return {"messages": len(messages), "delivered": delivered,
            "share": delivered / len(messages) if messages else None,
            "p50_s": _quantile(seconds, 0.50), "p99_s": _quantile(seconds, 0.99), "failures": failures}


def _quantile(values, share):
    return values[min(int(len(values) * share), len(values) - 1)] if values else None


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
