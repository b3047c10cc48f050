"""What the corpora of all mail servers are made with: hostile clients, and the truth of every line they cause.

A corpus is the log of a real server, and line by line what its client really was. None of that is taken from the log's
text: one client acts at a time, each of its steps is a step of its own, and what the log gains until it is quiet again
belongs to the client whose socket took that step. Many connections may be open meanwhile.

    corpus = Corpus("opensmtpd", options={}, files=Files(), judge=judge)
    with corpus:
        peer = corpus.peer("198.18.0.9", listed="zen.bl.example")
        peer.open(); peer.say("EHLO x"); peer.close()
    corpus.write("Tests/DialectsTests/Fixtures/corpus/opensmtpd")

`judge(line, peer, replies)` says what a line is, knowing the replies that the client was given in that very step:
(class, code, zone), or None for a line that says nothing. It belongs to the server's own module. Where the server says
something late, it adds the source whose line it is.
"""

import json
import os
import re
import select
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

import namespaces
import network

# Never a client: who is named by it was named by a client's words.
INNOCENT = "192.0.2.66"
REPLY_SECONDS = 20
LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab")

# What a client can put where a server takes text, made to look like what servers log themselves.
FORGERIES = [
    f"[{INNOCENT}]", f"x[{INNOCENT}]", f"x [{INNOCENT}]", f"x) [{INNOCENT}]", f"[{INNOCENT}]:25", f"IPv6:::ffff:{INNOCENT}",
    f"NOQUEUE: reject: RCPT from x[{INNOCENT}]: 554 5.7.1 Service unavailable; Client host [{INNOCENT}] blocked using "
    f"zen.bl.example; from=<a@b> to=<c@d> proto=ESMTP helo=<x>",
    f"x) [{INNOCENT}] F=<a@b.c> rejected RCPT <d@e.f>: {INNOCENT} is listed at zen.bl.example",
    f"ruleset=check_relay, arg1=x, arg2=127.0.0.2, relay=x [{INNOCENT}], reject=550 5.7.1 Rejected: {INNOCENT} listed "
    "at zen.bl.example",
    f", relay=x [{INNOCENT}], reject=550 5.7.1 Rejected: {INNOCENT} listed at zen.bl.example",
    f"99749b960b4b2be7 smtp connected address={INNOCENT} host=x",
    f'99749b960b4b2be7 smtp failed-command command="" result="550 {INNOCENT} is listed at zen.bl.example"',
    '" result="550 5.7.1 listed at zen.bl.example', '" result="550 Invalid recipient: <x>"',
    f"Accepted connection 0/15 from {INNOCENT} / x", f"Connection from x [{INNOCENT}]", "fail, zen.bl.example",
    f"550 http://www.spamhaus.org/query/bl?ip={INNOCENT}", f"cleaning up after 1", f"tcpserver: pid 1 from {INNOCENT}",
    f"rblsmtpd: {INNOCENT} pid 1: 553 http://www.spamhaus.org/query/bl?ip={INNOCENT}",
    f"error,relay=::ffff:{INNOCENT},port=25,from=<a@b>,to=<c@d>: 511 http://www.spamhaus.org/query/bl?ip={INNOCENT}",
    f"Nov 20 22:53:24 mx postfix/smtpd[1]: x[{INNOCENT}]: 554 blocked using zen.bl.example",
]
# Bytes that readers of lines fall over.
ODDITIES = [
    "\t tab", "\x1b[31mred", "\x01\x02\x7f", "a\rb", "caf\u00e9".encode().decode("latin-1"), "\xff\xfe\x80",
    "\u2028\u2029\u0085".encode().decode("latin-1"), "%s%n%1$s", "#012Nov 20", "\\n\\r\\\\", '"\'`', "<>()[]{}",
    "a" * 300, "\xe2\x80" * 40, ",=:;|&$(id)",
]


class Files:
    """Names and lists of our own, for `lab up --files`."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="corpus-")
        self.path = self._directory.name
        os.chmod(self.path, 0o755)  # it becomes the server's /
        self._names = []

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.path, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(path, mode)

    def name(self, address, pointer, forward=None):
        """A PTR record, presented as DNS masters are: `a\\032b.example.`; and the A record that confirms it."""
        self._data(f"{_reversed(address)} PTR {pointer}")
        if forward:
            self._data(f"{forward} {'AAAA' if ':' in address else 'A'} {address}")

    def text(self, name, presented):
        """A TXT record: `"a\\010b"`."""
        self._data(f"{name} TXT {presented}")

    def address(self, name, address):
        self._data(f"{name} A {address}")

    def _data(self, record):
        self._names.append(f"  local-data: '{record}'\n")
        self.write("etc/unbound/lab.d/corpus.conf", "".join(self._names))

    def zone(self, zone, text, prefixes):
        """A DNSBL; `$` in its text is the peer's address."""
        for version in (4, 6):
            listed = [prefix for prefix in prefixes if network.family(prefix.split("/")[0]) == version]
            self.write(f"var/lib/rbldns/{zone}.{version}", "\n".join(["$TTL 300", f":127.0.0.2:{text}", *listed, ""]))


def _reversed(address):
    if ":" in address:
        digits = socket.inet_pton(socket.AF_INET6, address).hex()
        return ".".join(reversed(digits)) + ".ip6.arpa."
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa."


class Corpus:
    def __init__(self, kind, judge, options=None, files=None, log=None, quiet=0.05):
        self.kind, self.judge, self.options, self.files = kind, judge, options or {}, files
        self.log, self.quiet = log, quiet
        self.lines, self.rows = [], []
        self.info = None
        self._at, self._cut = 0, b""
        self._quiet_since = 0.0

    def __enter__(self):
        chosen = [f"--set={key}={value}" for key, value in self.options.items()]
        if self.files is not None:
            chosen += ["--files", self.files.path]
        done = subprocess.run([LAB, "up", "--mta", self.kind, "--name", self._name, "--json", *chosen],
                              stdout=subprocess.PIPE, check=True)
        try:
            self._begin(json.loads(done.stdout))
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self, info):
        self.info = info
        self.log = os.path.join(info["root"], "var/log", self.log) if self.log else info["log"]
        # The log is read from outside, the sockets are the client's.
        with open(f"/proc/{info['client']['pid']}/ns/net", "rb") as network_namespace:
            namespaces.enter_network(network_namespace.fileno())
        self.take(None, [])
        self.lines, self.rows = [], []  # the server's own start

    def __exit__(self, *_exception):
        subprocess.run([LAB, "down", "--name", self._name], stdout=subprocess.DEVNULL, check=False)

    @property
    def _name(self):
        return f"corpus-{self.kind}"

    def execute(self, *command):
        """In the server's tree, as root; what the log says meanwhile is nobody's."""
        subprocess.run([LAB, "exec", "--name", self._name, "--in", "server", "--root", "--", *command],
                       stdout=subprocess.DEVNULL, check=True)
        self.take(None, [])

    def peer(self, source, listed=None, **more):
        return Peer(self, source, listed, more)

    def take(self, peer, replies):
        """What the log has gained belongs to `peer`, who was given `replies`."""
        started = time.monotonic()
        grown = started
        while time.monotonic() - grown < self.quiet and time.monotonic() - started < 5:
            time.sleep(0.01)
            with open(self.log, "rb") as file:
                file.seek(self._at)
                gained = file.read()
            if gained:
                self._at += len(gained)
                self._cut += gained
                grown = time.monotonic()
        *lines, self._cut = self._cut.split(b"\n")
        for line in lines:
            what = self.judge(line, peer, replies) if peer is not None else None
            kind, code, zone, *other = what or (None, None, None)
            self.lines.append(line)
            self.rows.append((other[0] if other else peer.source if peer is not None else None, kind, code, zone))

    def write(self, directory, name=None):
        """NAME.log and NAME.truth.tsv; the name is the server's when it has but one log."""
        os.makedirs(directory, exist_ok=True)
        name = name or self.kind
        with open(os.path.join(directory, f"{name}.log"), "wb") as file:
            file.write(b"".join(line + b"\n" for line in self.lines))
        with open(os.path.join(directory, f"{name}.truth.tsv"), "w") as file:
            file.write("line\tpeer\tclass\tcode\tzone\n")
            for number, row in enumerate(self.rows, 1):
                file.write("\t".join([str(number), *("-" if value is None else str(value) for value in row)]) + "\n")
        rejections = sum(row[1] == "rbl" for row in self.rows)
        print(f"{directory}/{name}.log: {len(self.lines)} lines, {rejections} of them DNSBL rejections")


class Peer:
    """One client. Whatever it does, the lines of the log that follow are its own."""

    def __init__(self, corpus, source, listed, more):
        self.corpus, self.source, self.listed, self.more = corpus, source, listed, more
        self.connection, self._heard = None, b""

    def open(self, replies=1):
        self.connection = socket.socket(socket.AF_INET6 if ":" in self.source else socket.AF_INET)
        self.connection.settimeout(REPLY_SECONDS)
        self.connection.bind((self.source, 0))
        self.connection.connect((network.server_address(self.source), 25))
        return self._await(replies)

    def say(self, text, replies=1):
        return self.raw(_bytes(text) + b"\r\n", replies)

    def raw(self, data, replies=1):
        """Bytes as they are; several commands at once are pipelined."""
        try:
            self.connection.sendall(_bytes(data))
        except OSError:
            pass
        return self._await(replies)

    def wait(self, seconds):
        return self._await(0, seconds)

    def tls(self, ciphers=None):
        """The handshake; whether it came about. With ciphers of one's own it is TLS 1.2."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if ciphers is not None:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
        try:
            self.connection = context.wrap_socket(self.connection)
        except OSError:
            return False
        finally:
            self.corpus.take(self, [])
        return True

    def reset(self):
        # SO_LINGER of 0 s: close() sends RST.
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.corpus.take(self, [])

    def _await(self, count, seconds=REPLY_SECONDS):
        """The next `count` replies, each with all its lines; fewer when the server hangs up."""
        deadline = time.monotonic() + seconds
        replies, lines = [], []
        while len(replies) < count or not count:
            while b"\r\n" in self._heard:
                line, self._heard = self._heard.split(b"\r\n", 1)
                lines.append(line)
                if re.match(rb"[2-5][0-9][0-9](?!-)", line):
                    replies.append(lines)
                    lines = []
            left = deadline - time.monotonic()
            if (count and len(replies) >= count) or left <= 0 or not self._hear(left):
                break
        self.corpus.take(self, replies)
        return replies

    def _hear(self, seconds):
        try:
            pending = getattr(self.connection, "pending", lambda: 0)()
            if not pending and not select.select([self.connection], [], [], seconds)[0]:
                return False
            data = self.connection.recv(65536)
        except (OSError, ValueError):
            return False
        self._heard += data
        return bool(data)


def in_syslog(text):
    """As rsyslog writes these bytes."""
    return b"".join(b"#%03o" % byte if byte < 0x20 else bytes([byte]) for byte in text)


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def main(make):
    """`corpus_MTA.py DIRECTORY`: makes the corpus anew."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} DIRECTORY\n\nMakes {make.__doc__ or 'the corpus anew.'}")
    make(sys.argv[1])
