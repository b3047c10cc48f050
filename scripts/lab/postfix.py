"""Postfix's smtpd, as Debian configures it: in its chroot, rejecting when the recipient is named."""

import re

import services

PACKAGES = ["postfix", "libsasl2-modules", "sasl2-bin"]
HOOKS = [
    # The realm is myhostname's; smtpd reads the copy in its chroot.
    'echo harbour | chroot "$1" saslpasswd2 -p -c -u mx.mail.example bob',
    'chroot "$1" chgrp postfix /etc/sasldb2',
    'cp -p "$1/etc/sasldb2" "$1/var/spool/postfix/etc/sasldb2"',
]
# zones: those that smtpd asks, in this order.
OPTIONS = {"slots": 100, "zones": "zen.bl.example cbl.bl.example"}
LOG = "mail.log"
PROGRAMS = ("smtpd",)
FORKS = False
REJECTION = re.compile(rb"reject: RCPT from [^ \[]*\[([0-9a-f.:]+)\]")

SETTINGS = """
# Below: the lab.
myhostname = mx.mail.example
mydestination = mail.example, mx.mail.example, localhost
mynetworks = 127.0.0.0/8 [::1]/128
relayhost =
inet_interfaces = all
inet_protocols = all
home_mailbox = Maildir/
default_process_limit = {slots}
smtpd_sasl_auth_enable = yes
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, {restrictions}
"""


def configure(root, options):
    settings(root, options, ", ".join(f"reject_rbl_client {zone}" for zone in options["zones"].split()))


def settings(root, options, restrictions, more=""):
    services.write(root, "etc/mailname", "mail.example\n")
    main = services.read(root, "etc/postfix/main.cf")
    replaced = {line.split(" = ")[0].split(" =")[0] for line in SETTINGS.splitlines()}
    kept = [line for line in main.splitlines() if line.split("=")[0].strip() not in replaced]
    services.write(root, "etc/postfix/main.cf",
                   "\n".join(kept) + SETTINGS.format(slots=options["slots"], restrictions=restrictions) + more)
    services.write(root, "etc/postfix/sasl/smtpd.conf",
                   "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
                   "sasldb_path: /etc/sasldb2\nmech_list: PLAIN LOGIN\n")


def start(root, _options):
    services.run(root, "newaliases")
    services.run(root, "/etc/init.d/postfix", "start")
    services.wait_for_greeting("postfix's smtpd")
