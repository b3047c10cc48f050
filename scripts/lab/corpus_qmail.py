#!/usr/bin/python3
"""Makes the corpus of tcpserver and rblsmtpd: corpus_qmail.py Tests/DialectsTests/Fixtures/corpus/qmail"""

import re

import corpus

LISTED, OTHER_LIST, ODD_LIST = "198.18.{}.{}", "198.18.100.{}", "198.19.77.{}"
GOOD = "198.19.{}.{}"
ZEN, CBL, ODD = "zen.bl.example", "cbl.bl.example", "odd.bl.example"


def judge(line, peer, replies):
    """rblsmtpd's one line is a rejection by a list exactly if its client is listed; its text says by which."""
    found = re.match(rb"^@[0-9a-f]{24} rblsmtpd: (\S+) pid \d+: (\d{3}) ", line)
    if found is None:
        return None
    # The line comes with the connection, its reply with RCPT; but the client's own address is the socket's.
    if found[2] == b"451":
        return ("deferral", 451, None)
    return ("rbl", int(found[2]), None) if peer.listed else ("other", int(found[2]), None)


def names(files):
    hosts = ["mx[192.0.2.66].evil.example.", "192.0.2.66.evil.example.", r"a\032[192.0.2.66].evil.example.",
             r"x\010rblsmtpd:\032192.0.2.66\032pid\0321:\032553\032x.evil.example.", r"x:192.0.2.66::25.evil.example.",
             "mx.good.example."]
    for number, host in enumerate(hosts):
        files.name(f"198.18.3.{number + 1}", host, host)
        files.name(f"198.19.3.{number + 1}", host, host)
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


def hostile(run, source, listed):
    for number, text in enumerate(corpus.FORGERIES + corpus.ODDITIES):
        one = run.peer(source.format(10, number + 1), listed)
        session(one, helo=f"EHLO {text}")
        one.say("QUIT")
        one.close()
        one = run.peer(source.format(11, number + 1), listed)
        session(one, sender=f'"{text}"@client.example', recipient=f'"{text}"@mail.example')
        one.say(f"RCPT TO:<{text}>")
        one.say(text)
        one.say(f"VRFY {text}")
        one.say("RCPT TO:<bob@mail.example>")
        message(one, [f"Subject: {text}", f"Message-ID: <{text}>"])
        one.reset()


def ordinary(run):
    for number in range(1, 7):
        session(one := run.peer(GOOD.format(2, number)))
        message(one, ["Subject: hello"])
        one.say("QUIT")
        one.close()
    for source, listed in [(LISTED, ZEN), (GOOD, None)]:
        one = run.peer(source.format(4, 1), listed)
        one.open()
        one.raw("EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@mail.example>\r\n", 3)
        one.close()
        one = run.peer(source.format(4, 2), listed)
        one.open()
        one.say("x" * 5000)
        one.close()
        session(one := run.peer(source.format(4, 3), listed))
        one.wait(1)
        one.close()
        one = run.peer(source.format(4, 4), listed)
        one.open()
        one.reset()
    for number in range(1, 5):
        session(one := run.peer(OTHER_LIST.format(number), CBL))
        one.close()
    # Lists' texts hold what lists like: other addresses, lines of another program, bytes.
    for number in range(1, 13):
        session(one := run.peer(ODD_LIST.format(number), ODD))
        one.close()


def together(run):
    peers = [(LISTED.format(30, 1 + number // 3), ZEN) for number in range(9)]
    peers += [(GOOD.format(30, 1 + number // 2), None) for number in range(6)]
    clients = [run.peer(source, listed) for source, listed in peers]
    for client in clients:
        client.open()
    for step in ("EHLO x", "MAIL FROM:<a@client.example>", "RCPT TO:<bob@mail.example>", "QUIT"):
        for client in clients:
            client.say(step)
    for client in clients:
        client.close()


def one_server(rblsmtpd, is_short=False):
    files = corpus.Files()
    count = names(files)
    files.zone(ODD, "x", [])
    texts = ['"rblsmtpd: 192.0.2.66 pid 1: 553 listed"', '"550 192.0.2.66 is listed at zen.bl.example"',
             r'"a\010rblsmtpd: 192.0.2.66 pid 1: 553 x"', r'"\255\254 bytes"', '"' + "a" * 250 + '"',
             '"http://www.spamhaus.org/query/bl?ip=192.0.2.66"', '"%s%n"', r'"\000x"',
             '"tcpserver: pid 1 from 192.0.2.66"', '"listed at odd.bl.example"', '" "', '"[192.0.2.66]"']
    for number, text in enumerate(texts):
        files.text(f"{number + 1}.77.19.198.{ODD}.", text)
    options = {"rblsmtpd": rblsmtpd, "zones": f"{ZEN} {CBL} {ODD}"}
    run = corpus.Corpus("qmail", judge, options=options, files=files, quiet=0.08)
    with run:
        # What the lab itself asked before.
        run.lines, run.rows = [], []
        ordinary(run)
        if is_short:
            return run
        for number in range(count):
            for source, listed in [("198.18.3.{}", ZEN), ("198.19.3.{}", None)]:
                session(one := run.peer(source.format(number + 1), listed))
                one.close()
        hostile(run, LISTED, ZEN)
        hostile(run, GOOD, None)
        together(run)
    return run


def make(directory):
    """the corpus of tcpserver and rblsmtpd anew; some minutes."""
    whole = one_server("-b")
    # Without -b it defers.
    deferring = one_server("", is_short=True)
    whole.lines += deferring.lines
    whole.rows += deferring.rows
    whole.write(directory)


if __name__ == "__main__":
    corpus.main(make)
