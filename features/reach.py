"""For how many something is broken, as far as a ticket says so: for many, or for the writer alone.

Words for it are many and each is rare, in two languages; told as one field, what a history teaches of one of them holds
for all. What the field is worth is learned, and nothing is decided here.
"""

from __future__ import annotations

import re
from enum import StrEnum

# The field of a ticket that says so.
REACH = "reach"


class Reach(StrEnum):
    """Whom a ticket says to be affected."""

    MANY = "many"
    ONE = "one"


# "All" and 전체 say "all of the pages" as often as "all of the people": people or a place must be named with them.
_PEOPLE = (
    r"(?:users?|employees?|staff|people|colleagues?|members?|agents?|operators?|drivers?|customers?|teams?"
    r"|departments?|of us|offices?|sites?|branch(?:es)?|stores?|shops?|plants?|warehouses?|factory|factories|floors?"
    r"|buildings?|company|shift|lines?|stations?|terminals?|scanners?|printers?|pcs|computers|laptops|devices"
    r"|machines|phones)"
)
_KOREAN_PEOPLE = (
    r"(?:직원|사원|임직원|사람|사용자|팀원|인원|부서|팀|매장|지점|공장|사무실|라인|기사|작업자|단말기|프린터|PC)"
)
# Of a system as a whole, too: it serves more than one.
_KOREAN_PLACE = (
    r"(?:팀|부서|사무실|회사|공장|층|본사|지사|지점|매장|물류센터|창고|라인|현장|직원|팀원|단말기|프린터"
    r"|네트워크|인터넷|서버|시스템|전산망)"
)
_MANY = re.compile(
    r"\b(?:everyone|everybody|nobody|no[ -]one|anyone|anybody|(?:company|site|office|plant)[ -]wide"
    r"|(?:all|every|each|whole|entire|many|most|several|multiple)(?: (?:of|the|our|my|other))*"
    rf"(?: [\w-]+){{0,2}} {_PEOPLE}|we all|all of us|none of us)\b"
    rf"|(?:전|모든|많은|여러|다른) ?{_KOREAN_PEOPLE}"
    rf"|{_KOREAN_PLACE}(?:이|가|은|는|의|에서)? ?(?:전체|전부|모두|전원|다들)"
    r"|전사(?![가-힣])|전원(?:이|은|에게)|다들|모두가|아무도|여러 ?(?:명|사람)"
    r"|(?<!\d)(?:[2-9]|\d{2,5}) ?명(?![가-힣]{2})",
    re.IGNORECASE,
)
_ONE = re.compile(
    r"\b(?:only (?:for )?me|just me|only (?:my|on my)|works for (?:everyone|everybody|my colleagues?|others?))\b"
    r"|저만|나만|제 ?것만|제 ?(?:PC|노트북|자리|컴퓨터|계정|폰|휴대폰)(?:에서)?만",
    re.IGNORECASE,
)


def reach_of(text: str) -> Reach | None:
    """Return for whom a text says that something is broken, or None where it says nothing of that."""
    if _ONE.search(text):
        return Reach.ONE
    return Reach.MANY if _MANY.search(text) else None
