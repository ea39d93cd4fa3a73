"""What hurried people do to the text of a ticket, done to a ticket on purpose and by a given random.

Owns the two-set keyboard as a person uses it, and the lists of spellings that people mix up. Uses nothing of the
product, so that the product is not measured by its own idea of Korean.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Mapping

from pasted_logs import log_pasted

Perturbation = Callable[[str, random.Random], str]

SPACE_INSERTED_SHARE = 0.15
SPACE_REMOVED_SHARE = 0.5
WRONG_KEY_SHARE = 0.03
SLIPPED_WORD_SHARE = 1 / 3

# --- the keyboard -------------------------------------------------------------------------------------------------

_KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LETTER_ROWS = ("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ")
_LETTER_OF_KEY = dict(zip("".join(_KEY_ROWS), "".join(_LETTER_ROWS), strict=True))
_LETTER_OF_KEY |= dict(zip("QWERTOP", "ㅃㅉㄸㄲㅆㅒㅖ", strict=True))
_KEY_OF_LETTER = {letter: key for key, letter in _LETTER_OF_KEY.items()}
_DOUBLE_LETTERS = """
ㅘ=ㅗㅏ ㅙ=ㅗㅐ ㅚ=ㅗㅣ ㅝ=ㅜㅓ ㅞ=ㅜㅔ ㅟ=ㅜㅣ ㅢ=ㅡㅣ ㄳ=ㄱㅅ ㄵ=ㄴㅈ ㄶ=ㄴㅎ ㄺ=ㄹㄱ ㄻ=ㄹㅁ ㄼ=ㄹㅂ
ㄽ=ㄹㅅ ㄾ=ㄹㅌ ㄿ=ㄹㅍ ㅀ=ㄹㅎ ㅄ=ㅂㅅ
"""
_PARTS_OF_LETTER = dict(pair.split("=") for pair in _DOUBLE_LETTERS.split())
_WHOLE_OF_PARTS = {parts: letter for letter, parts in _PARTS_OF_LETTER.items()}
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3

_NEAR_KEYS = {key: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _KEY_ROWS for at, key in enumerate(row)}
_KOREAN_WORD = re.compile("[가-힣]+")
_ENGLISH_WORD = re.compile(r"(?<![\w./\\-])[A-Za-z]{2,}(?![\w/\\-]|\.\w)")


def typed_on_english_layout(text: str) -> str:
    """Return what appears when Korean is typed while the keyboard is set to English."""
    letters = "".join(map(_letters, text))
    return "".join(_KEY_OF_LETTER.get(letter, letter) for letter in letters)


def typed_on_korean_layout(text: str) -> str:
    """Return what appears when English is typed while the keyboard is set to Korean."""
    typed = [_LETTER_OF_KEY.get(key, _LETTER_OF_KEY.get(key.lower(), key)) for key in text]
    return _composed(typed)


def _letters(sign: str) -> str:
    """Return the letters that are typed for a syllable, compound ones one by one."""
    if not _FIRST_SYLLABLE <= ord(sign) <= _LAST_SYLLABLE:
        return "".join(_PARTS_OF_LETTER.get(sign, sign))
    initial, rest = divmod(ord(sign) - _FIRST_SYLLABLE, len(_VOWELS) * len(_FINALS))
    vowel, final = divmod(rest, len(_FINALS))
    whole = _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final].strip()
    return "".join(_PARTS_OF_LETTER.get(letter, letter) for letter in whole)


def _composed(typed: list[str]) -> str:
    """Compose letters as an input method does while they come, one after another."""
    done: list[str] = []
    initial = vowel = final = ""

    def close() -> None:
        nonlocal initial, vowel, final
        if initial and vowel:
            number = (_INITIALS.index(initial) * 21 + _VOWELS.index(vowel)) * 28 + _FINALS.index(final or " ")
            done.append(chr(_FIRST_SYLLABLE + number))
        else:
            done.append(initial + vowel)
        initial = vowel = final = ""

    for letter in typed:
        if letter in _VOWELS:
            if final:
                # A vowel takes the consonant before it away from the syllable that was closed with it.
                parts = _PARTS_OF_LETTER.get(final, final)
                final = parts[:-1]
                close()
                initial, vowel = parts[-1], letter
            elif vowel and vowel + letter in _WHOLE_OF_PARTS:
                vowel = _WHOLE_OF_PARTS[vowel + letter]
            elif vowel:
                close()
                vowel = letter
            else:
                vowel = letter
        elif letter in _INITIALS:
            if initial and vowel and not final and letter in _FINALS:
                final = letter
            elif final and final + letter in _WHOLE_OF_PARTS:
                final = _WHOLE_OF_PARTS[final + letter]
            else:
                close()
                initial = letter
        else:
            close()
            done.append(letter)
    close()
    return "".join(done)


def _slip(share: float, *, word: re.Pattern[str], typed: Callable[[str], str]) -> Perturbation:
    """Return a perturbation that types a share of the words, at least one, on the other layout."""

    def slip(text: str, draw: random.Random) -> str:
        words = [match.span() for match in word.finditer(text) if len(match.group()) >= 2]
        chosen = set(draw.sample(words, min(len(words), max(1, round(len(words) * share)))))
        return word.sub(lambda match: typed(match.group()) if match.span() in chosen else match.group(), text)

    return slip


def _all_slipped(typed: Callable[[str], str]) -> Perturbation:
    return lambda text, _: typed(text)


def korean_wrong_keys(text: str, draw: random.Random) -> str:
    """Hit a neighbouring key now and then while typing Korean."""

    def retyped(match: re.Match[str]) -> str:
        return typed_on_korean_layout(_with_wrong_keys(typed_on_english_layout(match.group()), draw))

    return _KOREAN_WORD.sub(retyped, text)


def english_wrong_keys(text: str, draw: random.Random) -> str:
    """Hit a neighbouring key now and then while typing English."""
    return _ENGLISH_WORD.sub(lambda match: _with_wrong_keys(match.group(), draw), text)


def _with_wrong_keys(keys: str, draw: random.Random) -> str:
    return "".join(
        draw.choice(_NEAR_KEYS[key]) if key in _NEAR_KEYS and draw.random() < WRONG_KEY_SHARE else key for key in keys
    )


def letters_swapped(text: str, draw: random.Random) -> str:
    """Swap, double or drop a letter in every sixth word."""

    def changed(match: re.Match[str]) -> str:
        word = match.group()
        if len(word) < 4 or draw.random() > 1 / 6:
            return word
        at = draw.randrange(1, len(word) - 1)
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        doubled, dropped = word[:at] + word[at] + word[at:], word[:at] + word[at + 1 :]
        return draw.choice((swapped, doubled, dropped))

    return _ENGLISH_WORD.sub(changed, text)


# --- spaces and encodings -----------------------------------------------------------------------------------------

_SPACE_IN_KOREAN = re.compile(r"(?<=[가-힣]) +(?=[가-힣])")
_SPACE_IN_ENGLISH = re.compile(r"(?<=[A-Za-z]) +(?=[A-Za-z])")


def _without_spaces(share: float, *, space: re.Pattern[str]) -> Perturbation:
    def without(text: str, draw: random.Random) -> str:
        return space.sub(lambda match: "" if draw.random() < share else match.group(), text)

    return without


def _with_spaces(word: re.Pattern[str], *, share: float) -> Perturbation:
    def spaced(text: str, draw: random.Random) -> str:
        def apart(match: re.Match[str]) -> str:
            first, *rest = match.group()
            return first + "".join(f" {sign}" if draw.random() < share else sign for sign in rest)

        return word.sub(apart, text)

    return spaced


def decomposed(text: str, _: random.Random) -> str:
    """Spell every syllable in conjoining jamo, as file systems of macOS do."""
    return unicodedata.normalize("NFD", text)


_HALF_WIDTH = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFFA1, 0xFFDD)}


def half_width(text: str, _: random.Random) -> str:
    """Spell every syllable in half-width letters, as old terminals do."""
    return "".join(
        _HALF_WIDTH.get(unicodedata.normalize("NFKC", letter), letter)
        for sign in text
        for letter in (_whole_letters(sign) if _FIRST_SYLLABLE <= ord(sign) <= _LAST_SYLLABLE else sign)
    )


def _whole_letters(syllable: str) -> str:
    initial, rest = divmod(ord(syllable) - _FIRST_SYLLABLE, len(_VOWELS) * len(_FINALS))
    vowel, final = divmod(rest, len(_FINALS))
    return _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final].strip()


# --- what Koreans write in several ways ---------------------------------------------------------------------------

# Each line: spellings of one thing that are met in tickets, right ones, wrong ones and slang.
_ENDINGS = """
안돼요|안되요|안 돼요|안대요|않되요|안됩니다|안됨|안되네요|안돼여|안되용
되지 않습니다|되지 않아요|되지않네요|되지 안아요|되질 않습니다
됩니다|되요|돼요|됨|되네요|됩니당|되여
됐습니다|됬습니다|됐어요|됬어요|됐음|됬네요
됐는데|됬는데|됫는데
안됐|안됬|않됐
합니다|해요|함|하네요|합니당|해여
했습니다|했읍니다|했어요|했음|했습니당|했네요
하는데|하는대|하는데요
있습니다|있어요|있음|있읍니다|있네요|잇습니다|잇어요
없습니다|없어요|없음|없읍니다|없네요|업습니다|업어요
같습니다|같아요|같음|같네요|갔아요|같읍니다
나옵니다|나와요|나옴|나오네요|나와여
뜹니다|떠요|뜸|뜨네요|떠여
모르겠습니다|모르겠어요|모르겟어요|모르겠음|모르겠네요|모르것어요
인가요|인가여|인가용|인지요
나요?|나여?|나용?|나요??|는지요?
할까요|할까여|할까욤|할까용
주세요|주세여|주세용|주셔요|주십시오|주세요오|주새요
부탁드립니다|부탁드려요|부탁드림|부탁드릴게요|부탁드립니당|부탁 드려요
알려주세요|알려 주세요|알려주십쇼|알려주세여
할 수|할수
수 있|수있
어떻게|어케|어떡게|어떻케|어떡해
문의드립니다|문의드려요|문의 드림|문의드림
궁금합니다|궁금해요|궁금함|궁금하네요|궁금합니당
습니까|읍니까|나요
입니다|이에요|임|입니당|이예요
됩니까|되나요|돼나요|되나여
돼서|되서
되는데|돼는데|되는대
"""
_VARIANTS_OF: Mapping[str, tuple[str, ...]] = {
    spelling: tuple(other for other in line if other != spelling)
    for line in (tuple(each.split("|")) for each in _ENDINGS.strip().split("\n"))
    for spelling in line
}
_ENDING = re.compile("|".join(re.escape(each) for each in sorted(_VARIANTS_OF, key=len, reverse=True)))


def other_endings(text: str, draw: random.Random) -> str:
    """Write every known ending in another of the ways in which people write it."""
    return _ENDING.sub(lambda match: draw.choice(_VARIANTS_OF[match.group()]), text)


_COURTESIES = {
    "감사합니다": ("ㄱㅅ", "ㄱㅅㄱㅅ", "ㄳ"),
    "고맙습니다": ("ㄱㅅ", "ㄳ"),
    "죄송합니다": ("ㅈㅅ", "ㅈㅅㅈㅅ"),
    "죄송하지만": ("ㅈㅅ한데", "ㅈㅅ하지만"),
    "수고하세요": ("ㅅㄱ", "ㅅㄱㅇ"),
    "안녕하세요": ("ㅎㅇ", "ㅎㅇㅎㅇ"),
}
_COURTESY = re.compile("|".join(_COURTESIES))


def initial_consonants(text: str, draw: random.Random) -> str:
    """Write courtesies as initial consonants, and begin and end with some."""
    slang = _COURTESY.sub(lambda match: draw.choice(_COURTESIES[match.group()]), text)
    return f"{draw.choice(('ㅈㅅ ', 'ㅎㅇ ', 'ㅇㅇ '))}{slang} {draw.choice(('ㄱㅅ', 'ㅇㅋ?', 'ㄱㄱ', 'ㅂㅌㅂㅌ'))}"


_CRIES = (
    "ㅠㅠ",
    "ㅠ",
    "ㅜㅜ",
    "ㅠㅠㅠㅠㅠ",
    "ㅋㅋ",
    "ㅋㅋㅋㅋㅋ",
    "ㅎㅎ",
    "!!!",
    "!!!!!!",
    "ㅡㅡ",
    "...",
    "~~",
    "??",
    "^^;",
)
_SENTENCE_END = re.compile(r"(?<=[가-힣])(?=[.?!~,]*(?:\s|\Z))")


def cries(text: str, draw: random.Random) -> str:
    """Add tears, laughs and exclamation marks to every fifth word, glued or apart, and to the end."""
    loud = _SENTENCE_END.sub(
        lambda _: draw.choice(("", " ")) + draw.choice(_CRIES) if draw.random() < 0.2 else "", text
    )
    return f"{loud} ㅠㅠㅠ!!!"


def english_cries(text: str, draw: random.Random) -> str:
    """Add exclamation marks, dots and laughs to every fifth word and to the end."""
    signs = ("!!!", "...", "??", " lol", "!!!!!", " :(", " pls")
    return (
        re.sub(r"(?<=[a-z])(?=\s|\Z)", lambda _: draw.choice(signs) if draw.random() < 0.2 else "", text) + " ASAP!!!"
    )


_LOAN_WORD_PAIRS = """
로그인=login 서버=server 에러=error 오류=error 파일=file 코드=code 데이터=data 메일=mail 메시지=message 링크=link
비밀번호=password 계정=account 설치=install 업로드=upload 다운로드=download 프로그램=program 화면=screen 버튼=button
페이지=page 사이트=site 프린터=printer 노트북=laptop 모니터=monitor 네트워크=network 인터넷=internet 접속=access
실행=run 저장=save 삭제=delete 수정=edit 테스트=test 버전=version 업데이트=update 컴퓨터=PC 문제=problem
질문=question 함수=function 변수=variable 모델=model 그래프=graph 제출=submit 강의=lecture 영상=video 이미지=image
"""
_LOAN_WORDS = dict(pair.split("=") for pair in _LOAN_WORD_PAIRS.split())
_LOAN_WORD = re.compile("|".join(sorted(_LOAN_WORDS, key=len, reverse=True)))


def english_for_loan_words(text: str, _: random.Random) -> str:
    """Write the words that Korean offices say in English in English letters."""
    return _LOAN_WORD.sub(lambda match: _LOAN_WORDS[match.group()], text)


_KOREAN_FOR = {english: korean for korean, english in _LOAN_WORDS.items() if english not in ("PC", "error")}
_KOREAN_FOR |= {
    "error": "에러",
    "please": "부탁드려요",
    "thanks": "감사합니다",
    "hello": "안녕하세요",
    "request": "요청",
    "new": "신규",
}
_ENGLISH_FOR_KOREAN = re.compile(rf"\b(?:{'|'.join(_KOREAN_FOR)})\b")


def korean_mixed_in(text: str, draw: random.Random) -> str:
    """Write every second of the words that a Korean colleague would say in Korean in Korean."""
    return _ENGLISH_FOR_KOREAN.sub(
        lambda match: _KOREAN_FOR[match.group()] if draw.random() < 0.5 else match.group(), text
    )


KOREAN: Mapping[str, Perturbation] = {
    "all spaces removed": _without_spaces(1.0, space=_SPACE_IN_KOREAN),
    "half the spaces removed": _without_spaces(SPACE_REMOVED_SHARE, space=_SPACE_IN_KOREAN),
    "spaces inserted": _with_spaces(_KOREAN_WORD, share=SPACE_INSERTED_SHARE),
    "decomposed (NFD)": decomposed,
    "half-width letters": half_width,
    "other endings": other_endings,
    "keyboard slip, one word": _slip(0.0, word=_KOREAN_WORD, typed=typed_on_english_layout),
    "keyboard slip, a third": _slip(SLIPPED_WORD_SHARE, word=_KOREAN_WORD, typed=typed_on_english_layout),
    "keyboard slip, all": _all_slipped(typed_on_english_layout),
    "neighbouring keys": korean_wrong_keys,
    "initial consonants": initial_consonants,
    "tears, laughs, cries": cries,
    "English loan words": english_for_loan_words,
    "log pasted": log_pasted,
}
ENGLISH: Mapping[str, Perturbation] = {
    "all spaces removed": _without_spaces(1.0, space=_SPACE_IN_ENGLISH),
    "half the spaces removed": _without_spaces(SPACE_REMOVED_SHARE, space=_SPACE_IN_ENGLISH),
    "spaces inserted": _with_spaces(_ENGLISH_WORD, share=SPACE_INSERTED_SHARE / 3),
    "keyboard slip, one word": _slip(0.0, word=_ENGLISH_WORD, typed=typed_on_korean_layout),
    "keyboard slip, a third": _slip(SLIPPED_WORD_SHARE, word=_ENGLISH_WORD, typed=typed_on_korean_layout),
    "keyboard slip, all": _all_slipped(typed_on_korean_layout),
    "neighbouring keys": english_wrong_keys,
    "letters swapped": letters_swapped,
    "exclamation marks": english_cries,
    "Korean mixed in": korean_mixed_in,
    "log pasted": log_pasted,
}
