"""The internal note that an agent reads: at most six lines, and the mark by which it is found again.

Owns what stands on which line and the marker. Knows no helpdesk: how a note becomes HTML or a document is the
matter of the vendor's file.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from serving.note_content import NoteContent, NoteEffect, TargetLine, web_address
from serving.note_words import NoteWords, words_of

MOST_LINES = 6

_MARKER = re.compile(r"[0-9a-f]{8,64}")
_IN_BRACKETS = re.compile(r"\[triage:([0-9a-f]{8,64})\]", re.IGNORECASE)
# Wiki markup takes the brackets for a link and leaves what was between them.
_BARE = re.compile(r"(?<![\w-])triage:([0-9a-f]{8,64})(?![\w-])", re.IGNORECASE)
# What helpdesks put into a note on its way: tags, line ends, spaces that do not break, signs that are not seen.
_BETWEEN = re.compile(r"</?[a-z][^<>]*>|[\s\u00ad\u200b-\u200d\u2060\ufeff]", re.IGNORECASE)
_SIGNS_OF_MARKERS = str.maketrans("[]:&", "()  ")


def note(content: NoteContent, *, language: str, marker: str, review_url: str = "") -> str:
    """Return the note in the language of the group that reads it, "" where there is nothing to say.

    The suggestion stands first; the last line holds the link to the review page and the marker.
    """
    shown = content.fit_to_show()
    if not (shown.targets or shown.articles):
        return ""
    words = words_of(language)
    lines = [_unmarked(line) for line in _lines(shown, words)]
    lines[0] = words.occasion(shown.occasion) + lines[0]
    return "\n".join([*lines, _last_line(words, review_url=review_url, marker=marker)])


def marker_text(marker: str) -> str:
    """Return the mark of an effect as it stands in its note; raise ValueError for one that could not be found again."""
    if not _MARKER.fullmatch(marker):
        raise ValueError(f"'{marker[:80]}' is no marker: 8 to 64 hexadecimal digits in lower case are.")
    return f"[triage:{marker}]"


def markers_in(text: str) -> set[str]:
    """Return the markers in a note as a helpdesk gives it back: as text, as HTML, its lines wrapped anywhere."""
    plain = html.unescape(text)
    joined = _BETWEEN.sub("", plain)
    found = [*_IN_BRACKETS.findall(plain), *_IN_BRACKETS.findall(joined), *_BARE.findall(plain)]
    return {marker.lower() for marker in found}


def _lines(content: NoteContent, words: NoteWords) -> Iterator[str]:
    """Yield at most five lines."""
    if suggested := _with_effect(content, NoteEffect.SUGGESTED):
        yield words.suggested(suggested)
    if written := _with_effect(content, NoteEffect.WRITTEN):
        yield words.written(written)
    if kept := _with_effect(content, NoteEffect.KEPT):
        yield words.kept(kept)
    if explained := [line for line in content.targets if line.reasons]:
        yield words.reasons(explained)
    if content.articles or content.similar:
        yield words.helpful(content.articles, content.similar)


def _with_effect(content: NoteContent, effect: NoteEffect) -> list[TargetLine]:
    return [line for line in content.targets if line.effect is effect]


def _unmarked(line: str) -> str:
    """Return a line in which nothing can be taken for a marker: a ticket may quote one."""
    return line.translate(_SIGNS_OF_MARKERS) if markers_in(line) else line


def _last_line(words: NoteWords, *, review_url: str, marker: str) -> str:
    url = web_address(review_url)
    return f"{words.review(url)} {marker_text(marker)}" if url else marker_text(marker)
