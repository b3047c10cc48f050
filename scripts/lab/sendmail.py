"""Sendmail, as Debian configures it, with FEATURE(dnsbl) and a limit of its children, which Debian leaves open.

Debian has FEATURE(delay_checks), so a listed peer is rejected when the recipient is named.
"""

import re

import services
from errors import LabError

PACKAGES = ["sendmail-bin", "sensible-mda", "libsasl2-modules", "sasl2-bin"]
HOOKS = [
    'echo harbour | chroot "$1" saslpasswd2 -p -c -u mx.mail.example bob',
    # Sendmail refuses secrets that others may read.
    'chroot "$1" chown smmta:smmta /etc/sasldb2',
    'chmod 600 "$1/etc/sasldb2"',
]
# delay_checks=0: the rejection is logged when the peer connects. loglevel is Sendmail's, 9 in its own default; rate is
# Debian's ConnectionRateThrottle, per second; pause is how long a client may not speak before the greeting.
OPTIONS = {"slots": 40, "zones": "zen.bl.example cbl.bl.example", "delay_checks": 1, "loglevel": 9, "rate": 15,
           "pause": 1000}
LOG = "mail.log"
PROGRAMS = ("sendmail-mta",)
FORKS = True
REJECTION = re.compile(rb"ruleset=check_rcpt, arg1=[^ ]*, relay=[^\[,]*\[([0-9a-f.:]+)\], reject=550")


def configure(root, options):
    services.write(root, "etc/mail/local-host-names", "localhost\nmail.example\nmx.mail.example\n")
    lists = "".join(f"FEATURE(`dnsbl', `{zone}', `\"550 5.7.1 Rejected: \" $&{{client_addr}} \" listed at {zone}\"')dnl\n"
                    for zone in options["zones"].split())
    replacements = [
        (r"(?m)^(DAEMON_OPTIONS\(`Family=inet,  Name=MTA-v4, Port=smtp), Addr=127\.0\.0\.1'", r"\1'"),
        (r"(?m)^(define\(`confCONNECTION_RATE_THROTTLE', )`15'", rf"\1`{options['rate']}'"),
        (r"(?m)^FEATURE\(`greet_pause', `1000'\)", f"FEATURE(`greet_pause', `{options['pause']}')"),
        (r"(?m)^FEATURE\(`delay_checks'.*\n", lambda match: match[0] if options["delay_checks"] else ""),
        (r"(?m)^(?=MAILER_DEFINITIONS)",
         lambda _: f"define(`confMAX_DAEMON_CHILDREN', `{options['slots']}')dnl\n"
         f"define(`confDOMAIN_NAME', `mx.mail.example')dnl\ndefine(`confLOG_LEVEL', `{options['loglevel']}')dnl\n"
         # The load is that of the whole machine, not of this server.
         "define(`confREFUSE_LA', `0')dnl\ndefine(`confQUEUE_LA', `0')dnl\n"
         "define(`confAUTH_MECHANISMS', `PLAIN LOGIN')dnl\nTRUST_AUTH_MECH(`PLAIN LOGIN')dnl\n" + lists),
    ]
    text = services.read(root, "etc/mail/sendmail.mc")
    for pattern, replacement in replacements:
        text, found = re.subn(pattern, replacement, text)
        if found != 1:
            raise LabError(f"sendmail.mc has {found} times {pattern}, expected one; remedy: teach scripts/lab/sendmail.py")
    services.write(root, "etc/mail/sendmail.mc", text)
    services.write(root, "etc/mail/sasl/Sendmail.conf.2",
                   "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n")


def start(root, _options):
    services.run(root, "sh", "-c", "cd /etc/mail && m4 sendmail.mc > sendmail.cf && makemap hash access < access")
    services.run(root, "newaliases")
    services.run(root, "/etc/init.d/sendmail", "start")
    services.wait_for_greeting("sendmail")
