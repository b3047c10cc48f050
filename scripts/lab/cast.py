"""Who comes to `lab suite`, and what each of them says.

A client is a kind, a source address and steps; it says the same thing in every run, so that what
the server answers can be compared byte by byte with a run that nobody guarded. The steps:

    "EHLO x"               a line is sent, and one reply awaited; "" awaits a reply only
    ["MAIL ...", "RCPT"]   lines are sent in one segment, and as many replies awaited
    ("raw", "RCPT TO:<b")  exactly this is sent, and nothing awaited
    ("slowly", "RCPT...")  a line, one byte at a time, and one reply awaited
    ("pause", 2.0)         the client does nothing for so long, but hears what is said
    ("tls",)               the handshake, after a STARTTLS
    ("half-close",)        nothing more is sent, but the client listens on
    ("fin",) ("rst",)      the client leaves
"""

import base64
import dataclasses

import network
import tree

MAIL, RCPT = "MAIL FROM:<a@sender.example>", "RCPT TO:<bob@mail.example>"
EHLO = "EHLO mx.sender.example"
RECIPIENTS = [f"RCPT TO:<{name}@mail.example>" for name in ("bob", "alice", "carol", "dave", "erin")]
SILENCE = 12.0  # longer than the tarpit's first sleep


def _encoded(text):
    return base64.b64encode(text.encode()).decode()


AUTH = "AUTH PLAIN " + _encoded(f"\0bob\0{tree.PASSWORD}")
MISTYPED = "AUTH PLAIN " + _encoded("\0bob\0no-harbour")
LOGIN = ["AUTH LOGIN", _encoded("bob"), _encoded(tree.PASSWORD)]
MESSAGE = "Subject: suite\r\n\r\nHello bob.\r\n."
DELIVERY = [MAIL, RCPT, "DATA", MESSAGE, "QUIT"]
ZOMBIE = ["", EHLO, MAIL, RCPT, ("pause", SILENCE)]
PLAIN_USER = ["", EHLO, AUTH, *DELIVERY]

# What a log line or a process title of a rejected peer looks like, as an unlisted client may say it.
FORGED_TITLE = "x ([::ffff:198.18.1.10])"
FORGED_LINE = ("error,relay=::ffff:198.18.1.10,port=25,from=<a@zombie.example>,to=<bob@mail.example>: "
               "511 http://www.spamhaus.org/query/bl?ip=198.18.1.10")


def slowly(steps, seconds):
    """With a pause before each step."""
    return [part for step in steps for part in (("pause", seconds), step)]


# kind -> steps. "Rejected" is who may lose his connection, once he has the 511 that is meant for him.
REJECTED = {
    "zombie": ZOMBIE,
    "zombie, HELO": ["", "HELO zombie.example", MAIL, RCPT, ("pause", SILENCE)],
    "zombie, no sender": ["", EHLO, "MAIL FROM:<>", RCPT, ("pause", SILENCE)],
    "zombie, IPv6": ZOMBIE,
    "zombie, 0.15 s per command": slowly(ZOMBIE, 0.15),
    "zombie, talks before the banner": [EHLO, "", MAIL, RCPT, ("pause", SILENCE)],
    "zombie, quits when told": ["", EHLO, MAIL, RCPT, "QUIT"],
    "zombie, to the postmaster": ["", EHLO, MAIL, "RCPT TO:<postmaster@mail.example>", ("pause", SILENCE)],
    "zombie, NOOP and RSET first": ["", EHLO, "NOOP", "RSET", MAIL, RCPT, ("pause", SILENCE)],
    "zombie, an error first": ["", EHLO, "XCLIENT a", MAIL, RCPT, ("pause", SILENCE)],
    "zombie, a mistyped recipient first": ["", EHLO, MAIL, "RCPT TO:bob", RCPT, ("pause", SILENCE)],
    "zombie, an error after the 511": ["", EHLO, MAIL, RCPT, "XCLIENT a", ("pause", SILENCE)],
    "zombie, RCPT in two pieces": ["", EHLO, MAIL, ("raw", "RCPT TO:<bob@"), ("pause", 1.5),
                                   ("raw", "mail.example>\r\n"), "", ("pause", SILENCE)],
    "zombie, byte by byte": ["", EHLO, ("slowly", MAIL), ("slowly", RCPT), ("pause", SILENCE)],
    "zombie, types ahead": ["", EHLO, MAIL, ("raw", RCPT + "\r\n"), ("pause", 0.5), ("raw", "DATA\r\n"), "",
                            ("pause", SILENCE)],
    "zombie, half-closed": ["", EHLO, MAIL, ("raw", RCPT + "\r\n"), ("half-close",), "", ("pause", SILENCE)],
    **{f"zombie, pipelines {count} RCPT": ["", EHLO, ("raw", "\r\n".join([MAIL, *RECIPIENTS[:count], ""])),
                                           ("pause", SILENCE + 8)] for count in range(1, 6)},
    "zombie, pipelines RCPT and DATA": ["", EHLO, MAIL, ("raw", f"{RCPT}\r\nDATA\r\n"), ("pause", SILENCE + 8)],
    "zombie, pipelines everything": ["", ("raw", "\r\n".join([EHLO, MAIL, RCPT, "DATA", "RSET", ""])),
                                     ("pause", SILENCE + 8)],
    "listed, thinks of AUTH too late": ["", EHLO, MAIL, RCPT, "RSET", AUTH, *DELIVERY],
    "listed, TLS": ["", EHLO, "STARTTLS", ("tls",), EHLO, MAIL, RCPT, ("pause", SILENCE)],
    "one of two connections": [("pause", 0.5), *ZOMBIE],
}

# Their mail has to be accepted, and nobody may end the connection.
USERS = {
    "user, AUTH PLAIN": PLAIN_USER,
    "user, IPv6": PLAIN_USER,
    "user, takes his time": slowly(PLAIN_USER, 1.5),
    "user, AUTH LOGIN": ["", EHLO, *LOGIN, *DELIVERY],
    "user, AUTH LOGIN by hand": ["", EHLO, LOGIN[0], ("pause", 4), ("slowly", LOGIN[1]), ("pause", 4),
                                 ("slowly", LOGIN[2]), *DELIVERY],
    "user, mistypes the password": ["", EHLO, MISTYPED, AUTH, *DELIVERY],
    "user, mistypes and thinks": ["", EHLO, MISTYPED, ("pause", 3), AUTH, *DELIVERY],
    "user, mistypes AUTH LOGIN": ["", EHLO, *LOGIN[:2], _encoded("no-harbour"), *LOGIN, *DELIVERY],
    "user, mistypes twice": ["", EHLO, MISTYPED, MISTYPED, AUTH, *DELIVERY],
    "user, unknown command first": ["", EHLO, "XCLIENT a", AUTH, *DELIVERY],
    "user, MAIL before EHLO": ["", MAIL, EHLO, AUTH, *DELIVERY],
    "user, MAIL, RSET, then AUTH": ["", EHLO, MAIL, "RSET", AUTH, *DELIVERY],
    "user, bad sender, then AUTH": ["", EHLO, "MAIL FROM:<bad>", "RSET", AUTH, *DELIVERY],
    "user, denied relaying, then AUTH": ["", EHLO, MAIL, "RCPT TO:<x@elsewhere.example>", "RSET", AUTH, *DELIVERY],
    "user, an empty recipient": ["", EHLO, AUTH, MAIL, "RCPT TO:<>", *DELIVERY[1:]],
    "user, a mistyped recipient": ["", EHLO, AUTH, MAIL, "RCPT TO:bob", *DELIVERY[1:]],
    "user, errors pipelined": ["", EHLO, AUTH, [MAIL, "RCPT TO:<>", "RCPT TO:<>", RCPT], *DELIVERY[2:]],
    "user, two messages": ["", EHLO, AUTH, *DELIVERY[:-1], ("pause", 3), *DELIVERY],
    "user, TLS": ["", EHLO, "STARTTLS", ("tls",), EHLO, AUTH, *DELIVERY],
    "user, TLS, mistypes": ["", EHLO, "STARTTLS", ("tls",), EHLO, MISTYPED, AUTH, *DELIVERY],
    "user, TLS, slowly": ["", EHLO, "STARTTLS", ("pause", 2), ("tls",), ("pause", 9), EHLO, AUTH, *DELIVERY],
    "other of two connections": ["", EHLO, AUTH, ("pause", SILENCE), *DELIVERY],
    "other of two, AUTH still to come": ["", EHLO, ("pause", SILENCE), AUTH, *DELIVERY],
}
UNLISTED = {
    "unlisted": ["", EHLO, *DELIVERY],
    "unlisted, IPv6": ["", EHLO, *DELIVERY],
    "unlisted, HELO of a listed one": ["", f"EHLO {FORGED_TITLE}", ("pause", 3), *DELIVERY],
    "unlisted, HELO like a log line": ["", f"EHLO {FORGED_LINE}", *DELIVERY],
    "unlisted, command like a log line": ["", EHLO, FORGED_LINE, *DELIVERY],
    "unlisted, sender of a listed one": ["", "EHLO zombie.example", "MAIL FROM:<spam@zombie.example>", *DELIVERY[1:]],
    "unlisted, sender like a log line": ["", EHLO, f'MAIL FROM:<"{FORGED_LINE}"@sender.example>', "RSET", *DELIVERY],
    "unlisted, unknown user first": ["", EHLO, MAIL, "RCPT TO:<no-such-user@mail.example>", *DELIVERY[1:]],
    "unlisted, pipelines": ["", EHLO, [MAIL, "RCPT TO:<no-such-user@mail.example>", RCPT], *DELIVERY[2:]],
    "unlisted, TLS": ["", EHLO, "STARTTLS", ("tls",), EHLO, *DELIVERY],
    "unlisted, mistypes a password": ["", EHLO, MISTYPED, *DELIVERY],
}
# Listed, but nothing is decided: they may stay and have to be heard in the end.
UNDECIDED = {
    "listed, silent from the start": [("pause", SILENCE), "", "QUIT"],
    "listed, silent after EHLO": ["", EHLO, ("pause", SILENCE), "QUIT"],
    "listed, silent after MAIL": ["", EHLO, MAIL, ("pause", SILENCE), "QUIT"],
    "listed, half a RCPT": ["", EHLO, MAIL, ("raw", RCPT[:15]), ("pause", SILENCE), ("fin",)],
    "listed, asleep after an error": ["", EHLO, "XCLIENT a", ("pause", SILENCE), "QUIT"],
    "listed, TLS not begun": ["", EHLO, "STARTTLS", ("pause", SILENCE), ("fin",)],
    "listed, another program serves it": ["", EHLO, MAIL, RCPT, "QUIT"],
}
LEAVING = {
    f"leaves {when}, {how}": [*steps, (how,)]
    for how in ("fin", "rst")
    for when, steps in {
        "at once": [],
        "after EHLO": ["", EHLO],
        "after MAIL": ["", EHLO, MAIL],
        "in RCPT": ["", EHLO, MAIL, ("raw", RCPT[:15])],
        "behind RCPT": ["", EHLO, MAIL, ("raw", RCPT + "\r\n")],
        "0.05 s behind RCPT": ["", EHLO, MAIL, ("raw", RCPT + "\r\n"), ("pause", 0.05)],
        "2 s behind RCPT": ["", EHLO, MAIL, ("raw", RCPT + "\r\n"), ("pause", 2)],
        "with the 511": ["", EHLO, MAIL, RCPT],
        "in TLS": ["", EHLO, "STARTTLS", ("tls",), EHLO],
        "in TLS, behind RCPT": ["", EHLO, "STARTTLS", ("tls",), EHLO, MAIL, ("raw", RCPT + "\r\n"), ("pause", 0.3)],
    }.items()
}

GROUPS = {"rejected": REJECTED, "user": USERS, "unlisted": UNLISTED, "undecided": UNDECIDED, "leaving": LEAVING}
PAIRS = {"other of two connections": "one of two connections",
         "other of two, AUTH still to come": "one of two connections"}
# The third octet of the sources of "another program serves it"; suite.py puts that program there.
OTHER_PROGRAM_NET = "198.18.119."
_FLOOD_NETS = range(70, 110)


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    group: str
    source: str
    steps: list
    start: float  # seconds after the begin

    @property
    def may_be_ended(self):
        return self.group in ("rejected", "leaving")

    @property
    def has_to_deliver(self):
        return self.group in ("user", "unlisted")


def clients(copies, flood):
    """Everybody: `copies` of each kind, and `flood` plain zombies at four a second."""
    found, kinds = [], [(group, kind) for group, kinds in GROUPS.items() for kind in kinds]
    for number, (group, kind) in enumerate(kinds):
        for copy in range(copies):
            # Spread over six seconds, so that some of everything goes on at any time.
            start = (number * 7 + copy * 11) % 60 / 10
            if kind == "one of two connections":
                continue
            client = Client(f"{kind} #{copy}", group, _source(group, kind, number, copy), GROUPS[group][kind], start)
            found.append(client)
            if kind in PAIRS:
                other = PAIRS[kind]
                found.append(Client(f"{other} #{copy}, {kind}", "rejected", client.source, REJECTED[other], start))
    for number in range(flood):
        source = f"198.18.{_FLOOD_NETS[number % len(_FLOOD_NETS)]}.{number // len(_FLOOD_NETS) + 2}"
        found.append(Client(f"flood #{number}", "rejected", source, ZOMBIE, number / 4))
    return found


def zombies(count, per_second):
    """Plain zombies only, every third one with pipelined recipients."""
    pipelining = REJECTED["zombie, pipelines 2 RCPT"]
    return [Client(f"zombie #{number}", "rejected", f"198.18.{number % 60}.{number // 60 + 100}",
                   pipelining if number % 3 == 0 else ZOMBIE, number / per_second) for number in range(count)]


def _source(group, kind, number, copy):
    if kind.endswith("IPv6") and network.has_ipv6():
        # Each in a /64 of its own, as bans are for a whole one.
        return f"2001:db8:{'67' if group == 'unlisted' else '66'}:{number * 16 + copy:x}::{copy + 2:x}"
    if "another program" in kind:
        return f"{OTHER_PROGRAM_NET}{copy + 2}"
    if group == "unlisted":
        return f"198.19.{number + 1}.{copy + 20}"
    # Number is below 110; the flood has networks of its own only so far as last octets go.
    return f"198.18.{number}.{copy + 200}"
