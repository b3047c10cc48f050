#!/usr/bin/python3
"""Makes the corpus of OpenSMTPD: corpus_opensmtpd.py Tests/DialectsTests/Fixtures/corpus/opensmtpd"""

import base64
import os
import re
import subprocess
import tempfile

import corpus
import tree

LISTED, LISTED6, OTHER_LIST = "198.18.{}.{}", "2001:db8:66::{}:{}", "198.18.100.{}"
GOOD, GOOD6 = "198.19.{}.{}", "2001:db8:67::{}:{}"
ANONYMOUS = "AECDH-AES256-SHA:@SECLEVEL=0"
_SESSION = re.compile(rb"^[^ ]+ [^ ]+ smtpd\[\d+\]: [0-9a-f]{16} smtp (failed-command|bad-input|message) ")


def judge(line, peer, replies):
    """A line of a session is what the client was answered in that step, byte for byte."""
    kind = _SESSION.match(line)
    if kind is None:
        return None
    if kind[1] == b"message":
        return ("accepted", 250, None) if replies and replies[-1][0].startswith(b"250 ") else None
    for reply in replies:
        if line.endswith(b'result="' + corpus.in_syslog(reply[-1]) + b'"'):
            code = int(reply[-1][:3])
            is_listed = peer.listed is not None and reply[-1].endswith(b"is listed at " + peer.listed.encode())
            return ("rbl", code, peer.listed) if is_listed else ("other", code, None)
    return None


_AUTHENTICATION = re.compile(rb" smtp authentication user=[^ ]* result=(ok|permfail)$")


def judge_accounts(line, peer, replies):
    """The line stands before its reply, and so within the step that was answered 235 or 535."""
    if said := _AUTHENTICATION.search(line):
        answered = {reply[-1][:3] for reply in replies}
        assert (b"235" if said[1] == b"ok" else b"535") in answered, (line, replies)
    return judge(line, peer, replies)


def names(files):
    """PTR names as the owners of addresses may choose them."""
    hosts = ["mx[192.0.2.66].evil.example.", "192.0.2.66.evil.example.", r"a\032[192.0.2.66].evil.example.",
             r"x\032host\061192.0.2.66.evil.example.", r"x\010y.evil.example.", r"x\034\041.evil.example.", "mx.good.example.",
             r"99749b960b4b2be7\032smtp\032connected\032address=192.0.2.66.evil.example."]
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
    """Every forgery at every place where a client can write."""
    for number, text in enumerate(corpus.FORGERIES + corpus.ODDITIES):
        def address(place):
            return source.format(place, number + 1)
        session(one := run.peer(address(10), listed), helo=f"EHLO {text}")
        one.say("QUIT")
        session(one := run.peer(address(11), listed), sender=f'"{text}"@client.example')
        one.reset()
        session(one := run.peer(address(12), listed), sender=text)
        one.close()
        session(one := run.peer(address(13), listed), recipient=f'"{text}"@mail.example')
        one.say(f"RCPT TO:<{text}>")
        one.say(f"RCPT TO:<bob@mail.example> {text}")
        one.say(text)
        one.say(f"AUTH {text}")
        one.say("RCPT TO:<bob@mail.example>")
        message(one, [f"Subject: {text}", f"Message-ID: <{text}>", f" {text}"])
        one.say("QUIT")
        one.close()


def ordinary(run):
    for number in range(1, 9):
        session(one := run.peer(GOOD.format(2, number)))
        message(one, ["Subject: hello", "From: a@client.example"])
        one.say("RSET")
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<nosuch@mail.example>")
        one.say("RCPT TO:<x@elsewhere.example>")
        one.say("VRFY bob")
        one.say("QUIT")
    for source, listed in [(LISTED, "zen.bl.example"), (LISTED6, "zen.bl.example"), (GOOD6, None), (GOOD, None)]:
        one = run.peer(source.format(4, 1), listed)
        one.open()
        one.raw("EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@mail.example>\r\n", 3)
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


def unencrypted(run):
    """Without TLS there is no AUTH; and a certificate's key is of no use with OpenSSL 3 (see with_accounts)."""
    for source, listed in [(GOOD, None), (LISTED, "zen.bl.example")]:
        one = run.peer(source.format(20, 1), listed)
        one.open()
        one.say("EHLO a")
        one.say("AUTH PLAIN AGJvYgBoYXJib3Vy")
        one.say("AUTH LOGIN")
        one.say("STARTTLS")
        one.tls()
        one.close()


def secret(peer):
    """Behind STARTTLS."""
    peer.open()
    peer.say("EHLO client.example")
    peer.say("STARTTLS")
    if not peer.tls(ANONYMOUS):
        raise SystemExit("the handshake failed")
    peer.say("EHLO client.example")


def plain(user, password=tree.PASSWORD):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode("latin-1")).decode()


def login(peer, user, password=tree.PASSWORD):
    peer.say("AUTH LOGIN")
    for word in (user, password):
        peer.say(base64.b64encode(word.encode("latin-1")).decode())


def accounts(run):
    """STARTTLS and AUTH, of peers that are listed and others; the filter of the lab asks for no account."""
    for source, listed in [(GOOD, None), (LISTED, "zen.bl.example"), (GOOD6, None), (LISTED6, "zen.bl.example")]:
        secret(one := run.peer(source.format(22, 1), listed))
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<bob@mail.example>")
        message(one, ["Subject: without an account"])
        one.say("QUIT")
        for number, enter in enumerate([lambda: one.say(plain("bob")), lambda: login(one, "bob")]):
            secret(one := run.peer(source.format(23, number + 1), listed))
            one.say(plain("bob", "wrong"))
            login(one, "bob", "wrong")
            one.say(plain("nobody"))
            enter()
            one.say("MAIL FROM:<bob@mail.example>")
            one.say("RCPT TO:<x@elsewhere.example>")
            one.say("RCPT TO:<bob@mail.example>")
            message(one, ["Subject: of an account"])
            one.say("QUIT")
        secret(one := run.peer(source.format(24, 1), listed))
        for _ in range(3):
            one.say(plain("bob", "guess"))
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<bob@mail.example>")
        one.reset()
        secret(one := run.peer(source.format(24, 2), listed))
        one.say("AUTH PLAIN *")
        one.say("AUTH LOGIN")
        one.say("*")
        one.say("AUTH CRAM-MD5")
        one.close()
    for number, text in enumerate([*corpus.FORGERIES, *corpus.ODDITIES, "bob result=ok", "bob\nresult=ok", "x result=ok",
                                   "bob\0", " result=ok"]):
        for source, listed in [(LISTED, "zen.bl.example"), (GOOD, None)]:
            secret(one := run.peer(source.format(25, number + 1), listed))
            one.say(plain(text))
            login(one, text, text)
            # Of an envelope with a line end in the account's name 6.8.0p2 dies.
            if "\n" not in text:
                one.say("MAIL FROM:<a@client.example>")
                one.say("RCPT TO:<bob@mail.example>")
                message(one, [f"Subject: {text}"])
            one.close()


def together(run):
    """Connections open at the same time, several of one peer, in the one process."""
    peers = [(LISTED.format(30, 1 + number // 3), "zen.bl.example") for number in range(9)]
    peers += [(GOOD.format(30, 1 + number // 2), None) for number in range(6)]
    peers += [(LISTED6.format(30, 1 + number), "zen.bl.example") for number in range(3)]
    peers += [(OTHER_LIST.format(1 + number), "zen.bl.example") for number in range(3)]
    clients = [run.peer(source, listed) for source, listed in peers]
    steps = ["EHLO x", "MAIL FROM:<a@client.example>", "RCPT TO:<bob@mail.example>", "RCPT TO:<nosuch@mail.example>",
             "RCPT TO:<bob@mail.example>", "QUIT"]
    for client in clients:
        client.open()
    for step in steps:
        for client in clients:
            client.say(step)
    for client in clients:
        client.close()


def certified():
    """Files with a key and its certificate."""
    files = corpus.Files()
    with tempfile.TemporaryDirectory() as directory:
        key, certificate = os.path.join(directory, "key"), os.path.join(directory, "certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mx.mail.example",
                        "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        for name, path in [("key", key), ("crt", certificate)]:
            with open(path) as file:
                files.write(f"etc/mx.{name}", file.read(), 0o600)
    return files


def with_accounts():
    """STARTTLS that comes about, and AUTH behind it.

    smtpd's process for the network has no keys: it asks another to sign, through OpenSSL's old engine interface, of which
    OpenSSL 3 knows nothing. Debian's 6.8.0p2 therefore fails in every handshake that the server has to sign
    (OpenSMTPD's issue 1171, mended in 7.3). An anonymous one is not signed.
    """
    files = certified()
    hashed = subprocess.run(["openssl", "passwd", "-5", tree.PASSWORD], check=True, capture_output=True, text=True).stdout
    files.write("etc/accounts", f"bob {hashed}", 0o644)
    files.write("etc/smtpd.conf", f"""pki mail.example cert "/etc/mx.crt"
pki mail.example key "/etc/mx.key"
smtp ciphers "{ANONYMOUS}"
table accounts file:/etc/accounts
filter "dnsbl" proc-exec "/etc/opensmtpd-filter-dnsbl rcpt-to zen.bl.example cbl.bl.example"
listen on 0.0.0.0 tls pki mail.example auth-optional <accounts> filter "dnsbl"
listen on :: tls pki mail.example auth-optional <accounts> filter "dnsbl"
action "local" maildir
match from any for domain "mail.example" action "local"
""")
    return files


def with_filters():
    """The server's files with TLS, and filters of every phase."""
    files = certified()
    files.write("etc/smtpd.conf", """pki mail.example cert "/etc/mx.crt"
pki mail.example key "/etc/mx.key"
filter "dnsbl" proc-exec "/etc/opensmtpd-filter-dnsbl mail-from zen.bl.example cbl.bl.example"
filter "site" phase connect match src { 198.19.40.0/24 } reject "550 Client host rejected: Access denied"
filter "helo" phase helo match helo { "listed.example" } reject "550 Your name is not welcome"
filter "away" phase ehlo match helo { "away.example" } disconnect "550 Go away"
filter "later" phase rcpt-to match src { 198.19.41.0/24 } reject "421 try again later"
filter "end" phase commit match src { 198.19.42.0/24 } reject "554 message refused"
filter "stages" chain { "site", "helo", "away", "later", "end", "dnsbl" }
listen on 0.0.0.0 tls pki mail.example filter "stages"
listen on :: tls pki mail.example filter "stages"
action "local" maildir
match from any for domain "mail.example" action "local"
""")
    return files


def refused_by_filters(run):
    """At every phase, by the words of a site that are no list's."""
    for third, helo in [(40, "x"), (41, "x"), (42, "x"), (43, "listed.example"), (44, "away.example")]:
        for number in (1, 2):
            session(one := run.peer(GOOD.format(third, number)), helo=f"{'EHLO' if number == 1 else 'HELO'} {helo}")
            message(one, ["Subject: hello"])
            one.say("QUIT")
            one.close()


def make(directory):
    """the corpus of OpenSMTPD anew; some minutes."""
    files = corpus.Files()
    count = names(files)
    run = corpus.Corpus("opensmtpd", judge, files=files)
    with run:
        ordinary(run)
        for number in range(count):
            for source, listed in [("198.18.3.{}", "zen.bl.example"), ("198.19.3.{}", None)]:
                session(one := run.peer(source.format(number + 1), listed))
                one.say("QUIT")
        hostile(run, LISTED, "zen.bl.example")
        hostile(run, GOOD, None)
        together(run)
        together(run)
    run.write(directory)
    run = corpus.Corpus("opensmtpd", judge, files=with_filters())
    with run:
        unencrypted(run)
        refused_by_filters(run)
        together(run)
    run.write(directory, "filters")
    run = corpus.Corpus("opensmtpd", judge_accounts, files=with_accounts())
    with run:
        accounts(run)
    run.write(directory, "accounts")


if __name__ == "__main__":
    corpus.main(make)
