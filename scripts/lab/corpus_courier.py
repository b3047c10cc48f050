#!/usr/bin/python3
"""Makes the corpus of Courier: corpus_courier.py Tests/DialectsTests/Fixtures/corpus/courier"""

import base64
import re

import corpus
import corpus_opensmtpd as common
import tree

LISTED, LISTED6, GOOD, GOOD6 = common.LISTED, common.LISTED6, common.GOOD, common.GOOD6
ODD_LIST = "198.19.77.{}"
ZEN = "zen.bl.example"
_ZEN_TEXT = b"511 http://www.spamhaus.org/query/bl?ip="
_LINE = re.compile(rb"^[^ ]+ mx (courieresmtpd: error,|courierd: newmsg,)")
# A carriage return within a command: behind the address stands what was in Courier's memory.
_GARBLED = re.compile(rb"(from|to)=<[^>]*>[^,:]")
# Of the owner of ODD_LIST's record: another's address, words of Courier's own log, bytes, nothing.
TEXTS = ['"550 192.0.2.66 is listed at zen.bl.example"', '"error,relay=::ffff:192.0.2.66,port=25,from=<a@b>,to=<c@d>: 511 x"',
         r'"a\010courieresmtpd: error,relay=::ffff:192.0.2.66,port=25,from=<a@b>: 511 x"', r'"\255\254 bytes"',
         '"' + "a" * 250 + '"', '"%s%n"', r'"\000x"', '"[192.0.2.66]"', '" "', '"ip=192.0.2.66"']


def judge(line, peer, replies):
    """A refusal's line ends with a line of the reply, byte for byte; a list's is known by who is in it.

    Some that are a list's do not say so, and only the slot's environment tells: those are "unsaid".
    """
    kind = _LINE.match(line)
    if kind is None:
        return None
    if kind[1].startswith(b"courierd"):
        return ("accepted", 250, None)
    for reply in replies:
        for part in reply:
            if part[:1] in (b"4", b"5") and (line.endswith(b": " + corpus.in_syslog(part)) or
                                             b'msg="' + corpus.in_syslog(part) + b'"' in line):
                if peer.listed is None or not part.startswith(peer.more.get("text", _ZEN_TEXT)):
                    return ("other", int(part[:3]), None)
                is_unsaid = "text" in peer.more or _GARBLED.search(line)
                # The zone stands nowhere in it.
                return ("unsaid" if is_unsaid else "rbl", int(part[:3]), None)
    return None


session = common.session


def message(peer, headers):
    common.message(peer, headers)
    peer.wait(0.3)  # courierd's line comes when the message is in the queue


def login(peer, user, password):
    peer.say("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode("latin-1")).decode())


def hostile(run, source, listed):
    """Every forgery at every place where a client can write."""
    for number, text in enumerate(corpus.FORGERIES + corpus.ODDITIES):
        session(one := run.peer(source.format(10, number + 1), listed), helo=f"EHLO {text}")
        message(one, [f"Subject: {text}"])
        one.say("QUIT")
        one.close()
        session(one := run.peer(source.format(11, number + 1), listed), sender=f'"{text}"@client.example')
        one.reset()
        session(one := run.peer(source.format(12, number + 1), listed), sender=text)
        one.close()
        session(one := run.peer(source.format(13, number + 1), listed), recipient=f'"{text}"@mail.example')
        one.say(f"RCPT TO:<{text}>")
        one.say(f"RCPT TO:<bob@mail.example> {text}")
        one.say(text)
        one.say("RCPT TO:<bob@mail.example>")
        message(one, [f"Subject: {text}", f"Message-ID: <{text}>", f" {text}"])
        one.say("QUIT")
        one.close()
        one = run.peer(source.format(14, number + 1), listed)
        one.open()
        one.say("EHLO client.example")
        login(one, text, text)
        one.say(f"AUTH {text}")
        one.close()


def ordinary(run):
    for number in range(1, 7):
        session(one := run.peer(GOOD.format(2, number)))
        message(one, ["Subject: hello", "From: a@client.example"])
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<nosuch@mail.example>")
        one.say("RCPT TO:<x@elsewhere.example>")
        one.say("QUIT")
        one.close()
    for source, listed in [(LISTED, ZEN), (LISTED6, ZEN), (GOOD6, None), (GOOD, None)]:
        one = run.peer(source.format(4, 1), listed)
        one.open()
        one.raw("EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@mail.example>\r\nRCPT TO:<root@mail.example>\r\n", 4)
        one.close()
        one = run.peer(source.format(4, 2), listed)
        one.open()
        one.say("x" * 5000)
        one.close()
        one = run.peer(source.format(4, 3), listed)
        one.open()
        one.say("EHLO a")
        login(one, "bob", "wrong")
        login(one, "bob", tree.PASSWORD)
        one.say("MAIL FROM:<bob@mail.example>")
        one.say("RCPT TO:<bob@mail.example>")
        message(one, ["Subject: of an account"])
        one.close()
        one = run.peer(source.format(4, 4), listed)
        one.open()
        one.say("EHLO a")
        one.say("STARTTLS")
        if not one.tls():
            raise SystemExit("the handshake failed")
        one.say("EHLO a")
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<bob@mail.example>")
        one.close()
        one = run.peer(source.format(4, 5), listed)
        one.open()
        one.reset()
    for number in range(1, len(TEXTS) + 1):
        session(one := run.peer(ODD_LIST.format(number), ZEN, text=b"5"))
        one.close()


def together(run):
    """Connections open at the same time, several of one peer."""
    peers = [(LISTED.format(30, 1 + number // 3), ZEN) for number in range(9)]
    peers += [(GOOD.format(30, 1 + number // 2), None) for number in range(6)]
    clients = [run.peer(source, listed) for source, listed in peers]
    for client in clients:
        client.open()
    for step in ("EHLO x", "MAIL FROM:<a@client.example>", "RCPT TO:<bob@mail.example>", "RCPT TO:<no@mail.example>", "QUIT"):
        for client in clients:
            client.say(step)
    for client in clients:
        client.close()


def make(directory):
    """the corpus of Courier anew; some minutes."""
    files = corpus.Files()
    count = common.names(files)
    for number, text in enumerate(TEXTS, 1):
        # Presented by the name service itself, as rbldnsd has one text for all.
        files.text(f"{number}.77.19.198.{ZEN}.", text)
        files.address(f"{number}.77.19.198.{ZEN}.", "127.0.0.2")
    # Without its tarpit, so that a reply comes with its line.
    run = corpus.Corpus("courier", judge, {"tarpit": 0}, files, quiet=0.08)
    with run:
        ordinary(run)
        for number in range(count):
            for source, listed in [("198.18.3.{}", ZEN), ("198.19.3.{}", None)]:
                session(one := run.peer(source.format(number + 1), listed))
                one.close()
        hostile(run, LISTED, ZEN)
        hostile(run, GOOD, None)
        together(run)
    run.write(directory)


if __name__ == "__main__":
    corpus.main(make)
