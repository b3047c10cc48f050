"""Postfix's log of 25 February 2011 as one mail host had it: the counts of the seed's LogWatch table, line for line the
same each time.

229,430 rejections, each with its connect and disconnect, and 2,372 messages taken, with the seven lines that Postfix
writes of each: 704,894 lines, 107 MB. Sources are as botnets have them: 95,000 of them in some 4,000 /16 blocks, few of
which have many; most come once or twice, some hundreds of times; three of ten have a name.
"""

import os
import random
import sys

COUNTS = (  # Tests/ReportsTests/Fixtures/tables/logwatch-2011-02-25.tsv
    ("Accepted", 2372), ("relay denied", 25), ("HELO/EHLO", 2381), ("unknown user", 1929), ("recipient address", 3805),
    ("client host", 8), ("RBL", 221282),
)
LINES = 3 * 229_430 + 7 * 2372
MTIME = 1_298_736_000  # 26 February 2011, 16:00 UTC: the stamps have no year
SOURCES = 95_000
_ZONES = (
    ("zen.spamhaus.org", "http://www.spamhaus.org/query/bl?ip=%s", 70),
    ("bl.spamcop.net", "Blocked - see http://www.spamcop.net/bl.shtml?%s", 15),
    ("cbl.abuseat.org", "Blocked - see http://cbl.abuseat.org/lookup.cgi?ip=%s", 9),
    ("dnsbl.sorbs.net", "Currently Sending Spam See: http://www.sorbs.net/lookup.shtml?%s", 5),
    ("sbl.spamhaus.org", "http://www.spamhaus.org/SBL/sbl.lasso?query=SBL%s", 1),
)
_PROVIDERS = ("dsl.example", "cable.example", "dyn.example", "pool.example", "dip.example", "isp.example")


def write(path):
    """Writes it to `path`."""
    rng = random.Random(20110225)
    sources = _sources(rng)
    kinds = [kind for kind, count in COUNTS for _ in range(count)]
    rng.shuffle(kinds)
    entries = []
    for number, kind in enumerate(kinds):
        # Few at night, most in the afternoon.
        at = min(86_395, int(86_400 * (0.7 * rng.betavariate(2.5, 2) + 0.3 * rng.random())))
        entries.append((at, number, kind))
    entries.sort()
    events = []
    for number, (at, _, kind) in enumerate(entries):
        session = _message if kind == "Accepted" else _rejection
        events.extend(session(rng, sources, at, number, kind))
    events.sort(key=lambda event: event[0])
    with open(path, "w") as file:
        for first in range(0, len(events), 20_000):
            file.write("".join(
                f"Feb 25 {at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d} mx1 postfix/{text}\n"
                for at, text in events[first:first + 20_000]))
    os.utime(path, (MTIME, MTIME))


def _sources(rng):
    """Addresses with names, as often as they come."""
    blocks = []
    while len(blocks) < 4000:
        first, second = rng.randrange(1, 224), rng.randrange(256)
        if first not in (10, 127, 172, 192):
            blocks.append((first, second))
    weights = [1 / (1 + index) ** 0.6 for index in range(len(blocks))]
    chosen, seen = [], set()
    for block in rng.choices(blocks, weights, k=2 * SOURCES):
        address = f"{block[0]}.{block[1]}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        if address in seen:
            continue
        seen.add(address)
        name = "unknown"
        if rng.random() < 0.3:
            name = address.replace(".", rng.choice("-.")) + "." + rng.choice(_PROVIDERS)
        chosen.append((address, f"{name}[{address}]"))
        if len(chosen) == SOURCES:
            break
    # Every source once, and then some again and again.
    again = rng.choices(chosen, [1 / (1 + index) ** 0.55 for index in range(len(chosen))], k=240_000)
    return chosen, again


def _source(sources, number):
    chosen, again = sources
    return chosen[number * 2 // 5] if number % 5 < 2 else again[number % len(again)]


def _rejection(rng, sources, at, number, kind):
    address, origin = _source(sources, number)
    user = f"{rng.choice('abcdefgh')}{rng.randrange(1000)}@{rng.choice(_PROVIDERS)}"
    target = f"user{rng.randrange(900)}@mx.example"
    helo = rng.choice(("localhost", "mail", f"pc{rng.randrange(1000)}", "x.example"))
    reply = _reply(rng, kind, address, origin, target, helo)
    pid = 20_000 + number % 97
    spent = rng.choice((1, 1, 1, 2, 2, 3, 5, 20))
    return (
        (at, f"smtpd[{pid}]: connect from {origin}"),
        (min(86_399, at + spent // 2), f"smtpd[{pid}]: NOQUEUE: reject: RCPT from {origin}: {reply}; from=<{user}> "
                                       f"to=<{target}> proto=ESMTP helo=<{helo}>"),
        (min(86_399, at + spent), f"smtpd[{pid}]: disconnect from {origin}"),
    )


def _reply(rng, kind, address, origin, target, helo):
    if kind == "RBL":
        zone, text, _ = rng.choices(_ZONES, [weight for _, _, weight in _ZONES])[0]
        value = str(90_000 + rng.randrange(40)) if zone.startswith("sbl") else address
        return f"554 5.7.1 Service unavailable; Client host [{address}] blocked using {zone}; {text % value}"
    return {
        "relay denied": f"554 5.7.1 <{target}>: Relay access denied",
        "HELO/EHLO": f"504 5.5.2 <{helo}>: Helo command rejected: need fully-qualified hostname",
        "unknown user": f"550 5.1.1 <{target}>: Recipient address rejected: User unknown in local recipient table",
        "recipient address": f"554 5.7.1 <{target}>: Recipient address rejected: Access denied",
        "client host": f"554 5.7.1 <{origin}>: Client host rejected: Access denied",
    }[kind]


def _message(rng, _sources, at, number, _kind):
    address = f"192.0.2.{1 + number % 190}"
    origin = f"mail{number % 190}.partner.example[{address}]"
    queue = f"{0xA0000000 + number:010X}"
    pid = 20_000 + number % 97
    sender = f"person{rng.randrange(500)}@partner.example"
    target = f"user{rng.randrange(900)}@mail.example"
    return tuple((min(86_399, at + after), text) for after, text in (
        (0, f"smtpd[{pid}]: connect from {origin}"),
        (0, f"smtpd[{pid}]: {queue}: client={origin}"),
        (1, f"cleanup[{pid + 1000}]: {queue}: message-id=<{queue}.{number}@partner.example>"),
        (1, f"qmgr[1400]: {queue}: from=<{sender}>, size={1000 + rng.randrange(90_000)}, nrcpt=1 (queue active)"),
        (1, f"smtpd[{pid}]: disconnect from {origin}"),
        (2, f"local[{pid + 2000}]: {queue}: to=<{target}>, relay=local, delay=1.1, delays=1/0/0/0.1, dsn=2.0.0, "
            "status=sent (delivered to maildir)"),
        (2, f"qmgr[1400]: {queue}: removed"),
    ))


if __name__ == "__main__":
    write(sys.argv[1])
