"""What a wave is: its shape in time, who comes, and how each behaves. Options in, plain values out."""

import ipaddress
import random

import network
from errors import LabError

SHAPES = {
    # Saturates an unguarded server of 300 slots after some 20 s, with the tarpit on.
    "short": {"profile": "0:10,15:25,60:25,75:5", "tail": 10.0},
    # 3,300 connections: the wave by which guards are compared.
    "default": {"profile": "0:5,60:25,120:25,180:5", "tail": 25.0},
    # 33,000 connections: more than the server can fork for on two cores, so strangers have to be refused. The senders
    # have delivered before, as they will have on any other day.
    "tenfold": {"profile": "0:50,60:250,120:250,180:50", "tail": 25.0, "sources": 12000, "known": True},
}
# As much for any server as "short" is for 300 slots: rates per slot, and the shares of sources and senders.
SCALED = {"profile": ((0, 1 / 30), (10, 1 / 12), (45, 1 / 12), (55, 1 / 60)), "tail": 5.0, "legit": 1 / 5,
          # Debian's Sendmail takes ten connections a minute of one address.
          "legit_every": 8}

CONNECTIONS_LIMIT = 200_000
KNOWN_SECONDS = 8  # before the wave, for the messages of --known and for a guard to read of them
RECIPIENTS = ("bob", "alice", "carol", "dave", "erin")
# The last octets but one of 198.18.0.0/17: up to here zombies, above it listed senders who log in.
ZOMBIE_NETS = 120
LISTED6, UNLISTED6 = "2001:db8:66", "2001:db8:67"


def add_options(parser):
    group = parser.add_argument_group("the wave")
    group.add_argument("--shape", choices=(*SHAPES, "scaled"),
                       help="short: 85 s; default: 205 s; tenfold: 205 s, ten times the rate, 12,000 sources, --known; "
                            "scaled: 60 s, rates by the server's slots; all plus what a message still needs "
                            "(default for Courier: default, else scaled)")
    group.add_argument("--profile", metavar="T:R,...",
                       help="in place of a shape: zombies per second R at second T, linear between")
    group.add_argument("--tail", type=float, metavar="S", help="go on for S seconds after the profile")
    group.add_argument("--sources", type=int, metavar="N", help="addresses of zombies (default 3000, or the shape's)")
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
    group.add_argument("--legit", type=int, metavar="N",
                       help="unlisted senders (default 10; scaled: fewer below 50 slots)")
    group.add_argument("--auth-listed", type=int, default=0, metavar="N",
                       help="listed senders who log in as bob (default %(default)s)")
    group.add_argument("--known", action="store_true",
                       help="each sender, listed or not, delivers one message before the wave begins")
    group.add_argument("--legit-every", type=float, metavar="S",
                       help="each sends a message this often (default 4; scaled: 8)")
    group.add_argument("--legit-timeout", type=float, default=30, metavar="S",
                       help="without a 250 by then a message has failed (default %(default)s)")
    group.add_argument("--seed", type=int, default=1, help="of the order of sources (default %(default)s)")


def options(arguments, server):
    """The options as plain values for a server with these options; complains about those that make no wave."""
    names = ("linger", "give_up", "retry", "retry_after", "ipv6_share", "pipelined", "command_delay",
             "legit", "auth_listed", "legit_every", "legit_timeout", "seed")
    chosen = {name: getattr(arguments, name) for name in names}
    name = arguments.shape or ("default" if server["mta"] == "courier" else "scaled")
    shape = _scaled(server["slots"]) if name == "scaled" else SHAPES[name]
    chosen["profile"] = parse_profile(arguments.profile or shape["profile"])
    chosen["tail"] = shape["tail"] if arguments.tail is None else arguments.tail
    chosen["sources"] = shape.get("sources", 3000) if arguments.sources is None else arguments.sources
    chosen["known"] = arguments.known or shape.get("known", False)
    if chosen["legit"] is None:
        chosen["legit"] = shape.get("legit", 10)
    if chosen["legit_every"] is None:
        chosen["legit_every"] = shape.get("legit_every", 4)
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


def _scaled(slots):
    profile = ",".join(f"{second}:{slots * share:.3f}" for second, share in SCALED["profile"])
    return {"profile": profile, "tail": SCALED["tail"], "legit": max(2, min(10, int(slots * SCALED["legit"]))),
            "legit_every": SCALED["legit_every"]}


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
