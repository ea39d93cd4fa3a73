"""Characters as their writer meant them: mends what exports, gateways and keyboards do to them.

Knows nothing of mail, markup or logs.
"""

from __future__ import annotations

import re
import unicodedata

from features.hangul import composed

# Text of these characters alone needs no mending: it is the common case, and one pass tells.
_USUAL = re.compile(r"[\t\n -~\u3131-\u318e\uac00-\ud7a3\u2010-\u2027\u2190-\u2193\u00b7]*+")

_MOST_PASSES = 6

# Composing sorts the marks on a letter in quadratic time: no writing needs more than these, an attack does.
_MOST_MARKS_ON_A_LETTER = 8
_LONG_TEXT_CHARACTERS = 2_000

# Excel writes control characters of a cell as _x000D_; the code of a letter is left alone.
_EXCEL_ESCAPE = re.compile(r"_x00([01][0-9A-Fa-f]|7[fF])_")
_TERMINAL_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LINE_BREAK = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACE = re.compile(r"[\xa0\u115f\u1160\u1680\u2000-\u200a\u202f\u205f\u3000\u3164\uffa0]")
# Controls, soft hyphens, zero-width and direction marks, variation selectors, byte-order marks, lone surrogates.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff]"
)
# Full-width Latin, half-width Katakana, ligatures and squared units mean what their plain forms mean. Jamo
# that stand alone do not: NFKC would turn the tears of a writer into letters that join their neighbours.
_WIDE_OR_NARROW = re.compile(r"[\uff01-\uff5e\uff61-\uff9f\uffe0-\uffe6\ufb00-\ufb06\u3380-\u33df]+")

_HALF_WIDTH_LETTERS = re.compile("[\uffa1-\uffdc]+")
# What NFC leaves of conjoining letters stands alone: it is the letter as it is shown.
_CONJOINING = re.compile("[\u1100-\u11ff]")
_LETTER_OF = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0x3131, 0x3164)}
# An input method that failed leaves words in single letters. Tears and laughs are made of few vowels.
_SINGLE_LETTERS = re.compile("[ㄱ-ㅎ][ㅏ-ㅣ][ㄱ-ㅎㅏ-ㅣ]{2,}")
_VOWEL_OF_WORDS = re.compile("[ㅏ-ㅟㅢㅣ]")
_SYLLABLES = re.compile("[가-힣]+")

# The characters that cp1252 (or latin-1 where cp1252 has none) shows for the bytes 0x80 to 0xBF.
_BYTE_OF = {bytes([code]).decode("cp1252", errors="ignore") or chr(code): code for code in range(0x80, 0x100)}
_BYTE_OF |= {chr(code): code for code in range(0x80, 0x100)}
_TRAIL = "[" + "".join(re.escape(sign) for sign, code in _BYTE_OF.items() if code < 0xC0) + "]"
# A lone Â before a space is what is left of a no-break space.
_MOJIBAKE = re.compile(f"[ÂÃ]{_TRAIL}|[à-ï]{_TRAIL}{{2}}|ð{_TRAIL}{{3}}|Â(?= )")
# What a mended sequence may turn out to be; anything else was two accented letters and a quotation mark.
_PLAUSIBLE = re.compile(
    r"[\x80-\xff\u2010-\u2122\u2190-\u27bf\u3000-\u30ff\u3131-\u318e\u1100-\u11ff\uac00-\ud7a3\uff00-\uffef\ufeff"
    r"\U0001f000-\U0001faff]"
)


def mend_characters(raw: str) -> str:
    """Return the text with mojibake, escapes, widths, line breaks and invisible characters put right, in NFC."""
    text = raw
    for _ in range(_MOST_PASSES):
        if _USUAL.fullmatch(text) and "_x00" not in text and not _SINGLE_LETTERS.search(text):
            return text
        mended = _mended_once(text)
        if mended == text:
            return text
        text = mended
    return text


def _mended_once(text: str) -> str:
    if "_x00" in text:
        text = _EXCEL_ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)
    # Before control characters go: in text garbled twice they are bytes that still wait to be read.
    for _ in range(3):
        text = _MOJIBAKE.sub(_meant, text)
    text = _LINE_BREAK.sub("\n", _TERMINAL_COLOUR.sub("", text))
    text = _INVISIBLE.sub("", _SPACE.sub(" ", text))
    text = _WIDE_OR_NARROW.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    if len(text) > _LONG_TEXT_CHARACTERS:
        text = _without_piled_marks(text)
    text = _HALF_WIDTH_LETTERS.sub(_composed_half_width, unicodedata.normalize("NFC", text))
    return _SINGLE_LETTERS.sub(_composed_word, _CONJOINING.sub(_shown_letter, text))


def _composed_half_width(match: re.Match[str]) -> str:
    return composed("".join(_LETTER_OF[unicodedata.normalize("NFKC", letter)] for letter in match.group()))


def _shown_letter(match: re.Match[str]) -> str:
    return _LETTER_OF.get(match.group(), match.group())


def _composed_word(match: re.Match[str]) -> str:
    """Return the syllables that single letters make, or the letters where one is left over or they are tears."""
    letters = match.group()
    word = composed(letters) if _VOWEL_OF_WORDS.search(letters) else letters
    return word if _SYLLABLES.fullmatch(word) else letters


def _without_piled_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for sign in text:
        marks = marks + 1 if unicodedata.combining(sign) else 0
        if marks <= _MOST_MARKS_ON_A_LETTER:
            kept.append(sign)
    return "".join(kept)


def _meant(match: re.Match[str]) -> str:
    """Return the character whose UTF-8 bytes were read one by one, or the text as it stands."""
    shown = match.group()
    if shown == "Â":
        return ""
    try:
        meant = bytes(_BYTE_OF[sign] for sign in shown).decode("utf-8")
    except UnicodeDecodeError:
        return shown
    return meant if _PLAUSIBLE.fullmatch(meant) else shown
