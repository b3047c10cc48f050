"""What all measurements but `shed` take place in: a directory, the stand-in for a mail server, the daemon."""

import contextlib

import daemon
import standin


@contextlib.contextmanager
def guarded(chosen, **options):
    """A running daemon; `options` are those of Daemon."""
    with (chosen.directory() as directory, standin.StandIn(directory),
          daemon.Daemon(chosen.bin, directory, **options) as guard):
        yield guard
