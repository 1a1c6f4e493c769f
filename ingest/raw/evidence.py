"""What speaks for a value being a secret: it looks drawn by lot, or like no word of code."""

import math
import re
from collections import Counter
from collections.abc import Sequence

MIN_ENTROPY_BITS = 3.0
"""Of a character of what looks drawn by lot: digits of a hexadecimal key have close to 4, words 2 to 3."""

_MIN_CHARACTERS = 8
_CHUNK = re.compile(r"[A-Za-z0-9]+")
_HUMP = re.compile(r"[a-z][A-Z]")
_LABEL_PARTS = re.compile(
    r"pass(?:w|_|$)|pwd|secret|token|credential|user|field|input|hash|config|param|placeholder", re.I
)
_SAID = re.compile(r"[.,;:!?)\]}'\"]+\Z")


class Evidence:
    """Says what a value looks like, by the words and placeholders of the rules file."""

    def __init__(self, placeholders: Sequence[str], words: str, no_passwords: str) -> None:
        self._placeholder = re.compile("|".join(f"(?:{one})" for one in placeholders), re.ASCII)
        self._words = re.compile(words, re.ASCII)
        self._no_passwords = frozenset(no_passwords.split())

    def is_placeholder(self, value: str) -> bool:
        """Whether a value stands for a secret, or says where it is."""
        return bool(self._placeholder.search(value))

    def is_words(self, value: str) -> bool:
        """Whether a value is words, with a number at the end of each at most."""
        return bool(self._words.match(value))

    def is_label(self, value: str) -> bool:
        """Whether words stand where a password could, and are none: a type, a label, a variable."""
        lowered = value.lower().strip("\"'`[](){}<>:;,.!?*")
        return (
            lowered in self._no_passwords
            or bool(_LABEL_PARTS.search(lowered))
            or bool(self._no_passwords.intersection(re.split(r"[^a-z]+", lowered)[:1]))
        )

    def is_drawn(self, value: str) -> bool:
        """Whether a value looks drawn by lot: letters and digits, no words, no placeholder."""
        has_letters, has_digits = any(c.isalpha() for c in value), any(c.isdigit() for c in value)
        is_mixed = has_letters and (has_digits or len(_HUMP.findall(value)) * 8 >= len(value))
        if not is_mixed or len(value) < _MIN_CHARACTERS or self.is_placeholder(value):
            return False
        least = min(MIN_ENTROPY_BITS, math.log2(len(value)) - 0.8)
        return entropy(value) >= least and not self._words.match(value)

    def is_mostly_drawn(self, value: str) -> bool:
        """Whether most of a value looks drawn by lot: not a name with a checksum in it."""
        if not self.is_drawn(value):
            return False
        chunks = _CHUNK.findall(value)
        n_drawn = sum(len(chunk) for chunk in chunks if not self._words.match(chunk))
        return n_drawn * 2 >= sum(map(len, chunks))

    def is_password(self, value: str) -> bool:
        """Whether a value in the place of a password is none of what stands there in examples and code."""
        if self.is_placeholder(value):
            return False
        return not (self.is_words(value) and self.is_label(value))

    def is_stated(self, value: str) -> bool:
        """Whether a word in a sentence is a password and no word: letters and digits or signs, mixed."""
        return not self.is_placeholder(value) and not self.is_words(_SAID.sub("", value))


def entropy(text: str) -> float:
    """Return the bits of information in a character of a text, by how often each character is in it."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
