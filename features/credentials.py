"""Passwords and tokens in a text: what opens a door and must never be stored.

Tells a stated password ("비번은 haneul!23") from words about passwords ("비밀번호는 어떻게 바꾸나요").
Knows nothing of other personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from features.personal_numbers import Span

_PASSWORD_HINTS = ("pass", "pw", "pin", "비밀", "비번", "패스워드", "암호", "://")
_TOKEN_HINTS = ("token", "secret", "key", "bearer", "basic", "토큰", "시크릿", "키")

_PASSWORD_WORD = (
    r"(?:(?i:pass ?word|passwd|pass ?code|pass ?phrase|(?<![A-Za-z])(?:pwd?|pass|pin(?: ?code)?)(?![A-Za-z]))"
    r"|비밀 ?번호|비번|패스워드|암호(?!화))[\"')\]*]{0,3}(?: ?\([^()\n]{0,20}\))?"
)
_FOR_WHAT = r"(?i: (?:for|of|on) [\w@. -]{1,20}?)?"
_VALUE = r"[\"'“‘`]?(?P<value>[!-~]{4,64})"
# The value after a colon, an equals sign or an arrow.
_STATED = re.compile(rf"{_PASSWORD_WORD}{_FOR_WHAT}[ \t]{{0,3}}(?:[:=]{{1,2}}>?|->|→)[ \t]{{0,3}}{_VALUE}")
# The value after a verb, a particle or a space alone: here only what looks like a password is one.
_MENTIONED = re.compile(
    rf"{_PASSWORD_WORD}(?:(?P<verb>{_FOR_WHAT} (?i:is|was|to|be|as)[ \t]{{1,2}}|(?:은|는|이|가|를|을)[ \t]{{0,2}})"
    rf"|[ \t]{{1,2}}){_VALUE}"
)
# "id/pw: hong / haneul!23"
_AFTER_ID = re.compile(
    r"(?i:id|아이디|계정) ?[/,] ?(?i:pw|password|pass|비번|비밀번호) {0,2}[:=]? {0,2}"
    r"[!-.0-~]{2,40} ?[/,] {0,2}(?P<value>[!-~]{4,64})"
)
_IN_ADDRESS = re.compile(r"://[^\s/:@\[\]]{1,64}:(?P<value>[^\s/@\[\]]{1,64})@")

_TRAILING = ".,;)]}>\"'`"
# What follows "password:" in a report about passwords.
_WORDS_ABOUT_PASSWORDS = """
expired expires expiry incorrect invalid wrong reset resets resetting required missing forgotten forgot changed change
must need needs cannot can't should would could will has have does doesn't isn't not please the this that my your user
username failed failure error unknown none null true false string empty hidden yes no policy rejected accepted locked
same still again after before when how what why where and but with also request protected manager something text type
input enter blank access denied account recovery mismatch disabled enabled login sign-in problem issue issues update
updated never always here there see below above
"""
_NO_PASSWORDS = frozenset(_WORDS_ABOUT_PASSWORDS.split())
# Error codes, ids, versions, dates, times, lengths, addresses, code, masked values, paths.
_NO_PASSWORD = re.compile(
    r"0x[0-9A-Fa-f]+|[A-Z]{2,}[-_]?[A-Z]*[-_]?\d+|\d+(?:\.\d+)+|\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?|\d{1,3}[-~]\d{1,3}"
    r"|\d{1,2}:\d\d(?::\d\d)?|\d{1,3}[A-Za-z]+|https?://.*|[A-Za-z_][\w.]*[(\[].*|[*xX.●•_-]+|[A-Za-z]:\\.*|\[.*|<.*"
    r"|[A-Za-z]+/[A-Za-z/]+"
)
# "1234 입니다", "1234로", but not "2026년".
_ENDS_AS_VALUE = re.compile(r"[ \t]?(?:입니다|이에요|예요|이고|인데|이며|으?로|임|였|이었|이?라고|[.,!)]|\n|\Z)")
_CODE = re.compile(r"pin|pass ?code", re.IGNORECASE)
_MOST_DIGITS_OF_A_PIN = 8
_LEAST_CHARACTERS = 4

_KNOWN_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}"
    r"|xox[abposr]-[A-Za-z0-9-]{10,250}|AIza[\w-]{30,40}|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,250}"
    r"|sk-[A-Za-z0-9_-]{20,250}|glpat-[\w-]{20,100}"
    r"|eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?)"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
_AFTER_TOKEN_WORD = re.compile(
    r"(?:(?i:api[ _-]?key|secret(?:[ _-]?(?:access[ _-]?)?key)?|access[ _-]?key(?:[ _-]?id)?|token|bearer"
    r"|authorization: basic|api 키|(?<![a-z])key(?=[\"']? ?[:=] ?[\"']))|토큰|시크릿 ?키?|인증 ?키)[\"')]{0,2}"
    r"(?:[ \t]{0,3}(?:[:=]|은|는|이|is |->)[ \t]{0,3}|[ \t]{1,2})[\"'“‘`]?(?P<value>[A-Za-z0-9+/_.=~-]{12,512})"
)
_LONG_WORD = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{32,}+")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{32,}")
_LEAST_CHARACTERS_OF_MIXED_TOKEN = 20
_LEAST_CHARACTERS_OF_BASE64 = 40
_WORDLIKE = re.compile(r"[a-z]{9}|[A-Z]{9}")


def find_passwords(text: str) -> Iterator[Span]:
    """Yield the passwords that the text states."""
    lowered = text.lower()
    if not any(hint in lowered for hint in _PASSWORD_HINTS):
        return
    for pattern, is_password in ((_STATED, _may_be_password), (_MENTIONED, _looks_like_password)):
        for match in pattern.finditer(text):
            value = match["value"].rstrip(_TRAILING)
            if is_password(value, match):
                yield match.start("value"), match.start("value") + len(value)
    for pattern in (_AFTER_ID, _IN_ADDRESS):
        yield from (match.span("value") for match in pattern.finditer(text))


def find_tokens(text: str) -> Iterator[Span]:
    """Yield keys and tokens: those of well-known makes, those named as such, and long random words."""
    if "PRIVATE KEY-----" in text:
        yield from (match.span() for match in _PRIVATE_KEY.finditer(text))
    yield from (match.span() for match in _KNOWN_TOKEN.finditer(text))
    lowered = text.lower()
    if any(hint in lowered for hint in _TOKEN_HINTS):
        yield from (match.span("value") for match in _AFTER_TOKEN_WORD.finditer(text) if _may_be_token(match["value"]))
    yield from (match.span() for match in _LONG_WORD.finditer(text) if _looks_random(match.group()))


def _may_be_password(value: str, _match: re.Match[str]) -> bool:
    """Tell whether the word after "password:" may be one: all but words about passwords, codes and masks."""
    if len(value) < _LEAST_CHARACTERS - 1 or value.lower() in _NO_PASSWORDS:
        return False
    return not _NO_PASSWORD.fullmatch(value)


def _looks_like_password(value: str, match: re.Match[str]) -> bool:
    """Tell whether the word after "password" or "password is" is one, by its digits and signs and what follows."""
    if len(value) < _LEAST_CHARACTERS or not _may_be_password(value, match):
        return False
    if value.isdigit():
        ends = _ENDS_AS_VALUE.match(match.string, match.start("value") + len(value))
        is_short = len(value) <= _MOST_DIGITS_OF_A_PIN
        is_code = is_short and _CODE.match(match.group()) is not None
        return is_code or (ends is not None and (is_short or bool(match["verb"])))
    has_sign = bool(match["verb"]) and any(sign in "!@#$%^&*?~+" for sign in value)
    return any(map(str.isalpha, value)) and (has_sign or any(map(str.isdigit, value)))


def _may_be_token(value: str) -> bool:
    digits, uppers, lowers = (sum(map(kind, value)) for kind in (str.isdigit, str.isupper, str.islower))
    is_mixed = len(value) >= _LEAST_CHARACTERS_OF_MIXED_TOKEN and min(uppers, lowers) >= 3 and digits >= 1
    return (is_mixed or (digits >= 2 and uppers + lowers > 0)) and not _NO_PASSWORD.fullmatch(value)


def _looks_random(word: str) -> bool:
    """Tell a long random word from a path or a name in code."""
    if _HEXADECIMAL.fullmatch(word):
        return any(map(str.isdigit, word)) and any(map(str.isalpha, word))
    is_path = "/" in word and "+" not in word and not word.endswith("=")
    if len(word) < _LEAST_CHARACTERS_OF_BASE64 or is_path:
        return False
    kinds = (sum(map(kind, word)) for kind in (str.isdigit, str.isupper, str.islower))
    return min(kinds) >= 3 and not _WORDLIKE.search(word)
