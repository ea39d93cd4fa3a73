"""What a refusal says: a sentence that names what is wrong, and nothing of the program's inside."""

from __future__ import annotations

import re

# What belongs to a fault of the program and never to an answer.
OF_A_FAULT = ("Traceback", 'File "', "Error:", "Exception", "unexpected", "NoneType", "site-packages")
# A sentence says more than a word and ends like one, or with the option that helps.
SENTENCE = re.compile(r"\S.{20,}(?:[.?!]|--[a-z]+ \S+)\Z", re.DOTALL)


def assert_is_clear(said: str, *, expected: str) -> None:
    """Check that what is said is a sentence that names what is wrong, and nothing of the program's inside."""
    assert re.search(expected, said), said
    assert SENTENCE.match(said), said
    assert not [word for word in OF_A_FAULT if word in said], said
