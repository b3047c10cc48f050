"""What every server of the lab runs beside its MTA: rsyslog, and the name service.

The MTA asks unbound; unbound asks rbldnsd for the DNSBL zones and knows every other name of the lab by itself. A file
ZONE.4 or ZONE.6 in var/lib/rbldns is a zone, so `lab up --files` adds zones by bringing such files, and other names
(PTR records, say) by bringing etc/unbound/lab.d/NAME.conf.
"""

import os
import re
import socket
import struct
import subprocess
import time

import network
from errors import LabError

RBLDNSD_PORT = 5300
ZONES = "var/lib/rbldns"
NAMES = "etc/unbound/lab.d"
_ANSWERS = {
    "zen.bl.example": "http://www.spamhaus.org/query/bl?ip=$",
    "cbl.bl.example": "Blocked - see http://cbl.abuseat.org/lookup.cgi?ip=$",
}


def write(root, path, text, mode=None):
    """A file below `root`, with its directories."""
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    if mode is not None:
        os.chmod(path, mode)


def read(root, path):
    with open(os.path.join(root, path)) as file:
        return file.read()


def configure(root):
    """Everything but what files brought from outside may still add to; see `finish`."""
    write(root, "etc/hostname", "mx\n")
    write(root, "etc/hosts", f"127.0.0.1 localhost\n{network.SERVER4} mx.mail.example mx\n"
                             f"{network.SERVER6} mx.mail.example mx\n")
    write(root, "etc/resolv.conf", "nameserver 127.0.0.1\n")
    # Debian's own configuration, less the kernel's log, which is the host's.
    write(root, "etc/rsyslog.conf", re.sub(r'(?m)^module\(load="imklog"\)', r"#\g<0>", read(root, "etc/rsyslog.conf")))
    os.makedirs(os.path.join(root, NAMES), exist_ok=True)
    for zone, listed in network.LISTED.items():
        for version in (4, 6):
            write(root, f"{ZONES}/{zone}.{version}", _zone_file(
                _ANSWERS[zone], [prefix for prefix in listed if _version(prefix) == version]))


def finish(root):
    """What follows from the zone files that are there now."""
    write(root, "etc/unbound/unbound.conf", _unbound(sorted({name.rpartition(".")[0] for name in _zone_files(root)})))


def _zone_files(root):
    return sorted(name for name in os.listdir(os.path.join(root, ZONES)) if name[-2:] in (".4", ".6"))


def _version(prefix):
    return network.family(prefix.split("/")[0])


def _zone_file(text, prefixes):
    return "".join(f"{line}\n" for line in ["$TTL 300", f":127.0.0.2:{text}", *prefixes])


def _unbound(zones):
    domains = "".join(
        f'  local-data: "{domain}. MX 10 mx.{domain}."\n  local-data: "mx.{domain}. A {address}"\n'
        for domain, address in [("mail.example", network.SERVER4), ("sender.example", "198.19.0.10"),
                                ("zombie.example", "198.18.0.10")])
    # A zone of its own, or unbound's built-in answers for test networks and "." would say that nothing is below.
    holes = "".join(f'  local-zone: "{zone}." transparent\n' for zone in zones if not zone.endswith(".bl.example"))
    stubs = "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{RBLDNSD_PORT}\n' for zone in zones)
    return f"""server:
  interface: 127.0.0.1
  use-syslog: no
  chroot: ""
  module-config: "iterator"
  do-not-query-localhost: no
  # There is no other network: a name not known here does not exist.
  local-zone: "." static
  local-zone: "bl.example." transparent
{holes}{domains}  local-data-ptr: "198.19.0.10 mx.sender.example"
include: "/{NAMES}/*.conf"
{stubs}"""


def start(root):
    """Starts them with `root` as their root directory; returns when they answer."""
    subprocess.Popen(chrooted(root, "rsyslogd", "-n", "-i", "NONE"))
    # ip4trie and ip6trie take prefixes of any length; both may serve one zone together.
    zones = [f"{name.rpartition('.')[0]}:ip{name[-1]}trie:{name}" for name in _zone_files(root)]
    subprocess.Popen(chrooted(root, "rbldnsd", "-n", "-q", "-u", "rbldns", "-r", f"/{ZONES}",
                              "-b", f"127.0.0.1/{RBLDNSD_PORT}", *zones))
    subprocess.Popen(chrooted(root, "unbound", "-d", "-p"))
    # The first question goes to rbldnsd itself, so that unbound does not remember it as dead.
    wait("rbldnsd", lambda: _is_listed(RBLDNSD_PORT))
    wait("unbound", lambda: _is_listed(53))
    wait("rsyslogd", lambda: os.path.exists(os.path.join(root, "dev/log")))


def chrooted(root, *command):
    return ["chroot", root, *command]


def run(root, *command):
    # Not captured through a pipe: the daemons that a command starts would keep it open for ever.
    if subprocess.run(chrooted(root, *command), stdin=subprocess.DEVNULL).returncode != 0:
        raise LabError(f"{' '.join(command)} failed; see init.log of the lab")


def wait(service, answers, seconds=60):
    deadline = time.monotonic() + seconds
    while not answers():
        if time.monotonic() > deadline:
            raise LabError(f"{service} does not answer after {seconds} s; see init.log and log/ of the lab")
        time.sleep(0.02)


def wait_for_greeting(service):
    wait(service, _greets)


def _greets():
    try:
        with socket.create_connection((network.SERVER4, 25), timeout=5) as connection:
            return connection.recv(4) in (b"220 ", b"220-")
    except OSError:
        return False


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
