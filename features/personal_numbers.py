"""Numbers that belong to a person: resident, phone, account, card and passport numbers, Korean and others.

Tells them from order numbers, asset tags, addresses of machines and dates by shape and by the words before.
Knows nothing of passwords or names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_SEVEN_DIGITS = re.compile(r"\d(?:[ ().*~–-]{0,3}[\d*]){6}|\d{3}[A-Z]\d{4}")

# A number that follows one of these names a thing.
_REFERENCE_WORD = re.compile(
    r"(?:order|invoice|tracking|barcode|ean|upc|ticket|serial|s/n|rma|asset|tag|timestamp|epoch|transaction|trx|po|sku|part"
    r"|lot|batch|document|doc|주문|송장|바코드|티켓|접수|문서|관리|시리얼|일련|자산|거래|전표|발주|승인|제품|품목|로트|배치"
    r"|사업자)[ _-]?(?:번호|no|nr|num|number|id|code|코드)?[ .:#=]{0,3}(?:는|은|is)?[ \t]?\Z",
    re.IGNORECASE,
)
_REFERENCE_WINDOW = 24

_RESIDENT_NUMBER = re.compile(
    r"(?<![\dA-Za-z-])\d\d(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?P<hyphen>[ \t]?[-–~][ \t]?|[ \t]?)[1-8](?:\d{6}|\d?[*xX●]{5,6})(?![\dA-Za-z]|-\d)"
)
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LATEST_BIRTH_YEAR = 30

_NOT_INSIDE = r"(?<![A-Za-z0-9+])(?<!\d[-.])"
_NO_MORE = r"(?![\dA-Za-z]|[-.]\d)"
_KOREAN_MOBILE = re.compile(
    rf"{_NOT_INSIDE}(?:(?:00)?82[-. ]{{0,2}}\(?0?\)?|0)1[016789][-. )]{{0,2}}\d{{3,4}}[-. ]{{0,2}}\d{{4}}(?!\d)(?!-\d)"
)
_LAND_LINE = re.compile(
    rf"{_NOT_INSIDE}\(?0(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50\d|80)[-.) ]{{1,2}}\d{{3,4}}[-. ]\d{{4}}{_NO_MORE}"
)
# (555) 010-0199, 555-010-0199
_NORTH_AMERICAN = re.compile(
    rf"{_NOT_INSIDE}(?:\([2-9]\d\d\) ?\d{{3}}[-. ]\d{{4}}"
    rf"|[2-9]\d\d(?P<between>[-.])\d{{3}}(?P=between)\d{{4}}){_NO_MORE}"
)
_INTERNATIONAL = re.compile(r"(?<![A-Za-z0-9+])\+[1-9]\d{0,2}(?:[-. ()]{0,3}\d{1,4}){2,6}(?!\d)")
_LABELLED_PHONE = re.compile(
    r"(?:(?<![A-Za-z])(?:tel|phone|mobile|cell|cellphone|h\.?p|fax|call|reach me)(?![A-Za-z])"
    r"(?: ?(?:no|nr|number|me|back))?(?: (?:is|at|on))?|(?:연락처|전화|휴대폰|핸드폰|휴대전화|팩스) ?(?:번호)?)"
    r"[ \t:.)(#는은]{0,4}(?P<number>[+(]?\d[\d ().-]{5,16}\d)(?![\dA-Za-z]|[-./:]\d)",
    re.IGNORECASE,
)
_DATE_OR_MACHINE = re.compile(
    r"(?:19|20)\d\d[-./ ]?(?:0?[1-9]|1[0-2])[-./ ]?[0-3]?\d(?!\d{3})|\d{1,3}(?:\.\d{1,3}){3}\Z"
)

_BANKS = "카카오뱅크|토스뱅크|케이뱅크|농협|수협|신협|새마을금고"
# Banks whose names are ordinary words or places too.
_COMMON_BANKS = "국민|신한|하나|우리|기업|부산|대구|광주|제일|씨티"
_BANK_NUMBER = r"(?P<number>\d{2,6}(?:[- ]\d{2,8}){1,4}|\d{10,16})(?![\dA-Za-z]|-\d)"
_BANK_BEFORE = re.compile(
    rf"(?:계좌|은행|{_BANKS}|우체국|(?:{_COMMON_BANKS})(?=[ :]{{0,2}}\d)"
    rf"|(?i:\bbank(?: account)?\b|\baccount (?:no|nr|number)\b))[^\d\n]{{0,20}}?{_BANK_NUMBER}"
)
_BANK_AFTER = re.compile(
    rf"(?<![\dA-Za-z-]){_BANK_NUMBER}[ \t(,]{{1,3}}(?:[가-힣]{{2,4}}은행|{_BANKS}|{_COMMON_BANKS})"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")

_CARD = re.compile(
    r"(?<![A-Za-z0-9-])(?:[2-69]\d{3}(?P<between>[- ]?)\d{4}(?P=between)\d{4}(?P=between)\d{4}"
    r"|3[47]\d\d(?P<amex>[- ]?)\d{6}(?P=amex)\d{5})(?![A-Za-z0-9]|-\d)"
)

_PASSPORT = re.compile(r"(?<![A-Za-z0-9-])M(?:\d{8}|\d{3}[A-Z]\d{4})(?![A-Za-z0-9-])")
_NEAR_PASSPORT = re.compile(
    r"(?:(?i:passport)|여권)[^\n]{0,25}?"
    r"(?<![A-Za-z0-9])(?P<number>[A-Z]{1,2}\d{6,8}[A-Z]?|[A-Z]{1,2}\d{3}[A-Z]\d{4}|\d{9})(?![A-Za-z0-9-])"
)


def has_long_number(text: str) -> bool:
    """Tell whether the text holds as many digits together as the shortest of these numbers."""
    return _SEVEN_DIGITS.search(text) is not None


def find_resident_numbers(text: str) -> Iterator[Span]:
    """Yield resident and foreigner registration numbers.

    Those given out since October 2020 carry no check digit, so a plausible date and century tell them.
    """
    for match in _RESIDENT_NUMBER.finditer(text):
        if int(match["day"]) > _DAYS_OF_MONTH[int(match["month"]) - 1] or _is_reference(text, match.start()):
            continue
        if match["hyphen"].strip() or _century_is_plausible(match):
            yield match.span()


def find_phone_numbers(text: str) -> Iterator[Span]:
    """Yield phone numbers: Korean mobiles and land lines, international ones, others after a word that says so."""
    for pattern in (_KOREAN_MOBILE, _LAND_LINE, _NORTH_AMERICAN):
        for match in pattern.finditer(text):
            if not _is_reference(text, match.start()):
                yield match.span()
    for match in _INTERNATIONAL.finditer(text):
        if 8 <= _digit_count(match.group()) <= 15:
            yield match.span()
    for match in _LABELLED_PHONE.finditer(text):
        if 7 <= _digit_count(match["number"]) <= 15 and not _DATE_OR_MACHINE.match(match["number"]):
            yield match.span("number")


def find_account_numbers(text: str) -> Iterator[Span]:
    """Yield bank account numbers: digits beside a bank's name or the word for account, and valid IBANs."""
    for pattern in (_BANK_BEFORE, _BANK_AFTER):
        for match in pattern.finditer(text):
            number = match["number"]
            if 10 <= _digit_count(number) <= 16 and not _DATE_OR_MACHINE.match(number) and not number.startswith("01"):
                yield match.span("number")
    for match in _IBAN.finditer(text):
        if _iban_is_valid(match.group().replace(" ", "")):
            yield match.span()


def find_card_numbers(text: str) -> Iterator[Span]:
    """Yield payment card numbers whose check digit (Luhn) is right."""
    for match in _CARD.finditer(text):
        if _luhn_is_valid(match.group()) and not _is_reference(text, match.start()):
            yield match.span()


def find_passport_numbers(text: str) -> Iterator[Span]:
    """Yield Korean passport numbers, and those of other states near the word passport."""
    for match in _PASSPORT.finditer(text):
        if not _is_reference(text, match.start()):
            yield match.span()
    for match in _NEAR_PASSPORT.finditer(text):
        yield match.span("number")


def _is_reference(text: str, start: int) -> bool:
    return _REFERENCE_WORD.search(text[max(0, start - _REFERENCE_WINDOW) : start]) is not None


def _century_is_plausible(match: re.Match[str]) -> bool:
    """Tell whether the digit for century and sex goes with the year (1, 2, 5, 6: 19.., 3, 4, 7, 8: 20..)."""
    century_digit = match.group()[6 + len(match["hyphen"])]
    return century_digit in "1256" or int(match.group()[:2]) <= _LATEST_BIRTH_YEAR


def _digit_count(number: str) -> int:
    return sum(sign.isdigit() for sign in number)


def _luhn_is_valid(number: str) -> bool:
    total = 0
    for place, sign in enumerate(reversed([sign for sign in number if sign.isdigit()])):
        digit = int(sign) * (1 + place % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def _iban_is_valid(number: str) -> bool:
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1
