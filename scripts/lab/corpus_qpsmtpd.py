#!/usr/bin/python3
"""Makes the corpora of qpsmtpd: corpus_qpsmtpd.py Tests/DialectsTests/Fixtures/corpus/qpsmtpd

A third log goes to logs/qpsmtpd beside it: what clients write into qpsmtpd's own file by an AUTH.
"""

import base64
import os
import re

import corpus
import corpus_opensmtpd as common

LISTED, BOTH_LISTS, GOOD = common.LISTED, common.OTHER_LIST, common.GOOD
ODD, LINES = "198.19.50.{}", "198.19.51.{}"
ZONES = {"zen.bl.example": b"http://www.spamhaus.org/query/bl?ip=", "cbl.bl.example": b"Blocked - see http://cbl.abuseat.org/",
         "odd.bl.example": b"554 5.7.1 [192.0.2.66] blocked using", "lines.bl.example": b"first"}
_OWN = re.compile(rb"^\w{3} \w{3} \d\d [\d:]{8} \d{4} mx\[(\d+)\]: ")
_SYSLOG = re.compile(rb"^[^ ]+ mx qpsmtpd\[(\d+)\]: ")
_owners = {}  # pid -> source of the client that made it write


def judge(line, peer, replies):
    """A reply stands in the log byte for byte as the client was given it, each of its lines by itself."""
    header = _OWN.match(line) or _SYSLOG.match(line)
    if header is None:
        return None
    said = line[header.end():]
    if ended := re.fullmatch(rb"cleaning up after (\d+)", said):
        # Up to a second later, when it may be another client's turn.
        return (None, None, None, _owners.get(ended[1]))
    _owners[header[1]] = peer.source
    for reply in replies:
        if said != (reply[-1] if header.re is _OWN else corpus.in_syslog(reply[-1])):
            continue
        code = int(said[:3])
        if said.startswith(b"250 Queued"):
            return ("accepted", code, None)
        if code >= 400:
            zones = [zone for zone, text in ZONES.items() if peer.listed and reply[0][4:].startswith(text)]
            return ("rbl", code, zones[0]) if zones else ("other", code, None)
    return None


def files():
    made = corpus.Files()
    names = common.names(made)
    made.zone("odd.bl.example", "554 5.7.1 [192.0.2.66] blocked using other.zone; Connection from x [192.0.2.66]",
              ["198.19.50.0/24"])
    made.text("1.51.19.198.lines.bl.example.",
              r'"first\010Fri Nov 20 23:00:02 2026 mx[99]: Accepted connection 0/15 from 192.0.2.66 / x\010second"')
    return made, names


def connect(run, source, listed):
    one = run.peer(source, listed)
    return one, bool((replies := one.open()) and replies[-1][-1].startswith(b"220"))


def visit(run, source, listed, text):
    """One session with the same words at every place where a client can write."""
    one, is_greeted = connect(run, source, listed)
    if is_greeted:
        for line in [f"EHLO {text}", "EHLO client.example", f"MAIL FROM:<{text}>", f'MAIL FROM:<"{text}"@client.example>',
                     "RSET", "MAIL FROM:<a@client.example>", f'RCPT TO:<"{text}"@mail.example>', f"RCPT TO:<{text}>",
                     "RCPT TO:<bob@mail.example>", "RCPT TO:<x@elsewhere.example>"]:
            if not one.say(line):
                break
        common.message(one, [f"Subject: {text}", f"Message-ID: <{text}>", f" {text}"])
        one.say(text)
        one.say("QUIT")
    one.close()


def everybody(run, names, listed_at_recipient):
    """Names, lists, words and ways to leave; listed clients are refused at once or only when they name a recipient."""
    texts = corpus.FORGERIES + corpus.ODDITIES
    for number in range(names):
        for source, listed in [("198.18.3.{}", True), ("198.19.3.{}", False)]:
            one, is_greeted = connect(run, source.format(number + 1), listed)
            if is_greeted:
                one.say("EHLO x")
                one.say("MAIL FROM:<a@client.example>")
                one.say("RCPT TO:<bob@mail.example>")
                one.say("QUIT")
            one.close()
    for number, text in enumerate(texts):
        source = LISTED if listed_at_recipient else GOOD
        visit(run, source.format(10, number + 1), listed_at_recipient, text)
    for number in range(1, 9):
        for source in (LISTED.format(11, number), BOTH_LISTS.format(number), ODD.format(number)):
            visit(run, source, True, "x")
    visit(run, LINES.format(1), True, "x")
    visit(run, "2001:db8:67::10:1", False, "x")
    for source, listed in [(GOOD.format(12, 1), False), (LISTED.format(12, 1), True)]:
        one, is_greeted = connect(run, source, listed)
        one.reset()
        one, is_greeted = connect(run, source, listed)
        if is_greeted:
            one.raw("EHLO a\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<bob@mail.example>\r\nQUIT\r\n", 4)
        one.close()
        one = run.peer(source, listed)
        one.open(replies=0)
        one.raw("EHLO early\r\n", 2)
        one.close()


def crowd(run):
    """More connections than it serves."""
    clients = [run.peer(GOOD.format(13, number), False) for number in range(1, 16)]
    for client in clients:
        client.open()
    clients[0].wait(2)
    for client in clients:
        client.say("QUIT")
        client.close()


def accounts(run):
    run.execute("sh", "-c", "echo auth/auth_flat_file >> /etc/qpsmtpd/plugins; "
                "echo bob@mail.example:harbour > /etc/qpsmtpd/flat_auth_pw; kill -HUP $(cat /run/qpsmtpd/qpsmtpd.pid)")
    stamp = "Fri Nov 20 23:00:02 2026 mx[99]: "
    forged = "\n".join(["x", stamp + "Accepted connection 0/15 from 192.0.2.66 / x", stamp + "fail, zen.bl.example",
                        stamp + "550 http://www.spamhaus.org/query/bl?ip=192.0.2.66", stamp + "click, disconnecting"])
    for number, (user, password) in enumerate([("bob@mail.example", "harbour"), ("bob@mail.example", "wrong"),
                                               (forged, "wrong"), ("550 listed", "wrong")]):
        one = run.peer(GOOD.format(14, number + 1), False)
        one.open()
        one.say("EHLO x")
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        one.say(f"AUTH PLAIN {plain}")
        one.say("AUTH LOGIN")
        one.say(base64.b64encode(user.encode()).decode())
        one.say(base64.b64encode(password.encode()).decode())
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<bob@mail.example>")
        common.message(one, ["Subject: hello"])
        one.say("QUIT")
        one.close()


def make(directory):
    """the corpora of qpsmtpd anew; a quarter of an hour, as it waits a second before it greets."""
    zones = {"zones": " ".join(ZONES)}
    for name, options, log in [("qpsmtpd", zones, None),
                               ("syslog", {**zones, "syslog": 1, "stage": "rcpt"}, "mail.log")]:
        made, names = files()
        with (run := corpus.Corpus("qpsmtpd", judge, options, made, log)):
            everybody(run, names, listed_at_recipient=log is not None)
            crowd(run)
            if log is not None:
                accounts(run)
                visit(run, LISTED.format(15, 1), True, "x")
        run.write(directory, name)
    with (run := corpus.Corpus("qpsmtpd", judge)):
        accounts(run)
        visit(run, LISTED.format(15, 1), True, "x")
    run.write(os.path.join(directory, "../../logs/qpsmtpd"), "accounts")


if __name__ == "__main__":
    corpus.main(make)
