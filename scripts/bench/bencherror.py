"""What ends a measurement: one sentence, with a remedy where there is one."""


class BenchError(Exception):
    """One sentence for the terminal: what went wrong, and what to do about it."""
