"""A mail host's log of a day under attack, line for line the same each time, and what is in it.

Three of ten lines are 511 rejections of 50,000 sources; the others are what stands between those on
a host with Courier: connections, deliveries, other refusals, mailboxes read, other daemons. One line
in 2,000 is an error whose client wrote a whole rejection, of somebody else, into its command.
"""

import collections
import random

import lines

SOURCES = 50_000
LENGTH_SECONDS = 86_400
_BLOCK = 5_000  # lines formatted at once

# What lists answer (the TXT record's text, as Courier quotes it); weights as lists are in use.
_TEXTS = (
    ("https://www.spamhaus.org/query/ip/%s", 12),
    ("http://www.spamhaus.org/query/bl?ip=%s", 8),
    ("Blocked - see https://www.spamcop.net/bl.shtml?%s", 5),
    ("Client host blocked using Barracuda Reputation, see http://www.barracudanetworks.com/reputation/?r=1&ip=%s", 2),
    ("Listed in PSBL, see http://psbl.surriel.com/listing?ip=%s", 2),
    ("Your address %s is listed", 1),
)
_SENDERS = ("spam@zombie.example", "info@newsletter.example", "jd84@provider.example", "")
_RECIPIENTS = ("bob@mail.example", "alice@mail.example", "sales@mail.example")


_open = collections.deque(maxlen=300)  # connections begun, for the rejections that follow; the slots of a Courier


def add_options(parser):
    if not any(action.dest == "log_lines" for action in parser._actions):
        parser.add_argument("--log-lines", type=int, default=1_000_000, metavar="N", help="of a log (default %(default)s)")


class Corpus:
    """`count` lines at `path`; `truth` says how many there are of each event, by its words in `breakwater parse`."""

    def __init__(self, path, count):
        self.path, self.count = path, count
        self.truth = {}
        self.size = 0
        rng = random.Random(count)
        _open.clear()
        self._sources = lines.sources(SOURCES)
        kinds = [kind for kind, _ in _KINDS]
        weights = [weight for _, weight in _KINDS]
        with open(path, "wb") as file:
            for first in range(0, count, _BLOCK):
                number = min(_BLOCK, count - first)
                chosen = rng.choices(kinds, weights, k=number)
                block = "".join(
                    self._line(rng, kind, (first + index) / count) for index, kind in enumerate(chosen)).encode()
                self.size += len(block)
                file.write(block)

    def _line(self, rng, kind, share):
        at = share * LENGTH_SECONDS
        seconds = int(at)
        stamp = (f"2026-11-20T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}."
                 f"{int((at - seconds) * 1e6):06d}+00:00 mx ")
        event, text = kind(rng, self._sources)
        if event:
            self.truth[event] = self.truth.get(event, 0) + 1
        return stamp + text + "\n"


def _port(rng):
    return rng.randrange(1024, 65536)


def _envelope(rng):
    return f"from=<{rng.choice(_SENDERS)}>,to=<{rng.choice(_RECIPIENTS)}>"


def _legitimate(rng):
    """Of another range than the sources."""
    return f"172.{16 + rng.randrange(8)}.{rng.randrange(256)}.{1 + rng.randrange(254)}"


def _listed(rng, sources):
    source, port = _open.popleft() if _open else (rng.choice(sources), _port(rng))
    text = rng.choices([text for text, _ in _TEXTS], [weight for _, weight in _TEXTS])[0] % source
    return "rejection rbl", (f"courieresmtpd: error,relay=::ffff:{source},port={port},{_envelope(rng)}: 511 {text}")


def _started(rng, sources):
    source, port = rng.choice(sources), _port(rng)
    _open.append((source, port))
    return "connect", f"courieresmtpd: started,ip=[::ffff:{source}],port=[{port}]"


def _unknown(rng, sources):
    user = f"{rng.choice(('info', 'john', '511', 'office'))}@mail.example"
    return "rejection unknown-user", (
        f"courieresmtpd: error,relay=::ffff:{_legitimate(rng)},port={_port(rng)},from=<{rng.choice(_SENDERS)}>,"
        f"to=<{user}>: 550 User <{user}> unknown")


def _relaying(rng, sources):
    return "rejection relay-denied", (
        f"courieresmtpd: error,relay=::ffff:{rng.choice(sources)},port={_port(rng)},{_envelope(rng)}: 513 Relaying denied.")


def _login(rng, sources):
    return "auth-failure auth", (
        f"courieresmtpd: error,relay=::ffff:{rng.choice(sources)},port={_port(rng)},"
        f'msg="535 Authentication failed.",cmd: AUTH LOGIN bob')


def _forged(rng, sources):
    return "rejection other", (
        f"courieresmtpd: error,relay=::ffff:{_legitimate(rng)},port={_port(rng)},"
        f'msg="502 ESMTP command error",cmd: XFOO courieresmtpd: error,relay=::ffff:{rng.choice(sources)},port=25,'
        f"from=<a@b>,to=<c@d>: 511 Listed")


def _accepted(rng, sources):
    return "acceptance", (
        f"courierd: newmsg,id={_message_id(rng)}: dns; mx.sender.example (mx.sender.example [::ffff:{_legitimate(rng)}])")


def _delivered(rng, sources):
    return None, (
        f"courierlocal: id={_message_id(rng)},from=<a@sender.example>,addr=<{rng.choice(_RECIPIENTS)}>,"
        f"size={rng.randrange(200, 90000)},success: Message delivered.")


def _completed(rng, sources):
    return None, f"courierd: Completed,id={_message_id(rng)}"


def _begun(rng, sources):
    return None, (
        f"courierd: started,id={_message_id(rng)},from=<a@sender.example>,module=local,host=bob!!1000!1000!/home/bob!!,"
        f"addr=<bob>")


def _mailbox(rng, sources):
    return None, f"imapd: LOGIN, user=bob, ip=[::ffff:{_legitimate(rng)}], port=[{_port(rng)}], protocol=IMAP"


def _logout(rng, sources):
    return None, (
        f"imapd: LOGOUT, user=bob, ip=[::ffff:{_legitimate(rng)}], port=[{_port(rng)}], headers=0, body=0, "
        f"rcvd={rng.randrange(900)}, sent={rng.randrange(90000)}, time={rng.randrange(600)}")


def _spamd(rng, sources):
    return None, (
        f"spamd[{rng.randrange(300, 9000)}]: spamd: result: . -1 - BAYES_00 scantime=0.{rng.randrange(10)},"
        f"size={rng.randrange(90000)},user=bob,"
        f"rport={_port(rng)}")


def _ssh(rng, sources):
    return None, (
        f"sshd[{rng.randrange(300, 9000)}]: Failed password for invalid user admin from {rng.choice(sources)} "
        f"port {_port(rng)} ssh2")


def foreign(rng, sources):
    """A line of another program, without its stamp and host."""
    return rng.choices(_FOREIGN, _FOREIGN_WEIGHTS)[0](rng, sources)[1]


def _message_id(rng):
    return f"{rng.getrandbits(24):016X}.{rng.getrandbits(32):016X}.{rng.getrandbits(16):08X}"


_KINDS = (
    (_listed, 6000), (_started, 5600), (_unknown, 400), (_relaying, 300), (_login, 300), (_forged, 10), (_accepted, 900),
    (_delivered, 500), (_completed, 1500), (_begun, 400), (_mailbox, 1500), (_logout, 800), (_spamd, 900), (_ssh, 890),
)
_FOREIGN = (_mailbox, _logout, _spamd, _ssh)
_FOREIGN_WEIGHTS = [dict(_KINDS)[kind] for kind in _FOREIGN]
