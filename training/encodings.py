"""Turns the bytes of a text file into text, whatever encoding the export was written in.

Owns the guess of an encoding; knows no file format. Text that was already read wrongly is mended by
`features.characters`.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter
from dataclasses import dataclass

from features.errors import HistoryError

REPLACEMENT = "\ufffd"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = ("utf-8", "cp949", "cp1252")
_SAMPLE_BYTES = 8192
# UTF-16 has a NUL byte for every Latin letter, comma and space, always on the same side of its pair.
_NUL_SHARE_OF_LATIN, _NUL_SHARE_OF_HANGUL, _ONE_SIDED = 0.3, 0.03, 0.05
_SAMPLE_CHARACTERS = 2_000_000
# Below this share of believable characters the bytes are more likely no text at all.
_LEAST_BELIEVABLE = 0.7


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, the encoding that it was read in, and a sentence where that had to be guessed."""

    text: str
    encoding: str
    warning: str = ""


def decode(data: bytes, *, encoding: str | None = None) -> Decoded:
    """Return the text of a file without NUL characters.

    Without a stated `encoding`: a byte-order mark, else UTF-8, else what reads most believably of
    UTF-8 with broken bytes, cp949 (which holds euc-kr) and cp1252.

    Raises HistoryError for an unknown encoding, bytes that it cannot read, and bytes that are no text.
    """
    if encoding is not None:
        return _decode_stated(data, encoding)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    wide = marked or _utf16_without_mark(data, least_nul_share=_NUL_SHARE_OF_LATIN)
    if wide:
        return Decoded(_without_nul(data.decode(wide, "replace")), wide)
    try:
        return Decoded(_without_nul(data.decode("utf-8")), "utf-8")
    except UnicodeDecodeError:
        return _decode_guessed(data)


def _decode_stated(data: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(_without_nul(data.decode(encoding)).removeprefix("\ufeff"), encoding)
    except LookupError:
        raise HistoryError(
            f"the encoding '{encoding}' is unknown. Common ones are utf-8, cp949, utf-16 and cp1252."
        ) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise HistoryError(
            f"line {line} is not valid {encoding}. State another encoding, or none to have it guessed."
        ) from None


def _utf16_without_mark(data: bytes, *, least_nul_share: float) -> str | None:
    """Return the UTF-16 whose every second byte would explain the NUL bytes, where there are that many."""
    sample = data[:_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if even + odd < max(2, least_nul_share * len(sample)) or min(even, odd) > _ONE_SIDED * max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _decode_guessed(data: bytes) -> Decoded:
    wide = _utf16_without_mark(data, least_nul_share=_NUL_SHARE_OF_HANGUL)
    if wide:
        return Decoded(_without_nul(data.decode(wide, "replace")), wide)
    texts = {name: data.decode(name, "replace") for name in _CANDIDATES}
    believable = {name: _believable_share(text, name) for name, text in texts.items()}
    best = max(_CANDIDATES, key=lambda name: believable[name])
    if believable[best] < _LEAST_BELIEVABLE:
        raise HistoryError("it is no text in a known encoding (UTF-8, UTF-16, cp949, cp1252). Save it as UTF-8.")
    text = texts[best]
    broken = text.count(REPLACEMENT)
    lost = f" Characters that could not be read: {broken:,}." if broken else ""
    return Decoded(_without_nul(text), best, f"The file is not plain UTF-8: it was read as {best}.{lost}")


def _believable_share(text: str, encoding: str) -> float:
    counts = Counter(text[:_SAMPLE_CHARACTERS])
    foreign = {character: count for character, count in counts.items() if not character.isascii()}
    control = sum(count for character, count in counts.items() if character < " " and character not in "\t\n\r\f\v\0")
    good = sum(count for character, count in foreign.items() if _is_believable(character, encoding))
    return good / max(1, sum(foreign.values()) + control)


def _is_believable(character: str, encoding: str) -> bool:
    if character == REPLACEMENT:
        return False
    is_letter = unicodedata.category(character).startswith("L")
    if encoding == "cp949":
        # Bytes of another encoding give rare syllables, which the older standard does not hold, and Chinese signs.
        is_syllable = "가" <= character <= "힣"
        return not is_letter or (is_syllable and len(character.encode("euc_kr", "replace")) == 2)
    if encoding == "cp1252":
        return (is_letter and character.islower()) or character in "’‘“”–—…€£§°«»¿¡®™\xa0ÄÖÜÉÀÇØÅÆ"
    return True


def _without_nul(text: str) -> str:
    return text.replace("\0", "")
