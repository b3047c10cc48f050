"""A megabyte of the worst input for each reader of log lines: time must grow with the bytes and with nothing else.

Each input is made to keep one dialect busy: its own beginning, so that it reads on, and then the
words it looks for, almost right, as often as they fit; in lines as long as are read at all, and in
many short ones. CPU time of `breakwater parse --count`, less that of one line: the least of many
runs, as what others do on the machine only ever adds.
"""

import os
import subprocess

import load

SIZE = 1_000_000
LONGEST_LINE = 65_500  # what follows a log cuts lines at 64 KiB
GOAL_MILLISECONDS = 20
TURNS = 15

_ISO = "2026-11-20T22:44:56.033783+00:00 mx "
_PATTERNS = ('patterns = ["d: refused {name}[{peer}]: {code} {text}; from={*}", "d: {code} for {peer}:{port} by {zone}"]\n'
             'rbl_texts = ["aaaaaaaaab", "listed here"]\n')

# Reader, the beginning of a line, and what is repeated behind it.
INPUTS = (
    ("header", "", "<"), ("header", "<22>1 - - a - - [", 'x="\\"" '), ("header", "Nov 20 22:44:29 ", "a"),
    ("header", "2026-11-20 22:44:56", " "), ("header", "@400000006740e5a80c5be0d", "0"),
    ("courier", _ISO + "courieresmtpd: error,relay=::ffff:192.0.2.7,port=25,from=<", "a,to=<"),
    ("courier", _ISO + "courieresmtpd: error,relay=::ffff:192.0.2.7,port=25,from=<a>,to=<b>: 511 ", "aaaaaaaaa http://"),
    ("courier", _ISO + "courierd: newmsg,id=1.2.3: dns; ", "([192.0.2.7] "),
    ("postfix", _ISO + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from x[192.0.2.7]: 554 5.7.1 <", ">: Recipient address "),
    ("postfix", _ISO + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from x[192.0.2.7]: 554 5.7.1 Service unavailable; Sender "
     "address [", "] blocked usin; from="),
    ("postfix", _ISO + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from x[192.0.2.7]: 554 5.7.1 aaaa", "; from"),
    ("postfix", _ISO + "postfix/smtpd[1]: warning: ", "x[192.0.2.7] "),
    ("postfix", _ISO + 'postfix/master[1]: warning: service "', '" ('),
    ("postfix", _ISO + "postfix/postscreen[1]: HANGUP after ", " fro"),
    ("exim", _ISO + "exim[1]: H=(", ") [192.0.2.7 "), ("exim", _ISO + "exim[1]: H=(", ") [192.0.2.7] F=<\""),
    ("exim", _ISO + "exim[1]: H=(", ") ["), ("exim", _ISO + "exim[1]: rejected \"", " [192.0.2.7"),
    ("exim", _ISO + "exim[1]: H=(x) [192.0.2.7] ", "A=b "), ("exim", _ISO + "exim[1]: 1xUXkP-0002hX-1v <= \"", "\\\\"),
    ("exim", _ISO + "exim[1]: [1/9] H=(", ") ["), ("exim", _ISO + "exim[1]: H=(x) [192.0.2.7] F=<\"", "\\\">"),
    ("sendmail", _ISO + "sm-mta[1]: ruleset=check_rcpt, arg1=<", ", relay=x [192.0.2.7], reject=550 "),
    ("sendmail", _ISO + "sm-mta[1]: ruleset=check_rcpt, arg1=<", ", relay="),
    ("sendmail", _ISO + "sm-mta[1]: ruleset=check_rcpt, arg1=<", ", relay=" + "a" * 600),
    ("sendmail", _ISO + "sm-mta[1]: ruleset=check_rcpt, arg1=<", ", relay=x [192.0.2.7], reject=550 listed at a.b "),
    ("sendmail", _ISO + "sm-mta[1]: ruleset=check_rcpt, arg1=<",
     "".join(f", relay=[192.0.2.{last}], reject=550 x" for last in range(1, 10))),
    ("sendmail", _ISO + "sm-mta[1]: 6AKNALRr009406: from=<", ", size=1, class=0, nrcpts=1"),
    ("sendmail", _ISO + "sm-mta[1]: 6AKNALRr009406: to=<", ", stat="),
    ("opensmtpd", _ISO + "smtpd[1]: 99749b960b4b2be7 smtp failed-command command=\"", "\" result=\"550 "),
    ("opensmtpd", _ISO + "smtpd[1]: 99749b960b4b2be7 smtp ", "connected address="),
    ("qpsmtpd", _ISO + "qpsmtpd[1]: ", "dispatching "), ("qpsmtpd", _ISO + "qpsmtpd[1]: Connection from ", "[192.0.2.7] "),
    ("qmail", "rblsmtpd: 192.0.2.7 pid 1: 553 ", "http://a "), ("qmail", "tcpserver: ok 1 ", ":"),
    ("site", _ISO + "d: refused ", "a"), ("site", _ISO + "d: refused a[192.0.2.7]: 554 ", "; from"),
    ("site", _ISO + "d: 554 for ", "192.0.2.7:"),
)


def add_options(parser):
    pass


def measure(found, chosen):
    program = os.path.join(chosen.bin, "breakwater")
    with chosen.directory() as directory:
        settings = os.path.join(directory, "breakwater.toml")
        with open(settings, "w") as file:
            file.write("[mta]\n" + _PATTERNS)
        command = [program, "--config", settings, "parse", "--count"]
        empty = _write(directory, "empty", "Nov 20 22:44:29 mx x: y\n")
        inputs = []
        for number, (reader, head, repeated) in enumerate(INPUTS):
            for shape, length in (("long", LONGEST_LINE), ("short", 400)):
                line = head + repeated * ((length - len(head)) // len(repeated))
                inputs.append((reader, shape, _write(directory, f"{number}.{shape}", (line + "\n") * (SIZE // len(line)))))
        times, busy = load.measured(chosen, found.tell, f"worst: {len(inputs)} inputs of 1 MB", lambda: _times(
            command, empty, inputs, chosen.runs * TURNS // 3))
    worst = {}
    for (reader, shape, _), milliseconds in zip(inputs, times):
        worst[reader, shape] = max(worst.get((reader, shape), 0), milliseconds)
    for (reader, shape), milliseconds in worst.items():
        found.add(f"worst.{reader}.{shape}_lines", milliseconds, "ms", GOAL_MILLISECONDS, busy)


def _write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def _times(command, empty, inputs, turns):
    """Of each input, in milliseconds."""
    least = [float("inf")] * (len(inputs) + 1)
    for _ in range(turns):
        for number, path in enumerate([empty, *(path for _, _, path in inputs)]):
            least[number] = min(least[number], cpu([*command, path]))
    return [max(0.0, (value - least[0]) * 1000) for value in least[1:]]


def cpu(command):
    """CPU time in seconds; exit 1 says that not one line was an event, which is as good."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime
