"""Log lines as Courier 1.0.16 writes them through rsyslog, and the sources in them.

Only text: no packet is ever sent from or to these addresses, which are of the ranges for private
use (RFC 1918) and for documentation (RFC 3849).
"""

import datetime
import random
import socket
import struct

_FIRST4 = struct.unpack("!I", socket.inet_aton("10.0.0.0"))[0]
LIMIT = 1 << 24  # addresses in 10.0.0.0/8


def sources(count, begin=0, seed=1):
    """`count` different IPv4 addresses, in no order; those of another `begin` are others."""
    if begin + count > LIMIT:
        raise ValueError(f"{LIMIT} sources at most")
    numbers = list(range(begin, begin + count))
    random.Random(seed).shuffle(numbers)
    # Spread over the range: neighbours would be kinder to a hash table than a botnet is.
    return [socket.inet_ntoa(struct.pack("!I", _FIRST4 + number * 7919 % LIMIT)) for number in numbers]


def sources6(count, begin=0):
    """`count` addresses, each of another /64."""
    return [f"2001:db8:{number >> 16:x}:{number & 0xffff:x}::{number % 9 + 2:x}" for number in range(begin, begin + count)]


def stamp():
    """Now, as rsyslog's file format has it on Debian 12."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds").encode()


def rejection(source, port, at):
    relay = source if ":" in source else f"::ffff:{source}"
    return (b"%b mx courieresmtpd: error,relay=%b,port=%d,from=<spam@zombie.example>,to=<bob@mail.example>: "
            b"511 http://www.spamhaus.org/query/bl?ip=%b\n" % (at, relay.encode(), port, source.encode()))


def started(source, port, at):
    return b"%b mx courieresmtpd: started,ip=[::ffff:%b],port=[%d]\n" % (at, source.encode(), port)


def others(at):
    """Lines of a mail host's log that lead to nothing, in turn."""
    return (
        b"%b mx imapd: LOGIN, user=bob, ip=[::ffff:10.200.3.4], port=[51234], protocol=IMAP\n" % at,
        b"%b mx imapd: DISCONNECTED, user=bob, ip=[::ffff:10.200.3.4], headers=0, body=0, rcvd=63, sent=522, time=1\n" % at,
        b"%b mx courierlocal: id=0000000000F460EB.000000006B00CEB9.0000025C,from=<a@sender.example>,"
        b"addr=<bob@mail.example>,size=233,success: Message delivered.\n" % at,
        b"%b mx courierd: Completed,id=0000000000F460EB.000000006B00CEB9.0000025C\n" % at,
        b"%b mx spamd[811]: spamd: result: . -1 - BAYES_00 scantime=0.4,size=2331,user=bob,rport=51022\n" % at,
    )
