"""Exim, as Debian configures an internet site, and the two hooks that Debian has for DNSBLs and passwords.

Debian's own CHECK_RCPT_IP_DNSBLS only warns, so the `deny` stands in CHECK_RCPT_LOCAL_ACL_FILE, with the words of
Debian's warning.
"""

import re

import services
from errors import LabError

PACKAGES = ["exim4-daemon-heavy"]
HOOKS = []
# syslog=1: to mail.log as well as to Debian's mainlog and rejectlog. junk_helo=1: takes any HELO. bare=1: the deny has
# no words, so that the log does not say of a rejection that it is a DNSBL's.
OPTIONS = {"slots": 20, "zones": "zen.bl.example cbl.bl.example", "syslog": 0, "junk_helo": 0, "bare": 0}
LOG = "exim4/mainlog"
PROGRAMS = ("exim4",)
FORKS = True
REJECTION = re.compile(rb"\[([0-9a-f.:]+)\] F=[^ ]* rejected RCPT")

_WORDS = "$sender_host_address is listed at $dnslist_domain ($dnslist_value: $dnslist_text)"


def configure(root, options):
    services.write(root, "etc/mailname", "mail.example\n")
    choices = services.read(root, "etc/exim4/update-exim4.conf.conf")
    for key, value in {"local_interfaces": "", "localdelivery": "maildir_home",
                       "other_hostnames": "mail.example:mx.mail.example", "eximconfig_configtype": "internet"}.items():
        choices = re.sub(rf"(?m)^dc_{key}=.*$", f"dc_{key}='{value}'", choices)
    services.write(root, "etc/exim4/update-exim4.conf.conf", choices)
    services.write(root, "etc/exim4/exim4.conf.localmacros",
                   "MAIN_HARDCODE_PRIMARY_HOSTNAME = mx.mail.example\n"
                   "CHECK_RCPT_LOCAL_ACL_FILE = /etc/exim4/lab_rcpt_acl\nAUTH_SERVER_ALLOW_NOTLS_PASSWORDS = yes\n")
    services.write(root, "etc/exim4/lab_rcpt_acl",
                   f"deny\n  !authenticated = *\n  dnslists = {options['zones'].replace(' ', ' : ')}\n"
                   + ("" if options["bare"] else f"  message = {_WORDS}\n"))
    # The same hash that the user has; Exim's crypteq{} knows it.
    hashed = next(line.split(":")[1] for line in services.read(root, "etc/shadow").splitlines()
                  if line.startswith("bob:"))
    services.write(root, "etc/exim4/passwd", f"bob:{hashed}\n")
    template = services.read(root, "etc/exim4/exim4.conf.template")
    template, found = re.subn(r"(?m)^# (?:plain|login)_server:\n(?:#  .*\n)+",
                              lambda match: re.sub(r"(?m)^# ?", "", match[0]), template)
    if found != 2:
        raise LabError("exim's template is not as scripts/lab/exim.py knows it; remedy: teach it")
    services.write(root, "etc/exim4/exim4.conf.template", f"smtp_accept_max = {options['slots']}\n"
                   + ("log_file_path = :syslog\n" if options["syslog"] else "")
                   + ("helo_accept_junk_hosts = *\n" if options["junk_helo"] else "") + template)


def start(root, _options):
    services.run(root, "/etc/init.d/exim4", "start")
    services.wait_for_greeting("exim4")
