"""What a user can mend: every message names the thing and the remedy."""


class IngestError(Exception):
    """Nothing can be loaded until the user acts; the command ends with exit code 2."""


class SourceError(Exception):
    """One source cannot be read (whole or in part); the other sources still load, exit code 1."""


class DamagedError(SourceError):
    """A source is damaged: what can be read of it is loaded, nothing follows from what is missing."""
