"""How something is asked for, taken out of what is asked for: politeness within sentences, and exclamation marks.

Polite emergencies and angry trifles are both common, so tone says little of how pressing a ticket is and would be
learned from chance. Courtesies at the two ends of a message are taken off by `features.courtesies` before.
"""

from __future__ import annotations

import re

# The field of a ticket that asks politely, and its value: it tells requests from incidents.
TONE, POLITE = "tone", "polite"

_WORD = re.compile(r"[^\W_]")
_PLEASE = r"(?:please|pls|plz|kindly)"
_ENGLISH = (
    rf"(?<![\w-])(?:(?:(?:could|can|would|will) (?:you|someone|anyone|somebody|anybody),? )?{_PLEASE}(?: {_PLEASE})*"
    r"(?: (?:help|assist|advise)(?: me| us)?(?=[ \t]*(?:[.,?]|$)))?"
    r"|(?:many |much )?(?:thanks|thank you|thx)(?: (?:so much|very much|a lot|again|in advance))*"
    r"(?: for (?:your|the|any) (?:help|support|time|assistance|understanding|patience))?"
    r"|(?:(?:i am|i'm|i’m|we are) )?(?:so |very )?sorry (?:to (?:bother|trouble|disturb) you(?: again)?"
    r"|for (?:the|any) (?:trouble|inconvenience|bother|hassle))"
    r"|(?:i|we)(?:'d|’d| would)?(?: really)? appreciate (?:it|(?:your|any) (?:help|support|assistance))"
    r"|(?:your|any) help (?:is|would be)(?: much| greatly| very much)? appreciated)(?![\w-])"
)
_ASKING = (
    r"(?: ?(?:드립니다|드립니당|드려요|드려여|드리겠습니다|드릴게요|드릴께요|드려봅니다|드리며|드리고요)"
    r"|합니다|해요|할게요|할께요|함|요)?만?"
)
_KOREAN = (
    rf"(?:(?<!\S)(?:꼭|좀|잘|한번만?|다시|미리|확인|회신|협조) )*(?<![가-힣])부탁{_ASKING}(?![가-힣])"
    r"|(?:(?<!\S)(?:항상|늘|미리|정말|매번|너무|대단히) )*(?<![가-힣])(?:"
    r"(?:감사|고맙)(?:합니다|드립니다|드려요|해요|습니다|하겠습니다)"
    r"|(?:죄송|실례|미안)(?:합니다만?|하지만|한데요?|하오나|해요|스럽지만)"
    r"|바쁘(?:신데|실 ?텐데|시겠지만)|번거로우(?:시겠지만|실 ?텐데|시더라도))(?![가-힣])"
)
_POLITE = re.compile(f"{_ENGLISH}|{_KOREAN}", re.IGNORECASE | re.MULTILINE)
_HINT = re.compile(
    "please|pls|plz|kindly|thank|thx|sorry|appreciate|부탁|감사|고맙|죄송|실례|미안|바쁘|번거로우", re.IGNORECASE
)
# At the end of a word; "!=" and "!important" are no exclamations.
_EXCLAMATION = re.compile(r"[!！]+(?=[!！?？.,;)\s\"'”’]|$)")
# A stop that has lost its sentence goes, one that has lost only its last word moves up to the word before.
_LOST_STOP = re.compile(r"(?:^|(?<=[\s.,;:?]))[ \t]*[.,;~]+(?=\s|$)", re.MULTILINE)
_LOOSE_STOP = re.compile(r"(?<=\w)[ \t]+(?=[.,;](?:\s|$))", re.MULTILINE)
_SPACES = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")


def is_polite(text: str) -> bool:
    """Tell whether a text asks, thanks or excuses politely."""
    return _HINT.search(text) is not None and _POLITE.search(text) is not None


def without_tone(text: str) -> str:
    """Return the text without politeness and exclamation marks; a text that is nothing else stays as it is."""
    plain = _EXCLAMATION.sub("", text) if "!" in text or "！" in text else text
    if _HINT.search(plain):
        plain = _LOST_STOP.sub("", _LOOSE_STOP.sub("", _POLITE.sub(" ", plain)))
        plain = "\n".join(_SPACES.sub(" ", line).strip() for line in plain.split("\n"))
    plain = plain.strip()
    return plain if _WORD.search(plain) else text
