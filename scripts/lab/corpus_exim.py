#!/usr/bin/python3
"""Makes the corpus of Exim: corpus_exim.py Tests/DialectsTests/Fixtures/corpus/exim"""

import re

import corpus

LISTED, LISTED6, OTHER_LIST = "198.18.{}.{}", "2001:db8:66::{}:{}", "198.18.100.{}"
GOOD, GOOD6 = "198.19.{}.{}", "2001:db8:67::{}:{}"
BOB = "AGJvYgBoYXJib3Vy"  # \0bob\0harbour
_HEADER = re.compile(rb"^(?:[^ ]+ mx exim\[(\d+)\]: )?((?:\[\d+[\\/]\d+\] )?)", re.DOTALL)
_PREFIX = re.compile(rb"^[0-9-]{10} [0-9:]{8} (?:\[\d+\] )?(?:\w{6}-\w{6}-\w\w )?(H=|<= )", re.DOTALL)


class Judge:
    """Which line of a step is the verdict shows in Exim's own words at its start; what the verdict was, in the reply."""

    def __init__(self, is_bare=False):
        self.is_bare = is_bare
        self.pieces, self.seen = {}, set()

    def __call__(self, line, peer, replies):
        header = _HEADER.match(line)
        pid, entry = header[1], line[header.end():]
        if header[2]:
            entry = self._joined(pid, header[2], entry)
        if pid is not None:
            # Syslog has every refusal twice.
            if (pid, entry) in self.seen:
                return None
            self.seen.add((pid, entry))
        verdict = _PREFIX.match(entry or b"")
        if verdict is None:
            return None
        if verdict[1] == b"<= ":
            return ("accepted", 250, None) if any(reply[-1].startswith(b"250 OK id=") for reply in replies) else None
        if b" rejected " not in entry:
            return None
        for reply in replies:
            text = b" ".join(part[4:] for part in reply)
            code = int(reply[-1][:3])
            if code >= 400:
                says_list = b"is listed at" in text or (self.is_bare and text == b"Administrative prohibition")
                if peer.listed and says_list:
                    return ("rbl", peer.more.get("code", code), peer.listed)
                return ("other", code, None)
        return None

    def _joined(self, pid, mark, text):
        number, kind, count = re.match(rb"\[(\d+)([\\/])(\d+)\]", mark).groups()
        before = b"" if number == b"1" else self.pieces.pop(pid, None)
        if before is None:
            return None
        if kind == b"\\" or number == count:
            return before + text
        self.pieces[pid] = before + text
        return None


def names(files):
    """PTR names as the owners of addresses may choose them."""
    hosts = ["mx[192.0.2.66].evil.example.", "192.0.2.66.evil.example.", r"a\032[192.0.2.66].evil.example.",
             r"x\)\032[192.0.2.66].evil.example.", r"[192.0.2.66]\032F=x.evil.example.", "[192.0.2.66].evil.example.",
             r"x\010y.evil.example.", r"x\034\041.evil.example.", "mx.good.example.", "under_score.evil.example.",
             r"\(x\)\032[192.0.2.66]\032rejected.evil.example.", "a/b.evil.example."]
    for number, host in enumerate(hosts):
        for source in (LISTED, GOOD):
            files.name(source.format(3, number + 1), host, host)
    return len(hosts)


def lists(files):
    """A DNSBL whose texts are hostile."""
    texts = [f"x) [{corpus.INNOCENT}] F=<a@b> rejected RCPT <c@d>: listed at other.example", f"[{corpus.INNOCENT}]",
             "554 blocked using other.example", f"http://{corpus.INNOCENT}/?ip=$", "$ a) [$] b", "%s%n: rejected RCPT <a@b>: "]
    for number, text in enumerate(texts):
        files.zone(f"t{number}.example", text, [f"198.18.128.{number + 1}", f"198.18.129.{number + 1}"])
    return [f"t{number}.example" for number in range(len(texts))]


def session(peer, helo="EHLO client.example", sender="a@client.example", recipient="bob@mail.example"):
    peer.open()
    peer.say(helo)
    peer.say(f"MAIL FROM:<{sender}>")
    return peer.say(f"RCPT TO:<{recipient}>")


def message(peer, headers):
    replies = peer.say("DATA")
    if replies and replies[-1][-1].startswith(b"354"):
        peer.raw("".join(f"{header}\r\n" for header in headers) + "\r\nhello\r\n.\r\n")


# With the client's own address.
OWN = ["x) [{0}] F=<a@b> rejected RCPT <c@d>: relay not permitted", "x) [{0}]", "[{0}]"]
LONG = ["x" * 900, "x) [192.0.2.66] " + "x" * 900]


def hostile(run, source, listed, texts):
    """Every forgery at every place where a client can write."""
    for number, text in enumerate(texts):
        def address(place):
            return source.format(place, number + 1)
        for place, helo in ((10, "EHLO"), (11, "HELO")):
            name = text.format(address(place)) if text in OWN else text
            session(one := run.peer(address(place), listed), helo=f"{helo} {name}")
            one.say("QUIT")
            one.close()
        session(one := run.peer(address(12), listed), sender=f'"{text}"@client.example')
        one.reset()
        session(one := run.peer(address(13), listed), sender=text)
        one.close()
        session(one := run.peer(address(14), listed), recipient=f'"{text}"@mail.example')
        one.say(f"RCPT TO:<{text}>")
        one.say(f"RCPT TO:{text}")
        one.say(f'RCPT TO:"{text}" <bob@mail.example>')
        one.say(f"RCPT TO:<bob@mail.example> {text}")
        one.say(f"RCPT TO:<bob@mail.example> ORCPT={text}")
        one.say(text)
        one.say("RCPT TO:<bob@mail.example>")
        message(one, [f"Subject: {text}", f"Message-ID: <{text}@a>", f'Message-ID: <"{text}"@a.example>', f" {text}"])
        one.say(f"HELO {text}")
        one.say("QUIT")
        one.close()
        # Nothing is asked of a list before RCPT.
        one = run.peer(address(15))
        one.open()
        one.say(f"VRFY {text}")
        one.say(f"EXPN {text}")
        one.say(f"AUTH {text}")
        one.say("EHLO client.example")
        one.say(f"AUTH {text}")
        one.say("AUTH LOGIN")
        one.say("YUBi")
        one.say("YUBi")
        one.close()


def ordinary(run):
    for number in range(1, 9):
        session(one := run.peer(GOOD.format(2, number)))
        message(one, ["Subject: hello", "From: a@client.example"])
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<nosuch@mail.example>")
        one.say("RCPT TO:<x@elsewhere.example>")
        one.say("QUIT")
        one.close()
    for source, listed in [(LISTED, "zen.bl.example"), (LISTED6, "zen.bl.example"), (GOOD6, None), (GOOD, None)]:
        one = run.peer(source.format(4, 1), listed)
        one.open()
        one.raw("EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@mail.example>\r\n", 3)
        one.say("RCPT TO:<bob@mail.example>")
        one.close()
        one = run.peer(source.format(4, 2), listed)
        one.open()
        one.say("x" * 5000)
        one.close()
        session(one := run.peer(source.format(4, 3), listed), helo="HELO a")
        one.raw("NOOP\r\nRCPT TO:<bob@mail.example>\r\nQUIT\r\n", 2)
        one.reset()
        one = run.peer(source.format(4, 4), listed)
        one.open()
        one.raw("HELO too.early\r\nMAIL FROM:<a@b.example>\r\n", 2)
        one.reset()
        session(one := run.peer(source.format(4, 5), listed), helo=f"EHLO [{source.format(4, 5)}]")
        one.close()
        session(one := run.peer(source.format(4, 6), listed), helo="EHLO [192.0.2.66]")
        one.wait(1)
        one.close()
        one = run.peer(source.format(4, 7), listed)
        one.open()
        for _ in range(6):
            one.say("NONSENSE) [192.0.2.66]")
        one.close()
    for number in range(1, 4):
        session(one := run.peer(OTHER_LIST.format(number), "zen.bl.example"))
        one.close()


def encrypted(run):
    """STARTTLS and AUTH; who has an account is asked for no list."""
    for source, listed in [(GOOD, None), (LISTED, "zen.bl.example")]:
        for number, account in enumerate([BOB, "AGJvYgB4", "AHgpIFsxOTIuMC4yLjY2XSB5AHg="]):
            one = run.peer(source.format(20, number + 1), listed)
            one.open()
            one.say("EHLO a.example")
            if number == 0:
                one.say("STARTTLS")
                one.tls()
                one.say("EHLO a.example")
            one.say(f"AUTH PLAIN {account}")
            one.say("MAIL FROM:<bob@mail.example>")
            one.say("RCPT TO:<bob@mail.example>")
            message(one, ["Subject: hello"])
            one.say("QUIT")
            one.close()


def together(run):
    """Connections open at the same time, some of one peer."""
    peers = [(LISTED.format(30, 1 + number // 3), "zen.bl.example") for number in range(9)]
    peers += [(GOOD.format(30, 1 + number // 2), None) for number in range(6)]
    peers += [(LISTED6.format(30, 1 + number), "zen.bl.example") for number in range(3)]
    clients = [run.peer(source, listed) for source, listed in peers]
    for client in clients:
        client.open()
    for step in ["EHLO x", "MAIL FROM:<a@client.example>", "RCPT TO:<bob@mail.example>", "RCPT TO:<nosuch@mail.example>",
                 "RCPT TO:<bob@mail.example>", "QUIT"]:
        for client in clients:
            client.say(step)
    for client in clients:
        client.close()


def full(run):
    """More connections than there are slots."""
    clients = [run.peer(GOOD.format(31, 1 + number)) for number in range(23)]
    for client in clients:
        client.open()
    for client in clients:
        client.close()


STAGES = ["connect", "helo", "mail", "predata", "data", "defer", "drop", "site"]
_WORDS = "$sender_host_address is listed at $dnslist_domain"


def at_stages(run):
    """The list asked at every stage, and refusals that are no list's."""
    acls = {"connect": "deny", "helo": "deny", "mail": "deny", "predata": "deny", "data": "deny"}
    text = "".join(f"acl_lab_{stage}:\n{verb} hosts = 198.18.{40 + STAGES.index(stage)}.0/24\n dnslists = zen.bl.example\n"
                   f" message = {_WORDS}\naccept\n" for stage, verb in acls.items())
    more = (f"defer hosts = 198.18.45.0/24\n dnslists = zen.bl.example\n message = {_WORDS}\n"
            f"drop hosts = 198.18.46.0/24\n dnslists = zen.bl.example\n message = 554 {_WORDS}\n"
            "deny hosts = 198.19.47.0/24\n message = sender $sender_address and $local_part@$domain are not wanted\n"
            "warn hosts = 198.19.48.0/24\n log_message = said $sender_helo_name $sender_address $local_part\n")
    run.execute("sh", "-c", f"""cd /etc/exim4
cat >/tmp/acls <<'ACLS'
{text}
ACLS
cat >/tmp/more <<'ACLS'
{more}
ACLS
cat /tmp/more lab_rcpt_acl >/tmp/rcpt && cp /tmp/rcpt lab_rcpt_acl
sed -i -e '/^begin acl/r /tmp/acls' -e 's/^acl_smtp_data = .*/acl_smtp_data = acl_lab_data/' \
 -e 's/^acl_smtp_mail = .*/acl_smtp_mail = acl_lab_mail/' \
 -e '1i acl_smtp_connect = acl_lab_connect\\nacl_smtp_predata = acl_lab_predata\\nacl_smtp_helo = acl_lab_helo' exim4.conf.template
/etc/init.d/exim4 restart; sleep 2""")
    for third in range(40, 49):
        source, listed = (LISTED, "zen.bl.example") if third < 47 else (GOOD, None)
        for number, helo in enumerate(["EHLO client.example", "HELO [192.0.2.66]", "EHLO blacklist.spamhaus.example"]):
            # Exim ends a connection that it refuses, so that no code is stated for one.
            one = run.peer(source.format(third, number + 1), listed, **({"code": None} if third == 40 else {}))
            session(one, helo, sender='"x: listed at zen.bl.example"@blacklist.example')
            one.say('RCPT TO:<"x>: blocked using zen.bl.example"@mail.example>')
            message(one, ["Subject: listed at zen.bl.example"])
            one.say("QUIT")
            one.close()


def make(directory):
    """the corpus of Exim anew; some minutes."""
    files = corpus.Files()
    count = names(files)
    zones = " ".join(["zen.bl.example", *lists(files)])

    def everything(run):
        ordinary(run)
        for number in range(count):
            for source, listed in [(LISTED, "zen.bl.example"), (GOOD, None)]:
                session(one := run.peer(source.format(3, number + 1), listed))
                one.say("QUIT")
                one.close()
        for number, zone in enumerate(zones.split()[1:]):
            session(one := run.peer(f"198.18.128.{number + 1}", zone), sender="b@client.example")
            one.close()
        hostile(run, LISTED, "zen.bl.example", corpus.FORGERIES + corpus.ODDITIES + OWN + LONG)
        hostile(run, GOOD, None, corpus.FORGERIES[::2])
        encrypted(run)
        together(run)

    # syslog, and any HELO.
    with corpus.Corpus("exim", Judge(), {"syslog": 1, "junk_helo": 1, "zones": zones, "slots": 40}, files,
                       log="../mail.log") as run:
        everything(run)
    run.write(directory, "syslog")
    # Exim's own file with ports and pids, the lists at every stage, too many clients.
    with corpus.Corpus("exim", Judge(), {"zones": zones}, files) as run:
        run.execute("sh", "-c", "echo 'MAIN_LOG_SELECTOR = +pid +incoming_port +incoming_interface +smtp_connection' "
                    ">>/etc/exim4/exim4.conf.localmacros; /etc/init.d/exim4 restart; sleep 1")
        everything(run)
        full(run)
        at_stages(run)
    run.write(directory, "mainlog")
    # As Debian has it, where a rejection by a list says nothing of it.
    with corpus.Corpus("exim", Judge(is_bare=True), {"zones": "zen.bl.example", "bare": 1}, files) as run:
        ordinary(run)
        hostile(run, LISTED, "zen.bl.example", corpus.FORGERIES[::2] + corpus.ODDITIES[::2])
    run.write(directory, "bare")


if __name__ == "__main__":
    corpus.main(make)
