"""One spelling for what Koreans write in several: slips of ending, tears and laughs, signs that repeat.

What comes out is compared and never shown, so it need not be right, only the same. Knows nothing of the words of a
site, which are `features.glossary`'s, nor of a slip to the other keyboard layout, which needs a vocabulary to be told.
"""

from __future__ import annotations

import re

# Tears, laughs and courtesies in initial consonants: how a writer feels, not what is broken.
_LONE_LETTERS = re.compile("[ㄱ-ㅎㅏ-ㅣ]+")
_KOREAN = re.compile("[ㄱ-ㅎㅏ-ㅣ가-힣]")
_ENDING_SIGNS = "!~.^;,…"
_QUESTION_MARKS = re.compile(r"\?{2,}")

# 되 and 돼 sound alike, and 됬 is no word: each is written for the other.
_ALIKE = str.maketrans("돼됐됀됄됌됍됏됫", "되됬된될됨됩됬됬")
# A syllable that ends in ㅅ where ㅆ is meant: 있, 겠 and every past tense. ㅆ is the letter after ㅅ.
_CLOSED_BY_S = "".join(chr(code) for code in range(0xAC00 + 19, 0xD7A4, 28))
_END = "(?![가-힣])"
_VARIANTS: tuple[tuple[str, str], ...] = (
    ("않되", "안되"),
    (f"안대(?=요|여|용|서|는|네|나|{_END})", "안되"),
    (f"(?<=[되해세하에어아까네나지데게가와워려])[여용염욤욧]{_END}", "요"),
    (f"니당{_END}", "니다"),
    (f"[새셰셔]요{_END}", "세요"),
    ("읍니|슴니", "습니"),
    (f"는대(?=요?{_END})", "는데"),
    (f"[께깨]요{_END}", "게요"),
    (f"[{_CLOSED_BY_S}](?=[습읍슴]니|는[데대]|[어네][요여]|다고|던데|지만)", ""),
)
_VARIANT = re.compile("|".join(f"({expression})" for expression, _ in _VARIANTS))
# Most words have none of the syllables that a variant is told by: one look spares them the others.
_SUSPECT = re.compile(f"[않대여용염욤욧당새셰셔읍슴께깨{_CLOSED_BY_S}]")


def spelled(token: str) -> str:
    """Return a lower-cased token in the one spelling; nothing where it is signs or lone letters alone."""
    if not token.isascii() and _KOREAN.search(token):
        token = _LONE_LETTERS.sub("", token).translate(_ALIKE)
        if _SUSPECT.search(token):
            token = _VARIANT.sub(_usual, token)
    return _QUESTION_MARKS.sub("?", token.rstrip(_ENDING_SIGNS))


def _usual(match: re.Match[str]) -> str:
    assert match.lastindex is not None
    return _VARIANTS[match.lastindex - 1][1] or chr(ord(match.group()) + 1)
