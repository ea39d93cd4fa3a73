"""The text of a ticket made ready to be read by a model, the same in training and in serving.

What each kind of noise looks like is known by `features.characters`, `features.markup`, `features.mail`,
`features.courtesies` and `features.logs`; here is their order and what must hold of the result.
"""

from __future__ import annotations

import re

from features.characters import mend_characters
from features.logs import shorten_logs
from features.mail import strip_mail
from features.markup import remove_markup

MOST_CHARACTERS = 8_000
# What is read of a text before anything is taken out: markup is many times longer than what it says.
MOST_RAW_CHARACTERS = 100_000
_MOST_PASSES = 12

_WORD = re.compile(r"[^\W_]")
_SPACE_BEFORE_BREAK = re.compile(r"[ \t]\n")
_BLANK_LINES = re.compile(r"\n{3,}")
_INLINE_ATTACHMENT = re.compile(r"\[(?:cid:|image: ?)[^\]\n]{1,160}\]|<image\d{1,4}\.\w{3,4}>", re.IGNORECASE)


def clean_text(raw: str) -> str:
    """Return what the writer says: no markup, history, signature, greeting or log noise, at most MOST_CHARACTERS.

    Cleaning a clean text changes nothing. A text with words never becomes empty: where nothing would be
    left, less is taken out.
    """
    given = raw[:MOST_RAW_CHARACTERS]
    plain = _plain(given)
    text = plain
    for _ in range(_MOST_PASSES):
        shorter = _capped(_plain(shorten_logs(strip_mail(text))))
        if shorter == text:
            break
        text = shorter
    if _WORD.search(text):
        return text
    if _WORD.search(plain):
        return plain if len(plain) <= MOST_CHARACTERS else clean_text(_capped(plain))
    return _capped(mend_characters(given).strip())


def _plain(text: str) -> str:
    """Return the text without broken characters and markup, nothing said left out."""
    for _ in range(_MOST_PASSES):
        plain = _tidy(remove_markup(mend_characters(text)))
        if plain == text:
            break
        text = plain
    return text


def _tidy(text: str) -> str:
    if "[" in text or "<image" in text:
        text = _INLINE_ATTACHMENT.sub("", text)
    if _SPACE_BEFORE_BREAK.search(text):
        text = "\n".join(line.rstrip() for line in text.split("\n"))
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip()


def _capped(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS].rstrip()
