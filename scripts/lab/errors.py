"""The one exception of the lab: something expected went wrong, and the text says what to do about it."""


class LabError(Exception):
    """Shown to the user as one line without a stack trace; so it has to name the remedy."""
