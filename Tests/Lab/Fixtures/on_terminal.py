"""Runs a command on a terminal of its own and types an answer: on_terminal.py ANSWER COMMAND ..."""

import os
import pty
import sys


def main(answer, *command):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    os.write(terminal, answer.encode() + b"\n")
    try:
        while seen := os.read(terminal, 4096):
            os.write(1, seen)
    except OSError:
        pass  # EIO: the command has ended
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main(*sys.argv[1:])
