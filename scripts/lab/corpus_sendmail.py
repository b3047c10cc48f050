#!/usr/bin/python3
"""Makes the corpus of Sendmail: corpus_sendmail.py Tests/DialectsTests/Fixtures/corpus/sendmail"""

import base64
import re
import time

import corpus

LISTED, OTHER_LIST = "198.18.{}.{}", "198.18.100.{}"
GOOD, GOOD6 = "198.19.{}.{}", "2001:db8:67::{}:{}"
# The other list has 198.18.100.0/24 as well, but this one is asked first.
ZEN = "zen.bl.example"
_LINE = re.compile(rb"^[^ ]+ [^ ]+ sm-mta\[\d+\]: (?:[0-9A-Za-z]{14,16}|NOQUEUE|)(\[\d+\])?(?:: )?(.*)$", re.DOTALL)
# Queue ids of messages that were answered with 250 behind their data, until a line tells of their delivery.
_taken = {}


def judge(line, peer, replies):
    """What a line is, by its first words and by what the client was answered in that step.

    A line of a ruleset ends in the reply, byte for byte but for what Sendmail makes printable; so the reply is found by
    its last words, which are Sendmail's or the list's and never the client's. Of an entry in pieces the last counts.
    """
    found = _LINE.match(line)
    if found is None:
        return None
    piece, text = found[1], found[2]
    for reply in replies:
        done = re.match(rb"250 2\.0\.0 ([0-9A-Za-z]+) Message accepted", reply[-1])
        if done:
            _taken[done[1]] = peer
    if text.startswith(b"to="):
        queue_id = re.search(rb"\]: ([0-9A-Za-z]+): to=", line)
        owner = _taken.pop(queue_id[1], None) if queue_id else None
        return ("accepted", 250, None) if owner is not None and owner.source == peer.source else None
    if text.startswith(b"AUTH failure ("):
        return ("auth", 535, None)
    if text.startswith(b"ruleset=") or (piece and not text.endswith(b" ...")):
        return _rejection(text, peer, replies)
    return None


def _rejection(text, peer, replies):
    # With the lists asked at connect the line comes before the reply, and the reply to MAIL and RCPT is the line's.
    for reply in replies:
        own = reply[-1].rsplit(b"... ", 1)[-1]
        if reply[-1][:1] in b"45" and text.endswith(own):
            return _reason(int(reply[-1][:3]), own, peer)
    relay = re.match(rb"ruleset=check_relay, .*, reject=(\d{3}) 5\.7\.1 (Rejected: .*|Access denied)$", text)
    return _reason(int(relay[1]), relay[2], peer) if relay else None


def _reason(code, text, peer):
    if peer.listed and text.endswith(b"listed at " + peer.listed.encode()) and peer.source.encode() in text:
        return ("rbl", code, peer.listed)
    return ("other", code, None)


def names(files):
    """PTR names as the owners of addresses may choose them."""
    # Senders' domain: Debian's Sendmail asks for it.
    files.name("198.19.2.1", "client.example.", "client.example.")
    hosts = ["mx[192.0.2.66].evil.example.", "192.0.2.66.evil.example.", r"a\032[192.0.2.66].evil.example.",
             r"x,\032relay=y\032[192.0.2.66],\032reject=550\032listed.evil.example.", r"x\010y.evil.example.",
             r"x\034\041.evil.example.", "mx.good.example.", "192.0.2.66.", r"\[192.0.2.66\].",
             ".".join(["a" * 60] * 4) + ".", r"ruleset=check_relay,\032arg1=x.evil.example."]
    for number, host in enumerate(hosts):
        forward = host if number % 2 else None
        files.name(f"198.18.3.{number + 1}", host, forward)
        files.name(f"198.19.3.{number + 1}", host, forward)
    return len(hosts)


def session(peer, helo="EHLO client.example", sender="a@client.example", recipient="bob@mail.example"):
    peer.open()
    peer.say(helo)
    peer.say(f"MAIL FROM:<{sender}>")
    return peer.say(f"RCPT TO:<{recipient}>")


def message(peer, headers):
    replies = peer.say("DATA")
    if replies and replies[-1][-1].startswith(b"354"):
        peer.raw("".join(f"{header}\r\n" for header in headers) + "\r\nhello\r\n.\r\n")
        peer.wait(1.5)  # the delivery is logged by another process


def hostile(run, source, listed, texts):
    """Every forgery at every place where a client can write."""
    for number, text in enumerate(texts):
        def address(place):
            return source.format(place, number + 1)
        session(one := run.peer(address(10), listed), helo=f"EHLO {text}")
        one.say("QUIT")
        one.close()
        session(one := run.peer(address(11), listed), sender=f'"{text}"@client.example')
        one.say(f"RCPT TO:<x@elsewhere.example>")
        one.reset()
        session(one := run.peer(address(12), listed), sender=f'"{text}"@nowhere.example')
        one.say(f'RCPT TO:<"{text}"@mail.example>')
        one.close()
        session(one := run.peer(address(13), listed), recipient=f'"{text}"@mail.example')
        one.say(f"RCPT TO:<{text}>")
        one.close()
        session(one := run.peer(address(14), listed), recipient=f'"{text}"@elsewhere.example')
        one.say(f"RCPT TO:{text}")
        one.close()
        session(one := run.peer(address(15), listed), recipient=f"bob@mail.example> {text}")
        one.say(text)
        one.say(f"VRFY {text}")
        one.say(f"AUTH {text}")
        one.say("AUTH PLAIN " + base64.b64encode(f"\0{text}\0x".encode("latin-1")).decode())
        one.say("RCPT TO:<bob@mail.example>")
        message(one, [f"Subject: {text}", f"Message-ID: <{text}>", f" {text}"])
        one.say("QUIT")
        one.close()


def ordinary(run, sources):
    for number in range(1, 7):
        session(one := run.peer(GOOD.format(2, number)))
        message(one, ["Subject: hello", "From: a@client.example"])
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<nosuch@mail.example>")
        one.say("RCPT TO:<x@elsewhere.example>")
        one.say("RSET")
        one.say("MAIL FROM:<a@nowhere.example>")
        one.say("RCPT TO:<bob@mail.example>")
        one.say("QUIT")
        one.close()
    for source, listed in sources:
        one = run.peer(source.format(4, 1), listed)
        one.open()
        one.raw("EHLO a\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<bob@mail.example>\r\n", 3)
        one.close()
        one = run.peer(source.format(4, 2), listed)
        one.open()
        one.say("x" * 5000)
        one.close()
        session(one := run.peer(source.format(4, 3), listed), helo="HELO a")
        one.reset()
        one = run.peer(source.format(4, 4), listed)
        one.open()
        one.reset()
        session(one := run.peer(source.format(4, 5), listed))
        one.wait(1)
        one.close()
        one = run.peer(source.format(4, 6), listed)
        one.open()
        for command in ("NOOP", "EXPN bob", "ETRN x", "HELP", "RSET", "DATA", "BDAT 1", "QUIT"):
            one.say(command)
        one.close()


def accounts(run):
    """Accounts of every kind; Debian's Sendmail offers PLAIN and LOGIN here."""
    users = ["bob", "bob, relay=x [192.0.2.66]", "x\n, relay=x [192.0.2.66]", "\x1b\xff", "a" * 300]
    for number, user in enumerate(users):
        for listed, source in [(None, GOOD), (ZEN, LISTED)]:
            for password in ("harbour", "wrong"):
                one = run.peer(source.format(20 + (password == "wrong"), number + 1), listed)
                one.open()
                one.say("EHLO a")
                one.say("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode("latin-1")).decode())
                one.say("AUTH LOGIN")
                one.say(base64.b64encode(user.encode("latin-1")).decode())
                one.say(base64.b64encode(password.encode()).decode())
                one.say("MAIL FROM:<bob@mail.example>")
                one.say("RCPT TO:<bob@mail.example>")
                message(one, ["Subject: hello"])
                one.say("QUIT")
                one.close()


def together(run):
    """Connections open at the same time, several of one peer, each with a process of its own."""
    peers = [(LISTED.format(30, 1 + number // 3), ZEN) for number in range(9)]
    peers += [(GOOD.format(30, 1 + number // 2), None) for number in range(6)]
    peers += [(OTHER_LIST.format(1 + number), ZEN) for number in range(3)]
    clients = [run.peer(source, listed) for source, listed in peers]
    for client in clients:
        client.open()
    for step in ("EHLO x", "MAIL FROM:<a@client.example>", "RCPT TO:<bob@mail.example>",
                 "RCPT TO:<nosuch@mail.example>", "RCPT TO:<bob@mail.example>", "QUIT"):
        for client in clients:
            client.say(step)
    for client in clients:
        client.close()


def _until_it_listens(run):
    for _ in range(100):
        try:
            time.sleep(0.3)
            run.peer(GOOD.format(1, 1)).open()
            run.take(None, [])
            return
        except OSError:
            pass


def one_server(directory_files, count, options, texts):
    options = {"rate": 200, "slots": 100, **options}
    run = corpus.Corpus("sendmail", judge, options=options, files=directory_files, quiet=0.2)
    with run:
        # RCPT floods are slowed down, which only takes time here; and Debian listens for IPv4 only.
        run.execute("sh", "-c", "sed -i 's/^O BadRcptThrottle=.*/O BadRcptThrottle=0/; /Name=MTA-v4/a "
                    "O DaemonPortOptions=Family=inet6, Name=MTA-v6, Port=smtp, Addr=2001:db8:25::25' "
                    "/etc/mail/sendmail.cf; "
                    "/etc/init.d/sendmail reload")
        _until_it_listens(run)
        # What the lab itself asked before.
        run.lines, run.rows = [], []
        sources = [(LISTED, ZEN), (GOOD, None), (OTHER_LIST.replace("{}", "{1}"), ZEN), (GOOD6, None)]
        ordinary(run, sources)
        for number in range(count):
            for source, listed in [("198.18.3.{}", ZEN), ("198.19.3.{}", None)]:
                session(one := run.peer(source.format(number + 1), listed))
                one.say("QUIT")
                one.close()
        hostile(run, LISTED, ZEN, texts)
        hostile(run, GOOD, None, texts[::3])
        accounts(run)
        together(run)
    return run


def make(directory):
    """the corpus of Sendmail anew; a quarter of an hour."""
    files = corpus.Files()
    count = names(files)
    one_server(files, count, {"pause": 0}, corpus.FORGERIES + corpus.ODDITIES + LONG).write(directory)
    # Lists asked at connect, and a greeting that comes late.
    early = one_server(files, count, {"pause": 40, "delay_checks": 0}, corpus.FORGERIES[::4] + LONG)
    early.kind = "at-connect"
    early.write(directory)


# What only Sendmail falls over: addresses whose lines are cut in pieces, and readings that repeat themselves.
LONG = ["\xfc" * 190, "\x80, relay=x [192.0.2.66], reject=550 5.7.1 x" * 4,
        ", relay=[192.0.2.66], reject=550" * 6, ", relay=".join(f"[192.0.2.{n}], reject=550" for n in range(60, 68)),
        "x, relay=x [192.0.2.66], reject=550 5.7.1 <\"x... 192.0.2.66 listed at zen.bl.example"]

if __name__ == "__main__":
    corpus.main(make)
