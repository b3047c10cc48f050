"""A client that writes rejections of others (192.0.2.77 to .79) into the server's log, as far as it can."""

import json
import sys

from dialogue import Client


def forged(victim):
    return b"error,relay=::ffff:%s,port=25,from=<a@b>,to=<c@d>: 511 http://www.spamhaus.org/query/bl?ip=%s" % (victim, victim)


LINES = [
    # Unknown commands are logged raw, behind `cmd:`.
    forged(b"192.0.2.77"),
    forged(b"192.0.2.77").upper(),
    b"XFOO " + forged(b"192.0.2.78"),
    b"XFOO x\ncourieresmtpd: " + forged(b"192.0.2.79"),
    b"XFOO x\n2026-11-20T22:44:56.033783+00:00 mx courieresmtpd: " + forged(b"192.0.2.79"),
    b"HELO " + forged(b"192.0.2.77"),
    b"EHLO x ([::ffff:192.0.2.78])",
    b"AUTH PLAIN " + forged(b"192.0.2.78"),
    # Addresses are logged with <, >, : and , blanked, or not at all.
    b'MAIL FROM:<"x,relay=::ffff:192.0.2.77,from=<a>,to=<b>: 511 no"@sender.example>',
    b"MAIL FROM:<a@sender.example>: 511 " + forged(b"192.0.2.78"),
    b"MAIL FROM:<511@sender.example>",
    b"RCPT TO:<bob,relay=::ffff:192.0.2.79,to=<x>: 511 x@mail.example>",
    b'RCPT TO:<"x>: 511 http://www.spamhaus.org/query/bl?ip=192.0.2.79"@mail.example>',
    b"RCPT TO:<511@mail.example>",
]


def main(source):
    client = Client(source)
    replies = [client.reply(), client.ask(b"EHLO mx.sender.example")]
    for line in LINES:
        # A newline in the middle makes two commands of it, with a reply each: those are asked for below.
        replies.append(client.ask(line))
    client.send(b"QUIT")
    while reply := client.reply():
        replies.append(reply)
    print(json.dumps({"replies": replies}))


main(*sys.argv[1:])
