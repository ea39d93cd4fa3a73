"""The language of a text, told from its scripts and its commonest words: enough to slice figures and pick a reply.

Code, error codes and product names inside Korean sentences leave them Korean.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Language(StrEnum):
    """The languages that tickets are told apart by."""

    KO = "ko"
    EN = "en"
    MIXED = "mixed"
    OTHER = "other"


_MOST_CHARACTERS = 4_000

_HANGUL = re.compile(r"[\uac00-\ud7a3\u3131-\u318e\u1100-\u11ff]+")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff'’]+")
# A word that is no part of a name in code, a path or an address.
_PROSE_WORD = re.compile(r"(?<![A-Za-z0-9_.\\/:-])[A-Za-z'’]+(?![A-Za-z0-9_(=\[\\/:@-])")
_ACCENTED = re.compile(r"[\u00c0-\u024f\u1e00-\u1eff]")
# Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, Kana, Han.
_FOREIGN = re.compile(r"[\u0370-\u052f\u0590-\u06ff\u0900-\u097f\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")

# Words of English prose that neither code nor an error line is made of.
_ENGLISH_WORDS = """
the a an of to my me i we our you your it its this that these those was were have has had been be am are do does did
don't doesn't didn't can't please can cannot could would will should when what why how who but they them their there
here after since before again still just also because hello hi dear thanks thank regards need needs want wants help get
got only any some she he his her very much too yesterday today tomorrow i'm i've it's
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_FIRST_PERSON_WORDS = "I I'm I've I’m I’ve My my We we Our our Me me us Hi Hello Dear Thanks thanks Pls pls"
_FIRST_PERSON = frozenset(_FIRST_PERSON_WORDS.split())
# German, Dutch, French, Spanish, Portuguese, Italian, Indonesian, Vietnamese, Polish, Turkish, without the words
# that English or code has too.
_OTHER_WORDS = """
der das und nicht ist ich wir ein eine einen mit für auf bitte kann können mein meine seit beim funktioniert wird haben
auch sehr nach danke het een niet van voor mijn geen maar ook naar graag bij wordt zijn hebben deze sinds werkt
alstublieft dank le la les des une est pas je nous vous pour dans avec mon ma mes sur ne plus depuis bonjour merci être
et du au qui que el los las una por para mi puedo está desde gracias hola pero como não uma meu minha obrigado você com
il che di non sono della gli grazie buongiorno saya tidak yang dan dengan untuk ini itu bisa tolong không tôi của là
được nie jest się proszę dziękuję bir ve bu için değil
"""
_OTHER = frozenset(_OTHER_WORDS.split())

# A Korean word says about as much as this many English ones.
_ENGLISH_WORDS_A_KOREAN_WORD = 1.7
# In English prose about every second word is one of the commonest.
_WORDS_A_COMMON_WORD = 2.2
_LEAST_COMMON_WORDS_OF_SUBSTANCE = 4
_LEAST_KOREAN_WORDS_OF_SUBSTANCE = 3
_LEAST_SHARE_OF_SUBSTANCE = 0.25
_LEAST_FOREIGN_WORDS = 2
_LEAST_SHARE_OF_FOREIGN_LETTERS = 0.3
_LEAST_SHARE_OF_ACCENTED_WORDS = 0.2


def detect_language(text: str) -> Language:
    """Return the language of a text; one without letters, and one clearly in a third language, is `other`."""
    text = text[:_MOST_CHARACTERS]
    if text.isascii():
        return _latin_language(text)
    korean = _HANGUL.findall(text)
    foreign_letters = len(_FOREIGN.findall(text))
    if korean:
        is_foreign = foreign_letters > sum(map(len, korean))
        return Language.OTHER if is_foreign else _korean_or_mixed(text, korean_words=len(korean))
    latin_letters = sum(map(len, _LATIN.findall(text)))
    if foreign_letters > _LEAST_SHARE_OF_FOREIGN_LETTERS * latin_letters:
        return Language.OTHER
    return _latin_language(text)


def _korean_or_mixed(text: str, *, korean_words: int) -> Language:
    words = _PROSE_WORD.findall(text)
    common = sum(word.lower() in _ENGLISH for word in words if len(word) > 1)
    english = common * _WORDS_A_COMMON_WORD
    korean = korean_words * _ENGLISH_WORDS_A_KOREAN_WORD
    if korean_words < _LEAST_KOREAN_WORDS_OF_SUBSTANCE:
        return Language.EN if english >= 2 * korean else Language.KO
    # A program's message has no first person: who writes Korean around one writes Korean.
    if common < _LEAST_COMMON_WORDS_OF_SUBSTANCE or _FIRST_PERSON.isdisjoint(words):
        return Language.KO
    share = korean / (korean + english)
    if share < _LEAST_SHARE_OF_SUBSTANCE:
        return Language.EN
    return Language.KO if share > 1 - _LEAST_SHARE_OF_SUBSTANCE else Language.MIXED


def _latin_language(text: str) -> Language:
    words = [word.lower().replace("’", "'") for word in _LATIN.findall(text)]
    if not words:
        return Language.OTHER
    english = len(_ENGLISH.intersection(words))
    foreign = len(_OTHER.intersection(words))
    if foreign >= _LEAST_FOREIGN_WORDS and foreign > english:
        return Language.OTHER
    accented = 0 if text.isascii() else sum(bool(_ACCENTED.search(word)) for word in words)
    is_accented = accented >= _LEAST_FOREIGN_WORDS and accented >= _LEAST_SHARE_OF_ACCENTED_WORDS * len(words)
    return Language.OTHER if is_accented and not english else Language.EN
