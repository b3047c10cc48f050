"""Postfix with postscreen before smtpd, as postscreen(8) and Debian's commented lines in master.cf have it."""

import re

import postfix
import services
from errors import LabError

PACKAGES, HOOKS, LOG = postfix.PACKAGES, postfix.HOOKS, postfix.LOG
OPTIONS = postfix.OPTIONS
PROGRAMS = ("postscreen", "smtpd")
FORKS = False
REJECTION = postfix.REJECTION
start = postfix.start


def configure(root, options):
    postfix.settings(root, options, "reject_unauth_destination", f"""
postscreen_dnsbl_sites = {options["zones"].replace(" ", ", ")}
postscreen_dnsbl_action = enforce
postscreen_greet_action = enforce
""")
    master = services.read(root, "etc/postfix/master.cf")
    master, ended = re.subn(r"(?m)^(smtp +inet .*smtpd)$", r"#\1", master)
    master, begun = re.subn(r"(?m)^#((?:smtp +inet .*postscreen|smtpd +pass .*|dnsblog +unix .*|tlsproxy +unix .*))$",
                            r"\1", master)
    if (ended, begun) != (1, 4):
        raise LabError("postfix's master.cf is not as scripts/lab/postscreen.py knows it; remedy: teach it")
    services.write(root, "etc/postfix/master.cf", master)
