"""Judges a suite: what the clients heard, what the kernel saw, and what the same clients heard of a
mail server that nobody guards. Nothing here asks the guard.

Each rule is a function from records to complaints; no complaint is the aim.
"""

import re

_IDENTIFIER = re.compile(r"(?:\b[0-9A-F]{16}\.)+[0-9A-F]{8}\b")
_REPLY = re.compile(r"(?:[2-5][0-9][0-9]-[^\n]*\r\n)*[2-5][0-9][0-9] [^\n]*\r\n")
SERVER_PROGRAM = "/usr/lib/courier/courier/modules/esmtp/courieresmtpd"
SIGTERM = 15


def heard(record):
    """What the server has said, without what differs from message to message."""
    return _IDENTIFIER.sub("ID", record["heard"])


def replies(text):
    """The complete replies at the beginning of the text, and the rest."""
    found, at = [], 0
    while match := _REPLY.match(text, at):
        found.append(match[0])
        at = match.end()
    return found, text[at:]


def was_cut_off(record):
    """Whether the server's side ended it, and not because the client had said QUIT."""
    return record["end"].startswith("server-") and not record["heard"].endswith("221 Bye.\r\n")


def half_closed(client):
    """Whether the server ends it by itself, as nothing more is to come."""
    return ("half-close",) in client.steps


def has_delivered(record):
    return re.search(r"354 Ok\.\r\n250 Ok\. ID\r\n", heard(record)) is not None


def rejection(blocks):
    """The reply to a listed peer's RCPT, as an expression: its text stands in couriertcpd's -block."""
    texts = [block.split(",", 2)[2] for block in blocks]
    return re.compile("|".join(r"511 [^\r\n]*\?ip=\S+\r\n$" if text == "*" else
                               ("" if text[:3].isdigit() else "511 ") + re.escape(text) + "\r\n$" for text in texts))


class Verdict:
    """Of one run of the cast: counts, and complaints by rule."""

    def __init__(self, cast, references, records, rejection):
        self.rejection = rejection
        self.cast = {client.name: client for client in cast}
        self.references = {record["name"]: record for record in references}
        self.records = records
        self.complaints = {}
        self.counts = {}

    def was_told(self, record):
        """Whether it heard the reply that rejects a listed peer, and no half reply after it."""
        said, rest = replies(record["heard"])
        return not rest and any(self.rejection.match(reply) for reply in said)

    def complain(self, rule, record, text):
        said, rest = replies(record["heard"])
        last = [reply.splitlines()[-1] for reply in said[-2:]] + ([f"and {rest!r}"] if rest else [])
        self.complaints.setdefault(rule, []).append(
            f"{record['name']} ({record['source']}, port {record['port']}): {text}; it ended with "
            f"{record['end']}, the last it heard was {' | '.join(last) or 'nothing'}")

    def judge_reference(self):
        """A reference that is none proves nothing."""
        for record in self.references.values():
            client = self.cast[record["name"]]
            if was_cut_off(record) and not half_closed(client):
                self.complain("reference", record, "the unguarded server ended this")
            elif client.has_to_deliver and not has_delivered(record):
                self.complain("reference", record, "the unguarded server did not accept the message")
            elif record["end"].startswith(("timeout", "error")):
                self.complain("reference", record, "the unguarded server did not answer")

    def judge_connections(self):
        """Who was ended, whether that was right, and what he had been told by then."""
        ended = told = delivered = have_to = 0
        for record in self.records:
            client = self.cast[record["name"]]
            if was_cut_off(record) and not half_closed(client):
                ended += 1
                if not client.may_be_ended:
                    self.complain("wrong connection ended", record, f"a connection of {client.group} was ended")
                elif self.was_told(record):
                    told += 1
                else:
                    self.complain("ended without its 5xx", record, "it did not hear, complete, what rejects it")
            elif record["end"].startswith(("timeout", "error")):
                self.complain("dialogue blocked", record, "no answer came")
            self._compare(client, record)
            if client.has_to_deliver:
                have_to += 1
                if has_delivered(record):
                    delivered += 1
                else:
                    self.complain("not delivered", record, "the message was not accepted")
        self.counts.update(ended=ended, told=told, delivered=delivered, have_to=have_to)

    def _compare(self, client, record):
        """Byte by byte with what the unguarded server said to the same client at the same stage."""
        reference = self.references.get(record["name"])
        if reference is None:
            return
        said, expected = heard(record), heard(reference)
        if was_cut_off(record) or client.group == "leaving" or record["end"] != reference["end"]:
            same = expected.startswith(said) or (client.group == "leaving" and said.startswith(expected))
        else:
            # Both closed when their time was up, with a reply more or less in the tarpit's longer sleeps.
            same = said == expected or client.steps[-1][0] == "pause" and (
                expected.startswith(said) or said.startswith(expected))
        if not same:
            at = next((index for index, (one, other) in enumerate(zip(said, expected)) if one != other),
                      min(len(said), len(expected)))
            self.complain("other words than the server's", record,
                          f"from byte {at} on it heard {said[at:at + 80]!r}, unguarded {expected[at:at + 80]!r}")

    def judge_kills(self):
        """Of a run in which the guard itself was killed: a closed connection is the worst that may come of it."""
        untold = 0
        for record in self.records:
            client = self.cast[record["name"]]
            if was_cut_off(record) and not self.was_told(record):
                untold += 1
            self._compare(client, record)
            if not was_cut_off(record) and replies(record["heard"])[1]:
                self.complain("half a line, and the dialogue goes on", record, "a reply is not complete")
        self.counts["untold"] = untold

    def judge_signals(self, signals, lost):
        """Each signal of the guard went to the process that served a connection of one who may be ended."""
        by_peer = {(record["source"], record["port"]): record for record in self.records}
        proven = 0
        for signal in signals:
            peer = signal.get("peer"), signal.get("port")
            record = by_peer.get(peer)
            target = f"pid {signal['target']}, {signal.get('exec')}, peer {peer[0]} port {peer[1]}"
            if signal["signal"] != SIGTERM:
                self._complain_signal(f"signal {signal['signal']} to {target}")
            elif signal.get("exec") != SERVER_PROGRAM or signal.get("parent") != "couriertcpd":
                self._complain_signal(f"SIGTERM to {target}: at that moment no courieresmtpd below couriertcpd")
            elif record is None:
                self._complain_signal(f"SIGTERM to {target}: nobody of the cast had that connection")
            elif not str(signal.get("socket", "")).startswith("socket:"):
                self._complain_signal(f"SIGTERM to {target}: its descriptor 0 was no socket")
            elif not self.cast[record["name"]].may_be_ended:
                self._complain_signal(f"SIGTERM to {target}: that is {record['name']}")
            else:
                proven += 1
        if lost:
            self._complain_signal(f"the kernel's trace lost events {lost} times: some signals may not have been seen")
        ended = self.counts.get("ended", 0)
        if proven < ended:
            self._complain_signal(f"{ended} connections were ended, but {proven} signals to their owners seen")
        self.counts.update(signals=len(signals), proven=proven)

    def _complain_signal(self, text):
        self.complaints.setdefault("signal to the wrong process", []).append(text)
