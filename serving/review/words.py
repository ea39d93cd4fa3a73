"""What the pages say, in Korean and English: one key for each text, the same keys in both.

The texts stand in `english_words` and `korean_words` (sign-in, queue, ticket, bursts, failures) and, of the pages of
trust, policy and rules, in `policy_words`.
A text is filled in with `str.format`; what is filled in is escaped by the template, never here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serving.review import english_words, korean_words, policy_words
from serving.review.korean_sentences import in_korean

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {**english_words.ENGLISH, **policy_words.ENGLISH},
    "ko": {**korean_words.KOREAN, **policy_words.KOREAN},
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with values filled in; raise KeyError for one that nobody wrote."""
        text = TEXTS[self.language][key]
        return text.format(**values) if values else text

    def or_name(self, kind: str, name: str) -> str:
        """Return the word for a name that we know, as in `target.priority`, or else the name itself."""
        return TEXTS[self.language].get(f"{kind}.{name}", name)

    def reason(self, sentence: str) -> str:
        """Return a reason that the service gave; what it does not know in this language stays English."""
        return in_korean(sentence) if self.language == "ko" else sentence

    def count(self, key: str, number: int, **values: object) -> str:
        """Return a text for a number of things: `key.one` for one, `key.other` for any other."""
        return self(f"{key}.one" if number == 1 else f"{key}.other", number=f"{number:,}", **values)

    def percent(self, share: float | None) -> str:
        """Return a share of one in percent, never rounded up to certainty nor down to nothing."""
        if share is None:
            return "–"
        if 0 < share < 0.01:
            return "< 1 %"
        if 0.99 < share < 1:
            return "> 99 %"
        return f"{share * 100:.0f} %"

    def ago(self, at: datetime | None, now: datetime) -> str:
        """Return how long ago a moment was."""
        seconds = 0.0 if at is None else (now - at).total_seconds()
        return self("time.now") if seconds < _MINUTE else self("time.ago", span=self.span(seconds))

    def due(self, at: datetime | None, now: datetime) -> str:
        """Return how much time is left until a moment, or by how much it has passed."""
        if at is None:
            return ""
        seconds = (at - now).total_seconds()
        return self("time.left" if seconds >= 0 else "time.overdue", span=self.span(abs(seconds)))

    def span(self, seconds: float) -> str:
        """Return a stretch of time in its largest unit."""
        if seconds < _HOUR:
            return self("time.minutes", number=max(int(seconds // _MINUTE), 1))
        if seconds < _DAY:
            return self("time.hours", number=int(seconds // _HOUR))
        return self("time.days", number=int(seconds // _DAY))
