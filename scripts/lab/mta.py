"""The mail servers of the lab, a module each with the same few names:

    PACKAGES     what Debian calls it; each has a software tree of its own, as they conflict with each other
    HOOKS        shell commands that complete the tree, "$1"
    OPTIONS      its knobs and their defaults; "slots" is how many connections it serves at once
    LOG          the file below /var/log that it writes to
    PROGRAMS     how the names of the processes that serve connections begin, as the kernel knows them
    FORKS        whether each connection has a process, which ends with it
    REJECTION    how its log tells of a listed peer when that names a recipient; the group, if there is one, is the
                 peer; None if the line comes at another time
    configure(root, options)   Debian's configuration, and what makes it reject listed peers
    start(root, options)       returns when port 25 greets
"""

import courier
import exim
import opensmtpd
import postfix
import postscreen
import qmail
import qpsmtpd
import sendmail
from errors import LabError

KINDS = {"courier": courier, "postfix": postfix, "postscreen": postscreen, "exim": exim, "sendmail": sendmail,
         "opensmtpd": opensmtpd, "qpsmtpd": qpsmtpd, "qmail": qmail}


def of(options):
    return KINDS[options["mta"]]


def options(kind, given):
    """The options of a server: the defaults, and those given that are not None."""
    found = {"mta": kind, **KINDS[kind].OPTIONS}
    for key, value in given.items():
        if value is None:
            continue
        if key not in found or key == "mta":
            raise LabError(f"{kind} has no option {key}; it has {', '.join(KINDS[kind].OPTIONS)}")
        # A word of the command line becomes what the default is.
        try:
            found[key] = int(value) if isinstance(found[key], int) else value
        except ValueError:
            raise LabError(f"{kind}'s option {key} is a number, not {value!r}") from None
    return found
