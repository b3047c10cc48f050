class BenchError(Exception):
    """One sentence for the terminal: what went wrong, and what to do about it."""
