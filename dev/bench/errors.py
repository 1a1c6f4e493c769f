"""What a user of the bench can mend: every message names the thing and the remedy."""


class BenchError(Exception):
    """Nothing (more) can be measured until the user acts; the command ends with exit code 2."""
