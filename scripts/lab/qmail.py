"""A server in qmail's style, of the parts that Debian has: tcpserver, rblsmtpd, a small SMTP server, multilog.

qmail and netqmail are not in Debian 12, so mailfront's smtpfront-echo, which takes messages and keeps none, stands
where qmail-smtpd would. A listed peer never gets to it: rblsmtpd answers in its place. The pipeline is that of the
`run` files everybody copies, with -b for 553 in place of 451.
"""

import os
import subprocess

import services

PACKAGES = ["ucspi-tcp", "daemontools", "mailfront"]
HOOKS = []
OPTIONS = {"slots": 40, "zones": "zen.bl.example cbl.bl.example", "rblsmtpd": "-b"}
LOG = "qmail/smtpd/current"
PROGRAMS = ("rblsmtpd", "mailfront")
FORKS = True
REJECTION = None  # rblsmtpd writes it before it greets

RUN = "etc/qmail-smtpd-run"


def configure(root, options):
    zones = " ".join(f"-r {zone}" for zone in options["zones"].split())
    services.write(root, RUN, f"""#!/bin/sh
exec 2>&1
exec tcpserver -v -R -l mx.mail.example -c {options['slots']} -u 65534 -g 65534 0 25 \\
    rblsmtpd {options['rblsmtpd']} {zones} smtpfront-echo accept
""", 0o755)
    os.makedirs(os.path.join(root, "var/log/qmail/smtpd"))


def start(root, _options):
    reading, writing = os.pipe()
    subprocess.Popen(services.chrooted(root, "multilog", "t", "s16777215", "n20", "/var/log/qmail/smtpd"),
                     stdin=reading)
    subprocess.Popen(services.chrooted(root, f"/{RUN}"), stdin=subprocess.DEVNULL, stdout=writing)
    os.close(reading)
    os.close(writing)
    services.wait_for_greeting("tcpserver")
