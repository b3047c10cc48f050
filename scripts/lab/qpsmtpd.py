"""qpsmtpd-forkserver, as Debian configures it; listed peers are rejected by its plugin dnsbl."""

import os
import re

import services

PACKAGES = ["qpsmtpd", "libnet-ip-perl"]
HOOKS = []
# keep=1: reject without hanging up. syslog=1: to mail.log as well as to Debian's qpsmtpd.log. level is of both.
OPTIONS = {"slots": 15, "zones": "zen.bl.example cbl.bl.example", "keep": 0, "syslog": 0, "level": "LOGINFO"}
LOG = "qpsmtpd/qpsmtpd.log"
PROGRAMS = ("qpsmtpd-forkserver", "perl", "qpsmtpd-forkse")
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
    services.write(root, "etc/qpsmtpd/logging", f"logging/file loglevel {options['level']} /var/log/qpsmtpd/qpsmtpd.log\n"
                   + (f"logging/syslog loglevel {options['level']} facility mail\n" if options["syslog"] else ""))
    if options["keep"]:
        plugins = services.read(root, "etc/qpsmtpd/plugins")
        services.write(root, "etc/qpsmtpd/plugins", re.sub(r"(?m)^dnsbl$", "dnsbl reject 1 reject_type perm", plugins))


def start(root, _options):
    services.run(root, "install", "-d", "-o", "qpsmtpd", "-m", "700", f"/{_MAILDIR}",
                 *(f"/{_MAILDIR}/{part}" for part in ("tmp", "new", "cur")))
    os.makedirs(os.path.join(root, "run"), exist_ok=True)
    services.run(root, "/etc/init.d/qpsmtpd", "start")
    services.wait_for_greeting("qpsmtpd")
