"""What the server runs: its configuration files and its services, in the order they start.

Everything is Debian's default but for what the options say. Courier asks unbound, unbound asks
rbldnsd for the two zones and knows every other name of the lab by itself.
"""

import os
import re
import shlex
import socket
import struct
import subprocess
import time

import network
from errors import LabError

RBLDNSD_PORT = 5300
LIMITS = {"MAXPERC": "50", "MAXPERIP": "5"}


def configure(root, options):
    """Writes the configuration below `root`; `options` are those of `lab up`."""

    def write(path, text):
        with open(os.path.join(root, path), "w") as file:
            file.write(text)

    write("etc/hostname", "mx\n")
    write("etc/hosts", f"127.0.0.1 localhost\n{network.SERVER4} mx.mail.example mx\n"
                       f"{network.SERVER6} mx.mail.example mx\n")
    write("etc/resolv.conf", "nameserver 127.0.0.1\n")

    # Debian's own configuration, less the kernel's log, which is the host's.
    rsyslog = _read(root, "etc/rsyslog.conf")
    write("etc/rsyslog.conf", re.sub(r'(?m)^module\(load="imklog"\)', r"#\g<0>", rsyslog))

    write("etc/unbound/unbound.conf", _unbound())
    for zone, listed in network.LISTED.items():
        for version in (4, 6):
            write(f"var/lib/rbldns/{zone}.{version}", _zone_file(
                _ANSWERS[zone], [prefix for prefix in listed if _version(prefix) == version]))

    write("etc/courier/me", "mx.mail.example\n")
    write("etc/courier/defaultdomain", "mail.example\n")
    write("etc/courier/locals", "localhost\nmail.example\nmx.mail.example\n")
    write("etc/courier/esmtpacceptmailfor.dir/lab", "mail.example\n")
    write("etc/courier/aliases/system", "root: bob\npostmaster: bob\nmailer-daemon: bob\n")
    for block in options["blocks"]:
        if set(block) & set("\"'$`\\"):
            raise LabError(f"--block {block!r}: quotes, $, ` and \\ do not survive courier's two shells")
    blocks = " ".join(shlex.quote(f"-block={block}") for block in options["blocks"])
    esmtpd = _read(root, "etc/courier/esmtpd")
    for key, value in {**LIMITS,
                       "MAXDAEMONS": str(options["maxdaemons"]),
                       "TARPIT": str(options["tarpit"]),
                       # esmtpd is a shell fragment whose value goes through a second shell, which
                       # would expand the "*" of ",BLOCK,*": hence the quotes inside the quotes.
                       "BLACKLISTS": f'"{blocks}"',
                       "ESMTPAUTH": '"PLAIN LOGIN"',
                       "ESMTPAUTH_TLS": '"PLAIN LOGIN"',
                       **({} if options["starttls"] else {"COURIERTLS": '""'})}.items():
        esmtpd, found = re.subn(rf"(?m)^{key}=.*$", lambda _: f"{key}={value}", esmtpd)
        if found != 1:
            raise LabError(f"courier's esmtpd file has {found} lines {key}=, expected one; "
                           "remedy: teach scripts/lab/courier.py this version of courier")
    write("etc/courier/esmtpd", esmtpd)


_ANSWERS = {
    "zen.bl.example": "http://www.spamhaus.org/query/bl?ip=$",
    "cbl.bl.example": "Blocked - see http://cbl.abuseat.org/lookup.cgi?ip=$",
}


def _version(prefix):
    return network.family(prefix.split("/")[0])


def _zone_file(text, prefixes):
    return "".join(f"{line}\n" for line in ["$TTL 300", f":127.0.0.2:{text}", *prefixes])


def _unbound():
    domains = "".join(
        f'  local-data: "{domain}. MX 10 mx.{domain}."\n  local-data: "mx.{domain}. A {address}"\n'
        for domain, address in [("mail.example", network.SERVER4), ("sender.example", "198.19.0.10"),
                                ("zombie.example", "198.18.0.10")])
    stubs = "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{RBLDNSD_PORT}\n'
                    for zone in network.LISTED)
    return f"""server:
  interface: 127.0.0.1
  use-syslog: no
  chroot: ""
  module-config: "iterator"
  do-not-query-localhost: no
  # There is no other network: a name not known here does not exist.
  local-zone: "." static
  local-zone: "bl.example." transparent
{domains}  local-data-ptr: "198.19.0.10 mx.sender.example"
{stubs}"""


def _read(root, path):
    with open(os.path.join(root, path)) as file:
        return file.read()


def start(root):
    """Starts the services, each with `root` as its root directory; returns when they answer."""

    def chrooted(*command):
        return ["chroot", root, *command]

    def run(*command):
        # Not captured through a pipe: courier's daemons would keep it open for ever.
        if subprocess.run(chrooted(*command), stdin=subprocess.DEVNULL).returncode != 0:
            raise LabError(f"{' '.join(command)} failed; see init.log of the lab")

    subprocess.Popen(chrooted("rsyslogd", "-n", "-i", "NONE"))
    # ip4trie and ip6trie take prefixes of any length; both may serve one zone together.
    zones = [f"{zone}:ip{version}trie:{zone}.{version}" for zone in network.LISTED for version in (4, 6)]
    subprocess.Popen(chrooted("rbldnsd", "-n", "-q", "-u", "rbldns", "-r", "/var/lib/rbldns",
                              "-b", f"127.0.0.1/{RBLDNSD_PORT}", *zones))
    subprocess.Popen(chrooted("unbound", "-d", "-p"))
    run("/etc/init.d/courier-authdaemon", "start")
    for command in ("makeacceptmailfor", "makealiases", "makesmtpaccess"):
        run(command)
    # The first question goes to rbldnsd itself, so that unbound does not remember it as dead.
    _wait("rbldnsd", lambda: _is_listed(RBLDNSD_PORT))
    _wait("unbound", lambda: _is_listed(53))
    _wait("rsyslogd", lambda: os.path.exists(os.path.join(root, "dev/log")))
    run("/etc/init.d/courier", "start")
    run("/etc/init.d/courier-mta", "start")
    _wait("courier's esmtpd", _greets)


def _wait(service, answers, seconds=15):
    deadline = time.monotonic() + seconds
    while not answers():
        if time.monotonic() > deadline:
            raise LabError(f"{service} does not answer after {seconds} s; see init.log and log/ of the lab")
        time.sleep(0.02)


def _is_listed(port):
    """Whether 198.18.0.2 is in zen, by the DNS server on this port."""
    labels = "2.0.18.198.zen.bl.example".split(".")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as question:
        question.settimeout(0.5)
        try:
            question.connect(("127.0.0.1", port))
            # RFC 1035, 4.1: one question with recursion desired, type A, class IN.
            question.send(struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1))
            return struct.unpack(">6H", question.recv(512)[:12])[3] > 0
        except (OSError, struct.error):
            return False


def _greets():
    try:
        with socket.create_connection((network.SERVER4, 25), timeout=5) as connection:
            return connection.recv(4) == b"220 "
    except OSError:
        return False
