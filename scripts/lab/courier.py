"""Courier, as Debian configures it but for what the options say."""

import re
import shlex

import services
from errors import LabError

PACKAGES = ["courier-mta", "courier-authdaemon"]
HOOKS = ['chroot "$1" su bob -c "maildirmake /home/bob/Maildir"']
OPTIONS = {"slots": 300, "tarpit": 1, "starttls": 1, "blocks": ["zen.bl.example,BLOCK,*"]}
LOG = "mail.log"
PROGRAMS = ("courieresmtpd", "submit")
FORKS = True
REJECTION = re.compile(rb"courieresmtpd: error,relay=(?:::ffff:)?([^,]+),.*: 511 ")
_LIMITS = {"MAXPERC": "50", "MAXPERIP": "5"}


def configure(root, options):
    services.write(root, "etc/courier/me", "mx.mail.example\n")
    services.write(root, "etc/courier/defaultdomain", "mail.example\n")
    services.write(root, "etc/courier/locals", "localhost\nmail.example\nmx.mail.example\n")
    services.write(root, "etc/courier/esmtpacceptmailfor.dir/lab", "mail.example\n")
    services.write(root, "etc/courier/aliases/system", "root: bob\npostmaster: bob\nmailer-daemon: bob\n")
    for block in options["blocks"]:
        if set(block) & set("\"'$`\\"):
            raise LabError(f"--block {block!r}: quotes, $, ` and \\ do not survive courier's two shells")
    blocks = " ".join(shlex.quote(f"-block={block}") for block in options["blocks"])
    esmtpd = services.read(root, "etc/courier/esmtpd")
    for key, value in {**_LIMITS,
                       "MAXDAEMONS": str(options["slots"]),
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
    services.write(root, "etc/courier/esmtpd", esmtpd)


def start(root, _options):
    services.run(root, "/etc/init.d/courier-authdaemon", "start")
    for command in ("makeacceptmailfor", "makealiases", "makesmtpaccess"):
        services.run(root, command)
    services.run(root, "/etc/init.d/courier", "start")
    services.run(root, "/etc/init.d/courier-mta", "start")
    services.wait_for_greeting("courier's esmtpd")
