"""qpsmtpd-forkserver, as Debian configures it; listed peers are rejected by its plugin dnsbl."""

import os
import re

import services

PACKAGES = ["qpsmtpd", "libnet-ip-perl"]
HOOKS = []
# stage=rcpt: reject when the recipient is named, by the plugin naughty; with connect qpsmtpd hangs up after its 550.
# syslog=1: to mail.log as well as to Debian's qpsmtpd.log. level is of both.
OPTIONS = {"slots": 15, "zones": "zen.bl.example cbl.bl.example", "stage": "connect", "syslog": 0, "level": "LOGINFO"}
LOG = "qpsmtpd/qpsmtpd.log"
PROGRAMS = ("qpsmtpd", "/usr/bin/qpsmtpd", "perl")
FORKS = True
REJECTION = re.compile(rb"\]: 550 ")
_MAILDIR = "var/spool/qpsmtpd/Maildir"


def configure(root, options):
    settings = re.sub(r'(?m)^(ENABLED|INTERFACES)=.*\n', "", services.read(root, "etc/qpsmtpd/debconf-settings"))
    # -m: of one address, Debian's 5.
    services.write(root, "etc/qpsmtpd/debconf-settings",
                   settings + f'ENABLED="true"\nINTERFACES=""\nEXTRA_ARGS="-c {options["slots"]} -m 5"\n')
    services.write(root, "etc/qpsmtpd/me", "mx.mail.example\n")
    services.write(root, "etc/qpsmtpd/debian-rcpthosts", "mail.example\n")
    services.write(root, "etc/qpsmtpd/debian-queue-method", f"queue/maildir /{_MAILDIR}\n")
    services.write(root, "etc/qpsmtpd/dnsbl_zones", options["zones"].replace(" ", "\n") + "\n")
    services.write(root, "etc/qpsmtpd/logging",
                   f"logging/file loglevel {options['level']} /var/log/qpsmtpd/qpsmtpd.log\n"
                   + (f"logging/syslog loglevel {options['level']} facility mail\n" if options["syslog"] else ""))
    # The wrapper under the old name knows no limit, and so finds that each message has too many hops.
    plugins = re.sub(r"(?m)^check_loop$", "loop", services.read(root, "etc/qpsmtpd/plugins"))
    if options["stage"] == "rcpt":
        plugins = re.sub(r"(?m)^dnsbl$", "dnsbl reject naughty\nnaughty reject rcpt reject_type perm", plugins)
    services.write(root, "etc/qpsmtpd/plugins", plugins)


def start(root, _options):
    services.run(root, "install", "-d", "-o", "qpsmtpd", "-m", "700", f"/{_MAILDIR}",
                 *(f"/{_MAILDIR}/{part}" for part in ("tmp", "new", "cur")))
    os.makedirs(os.path.join(root, "run"), exist_ok=True)
    services.run(root, "/etc/init.d/qpsmtpd", "start")
    services.wait_for_greeting("qpsmtpd")
