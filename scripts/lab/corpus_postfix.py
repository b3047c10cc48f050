#!/usr/bin/python3
"""Makes the corpora of Postfix: corpus_postfix.py Tests/DialectsTests/Fixtures/corpus/postfix"""

import base64
import re
import socket
import time

import corpus
import network

LISTED, LISTED6 = "198.18.{}.{}", "2001:db8:66::{}:{}"
GOOD, GOOD6 = "198.19.{}.{}", "2001:db8:67::{}:{}"
ZEN = "zen.bl.example"
# Texts of lists that read like lines of Postfix's; the addresses below are on none of the lab's lists.
ODD_ZONES = {
    "odd.example": (f"554 5.7.1 Service unavailable; Client host [{corpus.INNOCENT}] blocked using {ZEN}; x", "198.19.50.0/24"),
    "odd2.example": (f"x; from=<a@b> to=<c@d>: reject: RCPT from x[{corpus.INNOCENT}]: 550 x", "198.19.51.0/24"),
    "odd3.example": (f"[{corpus.INNOCENT}] caf\u00e9 <{corpus.INNOCENT}> %s", "198.19.52.0/24"),
    "silent.example": ("", "198.19.53.0/24"),
}
RFC5424 = '*.* action(type="omfile" file="/var/log/mail.5424" template="RSYSLOG_SyslogProtocol23Format")\n'
_ENDED = re.compile(rb" ([0-9A-Za-z]+): from=<.* \(queue active\)$")
_ID = re.compile(rb"queued as ([0-9A-Za-z]+)")


def judge(line, peer, replies):
    """A rejection's line holds the reply that the client was given in that step; a message counts as taken when its
    client was told so."""
    for reply in replies:
        answer = b"".join(b"#%03o" % byte if byte < 0x20 else bytes([byte]) for byte in reply[-1])
        if b"reject: " in line and b": " + answer + b";" in line:
            is_listed = peer.listed is not None and peer.blocked(reply[-1])
            return ("rbl" if is_listed else "other", int(answer[:3]), peer.listed if is_listed else None)
        if b"proxy-accept: END-OF-MESSAGE: " + answer + b";" in line:
            return ("accepted", 250, None)
        taken = _ID.search(reply[-1])
        if taken and _ENDED.search(line) and b" " + taken[1] + b": " in line and not peer.more.get("account"):
            return ("accepted", 250, None)
    if peer.more.get("account") and b": client=" in line and any(reply[-1].startswith(b"250 2.1.5") for reply in replies):
        return ("accepted", 250, None)
    return None


def blocked(peer, reply):
    """The server said so to the client itself; `wording` is the site's, with {} for the address."""
    wording = peer.more.get("wording", "Service unavailable; Client host [{}] blocked using " + peer.listed)
    return wording.format(peer.source).encode() in reply


corpus.Peer.blocked = blocked


def session(peer, helo="EHLO client.example", sender="a@client.example", recipient="bob@mail.example"):
    peer.open()
    peer.say(helo)
    peer.say(f"MAIL FROM:<{sender}>")
    return peer.say(f"RCPT TO:<{recipient}>")


def message(peer, headers, body="hello"):
    replies = peer.say("DATA")
    if replies and replies[-1][-1].startswith(b"354"):
        peer.raw("".join(f"{header}\r\n" for header in headers) + f"\r\n{body}\r\n.\r\n")


def names(files):
    hosts = ["mx[192.0.2.66].evil.example.", "192.0.2.66.evil.example.", r"a\032[192.0.2.66].evil.example.",
             r"x\032host\061192.0.2.66.evil.example.", r"x\010y.evil.example.", "mx.good.example.",
             "zen.bl.example.", "_x.evil.example."]
    for number, host in enumerate(hosts):
        files.name(f"198.18.3.{number + 1}", host, host)
        files.name(f"198.19.3.{number + 1}", host, host)
    return len(hosts)


def hostile(run, source, listed, texts):
    """Every forgery at every place where a client can write."""
    for number, text in enumerate(texts):
        def one(place):
            return run.peer(source.format(place, number + 1), listed)
        session(client := one(10), helo=f"EHLO {text}")
        client.say("QUIT")
        client.close()
        session(client := one(11), sender=f'"{text}"@client.example')
        client.reset()
        session(client := one(12), sender=text, helo=f"HELO {text}")
        client.close()
        session(client := one(13), recipient=f'"{text}"@mail.example')
        client.say(f'RCPT TO:<"{text}"@elsewhere.example>')
        client.say(f"RCPT TO:<bob@mail.example> {text}")
        client.say(text)
        client.say(f"VRFY {text}")
        client.say("RCPT TO:<bob@mail.example>")
        message(client, [f"Subject: {text}", f"Message-ID: <{text}>", f" {text}"])
        client.say("QUIT")
        client.close()


def ordinary(run, lists=True):
    for number in range(1, 5):
        session(one := run.peer(GOOD.format(2, number)))
        message(one, ["Subject: hello", "From: a@client.example"])
        one.say("RSET")
        one.say("MAIL FROM:<a@client.example>")
        one.say("RCPT TO:<nosuch@mail.example>")
        one.say("RCPT TO:<x@elsewhere.example>")
        one.say("QUIT")
        one.close()
    for source, listed in [(LISTED, ZEN), (LISTED6, ZEN), (GOOD6, None), (GOOD, None)]:
        listed = listed if lists else None
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
        session(one := run.peer(source.format(4, 6), listed))
        one.say("RCPT TO:<alice@mail.example>")
        one.say("GET / HTTP/1.1")
        one.say(f"X: reject: RCPT from x[{corpus.INNOCENT}]")
        one.close()
        one = run.peer(source.format(4, 7), listed)
        one.open()
        one.raw(f"EHLO a\r\nNOOP\r\nconnect from x[{corpus.INNOCENT}]\r\n", 3)
        one.close()


def odd_lists(run):
    for number, (zone, (_, prefix)) in enumerate(ODD_ZONES.items()):
        for last in (1, 2):
            session(one := run.peer(prefix.replace("0/24", str(last)), zone), sender=f'"{ODD_ZONES[zone][0]}"@client.example')
            one.say("RCPT TO:<bob@mail.example>")
            one.say("QUIT")
            one.close()


def accounts(run):
    """SMTP AUTH; whoever has logged in is taken at his word, listed or not."""
    for number, user in enumerate(["bob", f"bob, client=x[{corpus.INNOCENT}]", f"x[{corpus.INNOCENT}]: SASL LOGIN", "\x1b\xff", ""]):
        for source, listed in [(GOOD, None), (LISTED, ZEN)]:
            for password in ("harbour", "wrong"):
                one = run.peer(source.format(20 + (password == "wrong"), number + 1), listed)
                one.open()
                one.say("EHLO a")
                one.say("AUTH " + base64.b64encode(b"x").decode())
                plain = base64.b64encode(f"\0{user}\0{password}".encode("latin-1")).decode()
                told = one.say(f"AUTH PLAIN {plain}")
                if told and told[-1][-1].startswith(b"235"):
                    one.more["account"] = True
                else:
                    one.say("AUTH LOGIN")
                    one.say(base64.b64encode(user.encode("latin-1")).decode())
                    one.say(base64.b64encode(password.encode()).decode())
                one.say("MAIL FROM:<bob@mail.example> AUTH=bob")
                one.say("RCPT TO:<bob@mail.example>")
                message(one, ["Subject: hello"])
                one.say("QUIT")
                one.close()


def together(run, count=6):
    """Connections open at the same time, several of one peer."""
    peers = [(LISTED.format(30, 1 + number // 2), ZEN) for number in range(count)]
    peers += [(GOOD.format(30, 1 + number // 2), None) for number in range(count)]
    clients = [run.peer(source, listed) for source, listed in peers]
    for client in clients:
        client.open()
    for step in ["EHLO x", "MAIL FROM:<a@client.example>", "RCPT TO:<bob@mail.example>", "RCPT TO:<nosuch@mail.example>",
                 "QUIT"]:
        for client in clients:
            client.say(step)
    for client in clients:
        client.close()


def set_up(run, settings):
    """Settings of main.cf, taken over. What the lab itself asked the server before the first client is left out."""
    if all(row[0] is None for row in run.rows):
        run.lines, run.rows = [], []
    run.execute("/usr/sbin/postconf", "-e", *settings)
    run.execute("/usr/sbin/postfix", "reload")
    time.sleep(1)
    run.take(None, [])


def standard(directory):
    files = corpus.Files()
    count = names(files)
    for zone, (text, prefix) in ODD_ZONES.items():
        files.zone(zone, text, [prefix])
    zones = " ".join([ZEN, "cbl.bl.example", *ODD_ZONES])
    run = corpus.Corpus("postfix", judge, options={"zones": zones}, files=files, quiet=0.12)
    with run:
        # No pauses for clients that err.
        set_up(run, ["smtpd_error_sleep_time=0"])
        ordinary(run)
        odd_lists(run)
        for number in range(count):
            for source, listed in [("198.18.3.{}", ZEN), ("198.19.3.{}", None)]:
                session(one := run.peer(source.format(number + 1), listed))
                one.say("QUIT")
                one.close()
        accounts(run)
        hostile(run, LISTED, ZEN, corpus.FORGERIES + corpus.ODDITIES)
        hostile(run, GOOD, None, corpus.FORGERIES[::3])
        together(run)
    run.write(directory, "smtpd")


def settings(directory):
    """What an administrator may set: each of them, and some texts at every place."""
    texts = corpus.FORGERIES[6:8] + corpus.ODDITIES[1:2] + ['x>: Recipient address rejected: listed by cbl; from=<']
    files = corpus.Files()
    files.write("etc/postfix/access", "198.19.40 REJECT Service unavailable; Client host [192.0.2.66] blocked using zen.bl.example\n"
                "198.19.41 521 5.7.1 Go away\n198.19.42 450 4.7.1 Later\n198.19.43 HANGUP\n198.19.44 WARN listed at zen\n")
    files.write("etc/postfix/headers", "/^Subject: .*(reject|hello)/ REJECT no $1\n/^X-D/ DISCARD\n/^X-W/ WARN\n")
    files.write("etc/postfix/bodies", "/reject/ REJECT listed at zen\n")
    files._data("evil.example.dbl.example A 127.0.0.2")
    files._data('evil.example.dbl.example TXT "x] blocked using y"')
    filter_port = ("127.0.0.1:10026 inet n - n - - smtpd -o smtpd_authorized_xforward_hosts=127.0.0.0/8 -o smtpd_proxy_filter= "
                   "-o smtpd_client_restrictions= -o smtpd_recipient_restrictions=permit_mynetworks,reject -o syslog_name=postfix/after\n")
    lists = "permit_sasl_authenticated, reject_rbl_client zen.bl.example"
    variants = {
        "at connect": ["smtpd_error_sleep_time=0", "smtpd_delay_reject=no", f"smtpd_client_restrictions={lists}"],
        "at helo": ["smtpd_client_restrictions=", "smtpd_helo_required=yes", f"smtpd_helo_restrictions={lists}, reject_invalid_helo_hostname"],
        "at mail": ["smtpd_helo_restrictions=", f"smtpd_sender_restrictions={lists}, reject_unknown_sender_domain"],
        "at data": ["smtpd_delay_reject=yes", "smtpd_sender_restrictions=", "smtpd_recipient_restrictions=reject_unauth_destination",
                    f"smtpd_data_restrictions={lists}"],
        "at the end": ["smtpd_data_restrictions=", f"smtpd_end_of_data_restrictions={lists}"],
        "names": ["smtpd_end_of_data_restrictions=",
                  "smtpd_recipient_restrictions=check_client_access hash:/etc/postfix/access, reject_invalid_helo_hostname, "
                  "reject_non_fqdn_helo_hostname, reject_rhsbl_sender dbl.example, reject_rhsbl_helo dbl.example, "
                  "reject_rhsbl_recipient dbl.example, reject_unauth_destination, reject_rbl_client zen.bl.example"],
        "ports and long ids": ["smtpd_client_port_logging=yes", "enable_long_queue_ids=yes"],
        "checks": ["header_checks=regexp:/etc/postfix/headers", "body_checks=regexp:/etc/postfix/bodies"],
        "softly": ["soft_bounce=yes"],
        "warning": ["soft_bounce=no", "header_checks=", "body_checks=",
                    "smtpd_recipient_restrictions=reject_unauth_destination, warn_if_reject reject_rbl_client zen.bl.example"],
        "own words": [f"smtpd_recipient_restrictions=reject_unauth_destination, {lists}",
                      "default_rbl_reply=$rbl_code 5.7.1 Sorry, [$rbl_what] is listed at $rbl_domain; ask <$recipient> or $sender"],
        "filtered": ["default_rbl_reply=$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using $rbl_domain${rbl_reason?; $rbl_reason}",
                     "smtpd_proxy_filter=127.0.0.1:10026"],
        "named": ["smtpd_proxy_filter=", "syslog_name=mx-in"],
    }
    run = corpus.Corpus("postfix", judge, files=files, quiet=0.12)
    with run:
        run.execute("/usr/sbin/postmap", "/etc/postfix/access")
        run.execute("/bin/sh", "-c", f"echo '{filter_port}' >> /etc/postfix/master.cf")
        for name, chosen in variants.items():
            set_up(run, chosen)
            more = {"wording": "[{}] is listed at zen.bl.example"} if name == "own words" else {}
            for source, listed in [(LISTED, ZEN), (LISTED6, ZEN), (GOOD, None)]:
                for number, text in enumerate(["hello", *(texts if source != LISTED6 else [])]):
                    one = run.peer(source.format(60 + number, 1), listed, **more)
                    quoted = "a@evil.example" if number == 0 else f'"{text}"@evil.example'
                    session(one, helo=f"EHLO {text}", sender=quoted)
                    one.say(f'RCPT TO:<"{text}"@mail.example>')
                    one.say(f'RCPT TO:<{text}@elsewhere.example>')
                    message(one, [f"Subject: {text}", f"X-W: {text}"], text)
                    one.say("QUIT")
                    one.close()
            if name == "names":
                for third in range(40, 45):
                    session(one := run.peer(GOOD.format(third, 1)), helo="EHLO evil.example")
                    one.say("QUIT")
                    one.close()
    _name_filter(run)
    run.write(directory, "settings")


def _name_filter(run):
    """Behind smtpd_proxy_filter a message comes in once more, from the host itself."""
    again = set()
    for number, line in enumerate(run.lines):
        after = re.search(rb" postfix/after/smtpd\[\d+\]: ([0-9A-Za-z]+): client=", line)
        if after:
            again.add(after[1])
        queued = _ENDED.search(line)
        if b" postfix/after/smtpd[" in line or (queued and queued[1] in again):
            run.rows[number] = ("127.0.0.1", None, None, None)


def busy(directory):
    """Limits, and a log of RFC 5424, in which one tag stands for all of Postfix."""
    files = corpus.Files()
    files.write("etc/rsyslog.d/z.conf", RFC5424)
    run = corpus.Corpus("postfix", judge, options={"slots": 8}, files=files, log="mail.5424", quiet=0.12)
    with run:
        set_up(run, ["smtpd_client_connection_count_limit=2", "smtpd_client_message_rate_limit=3",
                     "smtpd_client_recipient_rate_limit=4", "header_checks=regexp:{{/^Subject: .*reject/ REJECT no}}"])
        ordinary(run)
        accounts(run)
        hostile(run, LISTED, ZEN, corpus.FORGERIES[:8])
        hostile(run, GOOD, None, corpus.FORGERIES[:8])
        clients = [run.peer(LISTED.format(31, 1), ZEN) for _ in range(3)] + [run.peer(GOOD.format(31, n), None) for n in (1, 2, 3, 4, 5)]
        for client in clients:
            client.open()
        for client in clients:
            client.say("QUIT")
            client.close()
    run.write(directory, "rfc5424")


def screened(directory):
    """postscreen, which has a greet wait of 1 s here."""
    def judge_screened(line, peer, replies):
        if b"postscreen" in line and b"reject: RCPT" not in line:
            # Sent away by 521: the line that ends the connection is all there is.
            told = [reply for reply in replies if reply[-1].startswith(b"521 5.7.1 Service unavailable; client [")]
            return ("rbl", None, peer.listed) if told and b"]: DISCONNECT [" in line else None
        return judge(line, peer, replies)

    run = corpus.Corpus("postscreen", judge_screened, quiet=0.12)
    wording = {"wording": "Service unavailable; client [{}] blocked using zen.bl.example"}
    texts = corpus.FORGERIES[:10] + corpus.ODDITIES
    with run:
        for action in ("enforce", "drop", "ignore"):
            set_up(run, ["postscreen_greet_wait=1s", f"postscreen_dnsbl_action={action}", "postscreen_greet_action=enforce",
                         "postscreen_access_list=permit_mynetworks"])
            for number, text in enumerate(texts if action == "enforce" else texts[:4]):
                for source, listed in [(LISTED, ZEN), (LISTED6, ZEN), (GOOD, None)]:
                    listed = None if action == "ignore" else listed
                    one = run.peer(source.format(10, number + 1), listed, **wording)
                    session(one, helo=f"EHLO {text}", sender=f'"{text}"@client.example')
                    one.say(f'RCPT TO:<"{text}"@mail.example>')
                    one.say(text)
                    one.say("QUIT")
                    one.close()
            for source, listed in [(LISTED, ZEN), (GOOD, None)]:
                hasty(run, source, None if action == "ignore" else listed, wording)
        set_up(run, ["postscreen_pipelining_enable=yes", "postscreen_pipelining_action=enforce", "postscreen_bare_newline_enable=yes",
                     "postscreen_bare_newline_action=drop", "postscreen_non_smtp_command_enable=yes", "postscreen_dnsbl_action=enforce",
                     "postscreen_client_connection_count_limit=2"])
        for source, listed in [(LISTED, ZEN), (GOOD, None)]:
            one = run.peer(source.format(50, 1), listed, **wording)
            one.open()
            one.raw(f"EHLO a\r\nMAIL FROM:<a@b.example>\r\nDISCONNECT [{corpus.INNOCENT}]:25\r\n", 3)
            one.say("RCPT TO:<bob@mail.example>")
            one.close()
            one = run.peer(source.format(50, 2), listed, **wording)
            one.open()
            one.raw(f"EHLO a\nRCPT TO:<x[{corpus.INNOCENT}]>\n", 1)
            one.close()
            one = run.peer(source.format(50, 3), listed, **wording)
            one.open()
            one.say(f"Received: from x[{corpus.INNOCENT}]")
            one.close()
            many = [run.peer(source.format(50, 4), listed, **wording) for _ in range(4)]
            for one in many:
                one.open()
            for one in many:
                one.say("QUIT")
                one.close()
    run.write(directory, "postscreen")


def hasty(run, source, listed, wording):
    """Those who do not wait, and those who leave."""
    one = run.peer(source.format(41, 1), listed, **wording)
    one.connection = socket.create_connection((network.server_address(one.source), 25), 20, (one.source, 0))
    one.raw(f"EHLO [{corpus.INNOCENT}]:25\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@mail.example>\r\n", 4)
    one.close()
    one = run.peer(source.format(41, 2), listed, **wording)
    one.open()
    one.say("EHLO a")
    one.say("QUIT")
    one.close()
    one = run.peer(source.format(41, 3), listed, **wording)
    one.open()
    one.reset()


def make(directory):
    """the corpora of Postfix anew; some minutes."""
    standard(directory)
    settings(directory)
    busy(directory)
    screened(directory)


if __name__ == "__main__":
    corpus.main(make)
