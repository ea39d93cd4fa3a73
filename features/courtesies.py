"""What people and mail programs put around a message: greetings, closings, signatures, legal footers.

Takes off only what it recognises, from the two ends of a message inwards; in doubt a line stays.
Knows nothing of quoted history or logs.
"""

from __future__ import annotations

import re

from features.person_names import is_korean_name

_MOST_SIGNATURE_LINES = 12
_MOST_NAME_BLOCK_LINES = 6
_LONGEST_SIGNATURE_LINE = 90
_LONGEST_NAME_LINE = 45
_CLOSING_WINDOW = 80

_FOOTER_HINTS = (
    *("confidential", "intended", "privileged", "disclaimer", "in error", "before printing", "from outside"),
    *("수신인", "수신자", "기밀", "무단", "외부에서"),
)
_FOOTER_START = re.compile(
    r"[*\[(=_-]{0,5}\b(?:(?:confidentiality|legal|privacy) (?:notice|note|disclaimer|warning)|(?:legal )?disclaimer ?:"
    r"|the (?:information|contents?)(?: contained)? in this (?:e-?mail|message)"
    r"|this (?:e-?mail|message|communication|transmission)\b|if you (?:are not the|have received this)"
    r"|please consider the environment)|(?:본|이) ?(?:전자 ?우편|e-?mail|이?메일|메시지)(?:은|는|에는|에|과|의|을|를)",
    re.IGNORECASE,
)
# What makes a sentence about this message a footer; it stands near its start.
_FOOTER_SIGNAL = re.compile(
    r"intended (?:solely|only|recipient|for|exclusively)|privileged|may contain confidential"
    r"|(?:received|sent) (?:\w+ ){0,3}in error|named (?:recipient|addressee)|solely for the|before printing"
    r"|수신인|수신자|지정된|무단|관련 ?법|부정경쟁|통신비밀|(?:기밀|비밀)\w* ?(?:정보|내용|사항)",
    re.IGNORECASE,
)
_FOOTER_SIGNAL_WINDOW = 300
_BANNER = re.compile(
    r"^(?=[^\n]{0,60}(?:caution|warning|external|this e-?mail|this message|주의|본 메일|이 메일))[^\n]{0,80}"
    r"(?:(?:originated|sent|came|comes) from outside (?:of )?(?:the|your|our)? ?(?:organi[sz]ation|company)"
    r"|외부에서 (?:발송|수신|유입)된)[^\n]{0,160}$",
    re.IGNORECASE | re.MULTILINE,
)

_MOBILE = re.compile(
    r"^[ \t]*(?:sent (?:from|via) (?:my |the |a |outlook|mail for|galaxy|samsung|iphone|yahoo|gmail)[^\n]{0,40}"
    r"|get outlook for (?:ios|android)[^\n]{0,60}"
    r"|(?:나의 |내 )?(?:iphone|ipad|아이폰|아이패드|galaxy|갤럭시|삼성|안드로이드|휴대폰|모바일|android)[^\n]{0,20}"
    r"에서 ?(?:보냄|보낸|발송|전송)[^\n]{0,20}|[^\n]{0,20}(?:메일|mail) ?앱에서 ?(?:보냄|보낸)[^\n]{0,20})$"
    r"|(?<=\s)sent from my (?:iphone|ipad|android|galaxy|samsung|mobile|phone|blackberry)[^\n]{0,30}\Z",
    re.IGNORECASE | re.MULTILINE,
)

_ENGLISH_CLOSING = (
    r"(?i:(?<![\w-])(?:(?:with )?(?:best|kind|kindest|warm|warmest|many) ){0,2}"
    r"(?:regards|thanks|thank you|thankyou|thx|tks|cheers|sincerely|rgds|brgds|br|wishes|respectfully|best"
    r"|yours (?:sincerely|faithfully|truly))(?: (?:a lot|so much|very much|in advance|again"
    r"|for your (?:help|support|time|assistance)|(?:and|&) (?:best |kind )?regards))*)"
)
_GOOD_DAY = r"(?:좋은|즐거운) 하루 ?(?:되세요|보내세요|되십시오)"
_KOREAN_CLOSING = (
    rf"(?:(?:늘|항상|미리|그럼|오늘도|정말|대단히|진심으로|다시 ?한번|이만|언제나|매번|모두|{_GOOD_DAY}[.!~]*)[ ,]?)*"
    rf"(?:감사합니다|감사드립니다|감사드려요|감사해요|고맙습니다|고마워요|땡큐"
    rf"|수고 ?(?:하세요|하십시오|하십쇼|하셔요)|{_GOOD_DAY})"
)
_FADING = r"[\s.,!~^:;)(ㅎㅠㅜㅋ♡*_♥☺-]*"
_FADING_AT_START = r"[\s.,!?~^:;)ㅎㅠㅜㅋ♡♥☺]*"
_CLOSING_LINE = re.compile(rf"[ \t]*(?:{_ENGLISH_CLOSING}(?:[,.]? [A-Z][\w'-]+){{0,3}}|{_KOREAN_CLOSING}){_FADING}")
# At the end of a sentence; not the thanks of "답변 주시면 감사합니다".
_CLOSING_TAIL = re.compile(
    rf"(?:\A|(?<=[\s.,!?])|(?<=[다요까죠네음임ㅠㅜㅎㅋ^)]))"
    rf"(?:{_ENGLISH_CLOSING}|(?<!면 )(?<!해 )(?<!에 )(?<!면)(?<!답변 )(?<!말씀 ){_KOREAN_CLOSING}){_FADING}\Z"
)
_TITLES = "사원|주임|대리|과장|차장|부장|팀장|책임|선임|수석|매니저|프로|연구원|이사"
# "영업팀 홍길동 드림", "홍길동 과장 올림"; a name must stand before: not "반올림", "피해 배상", "파일 올림".
_OFFER = (
    rf"(?:[가-힣A-Za-z0-9()/·&]{{1,15}} ){{0,3}}(?P<name>[가-힣]{{2,4}}?)(?: ?(?:{_TITLES}))?"
    r" ?(?:드림|올림|배상|拜上)[.!~ ]*"
)
_OFFERED = re.compile(_OFFER)
_OFFERED_TAIL = re.compile(rf"(?<=[.!?~\n])[ \t]*{_OFFER}\Z")
_LIST_ITEM = re.compile(r"[ \t]*(?:\d+[.)]|[-*•])")
_SIGNATURE_MARK = re.compile(r"-- ?|—|__")

# Lines that only a signature has.
_CONTACT_LINE = re.compile(
    r"[ \t*|·]*(?:(?:t|tel|phone|mobile|cell|m|e|e-?mail|mail|f|fax|w|web|h\.?p|o|office|ext|전화|휴대폰|핸드폰|연락처"
    r"|이메일|메일|팩스|내선|주소|직통)[ .:)|]+[^\n]*|[^\n]{0,30}(?:\[phone\]|\[email\]"
    r"|[\w.+-]{1,64}@[\w-]{1,60}\.[\w.-]{2,60}|\+?\(?\d{2,4}\)?[ .-]\d{3,4}[ .-]\d{3,4})[^\n]{0,40}"
    r"|(?:https?://|www\.)[\w./-]+)",
    re.IGNORECASE,
)
_KOREAN_TITLE_LINE = re.compile(
    r"(?=[^\n]{2,45}\Z)[^\n]*(?:팀|부|실|본부|센터|그룹|지사|지점|공장|연구소|㈜|\(주\)|주식회사|실장|본부장|상무|전무"
    rf"|{_TITLES})"
)
_KOREAN_TEAM_AND_NAME = re.compile(
    r"(?:[가-힣A-Za-z0-9&·]{1,14} ){0,2}[가-힣A-Za-z0-9&·]{1,12}[팀부실사점과장소] ?[|/,]? ?(?P<name>[가-힣]{2,4})"
    rf"(?: ?(?:{_TITLES}))?"
)
_ENGLISH_NAME_LINE = re.compile(
    r"[A-Z][\w.'’&-]*(?:(?: ?[,/|·-] ?| )(?:[A-Z][\w.'’&()-]*|of|and|&|the|for|van|de|der|bin)){0,7}\.?"
)
_ENGLISH_TITLE = re.compile(
    r"\b(?:Manager|Lead|Leader|Head|Engineer|Analyst|Director|Officer|Specialist|Consultant|Assistant|Administrator"
    r"|Supervisor|Coordinator|Intern|Developer|Accountant|HR|Ltd|Inc|GmbH|Co|B\.V|Pte|LLC|Corp)\b|\|"
)
_ADDRESS_LINE = re.compile(r"\d{1,5}[A-Za-z]?[ ,][\w ,.#/()-]{4,70},[\w ,.#()-]{2,40}")
# A line with trouble in it is no signature, whatever else it looks like.
_TROUBLE = re.compile(
    r"(?i:error|fail|exception|denied|refused|timeout|urgent|asap|issue|problem|not |crash|invalid|missing|please"
    r"|\bps\b|p\.s)|0x|오류|에러|실패|안됨|안 ?[되돼]|불가|긴급|장애|추신|[?]"
)

_ENGLISH_OPENING = re.compile(
    r"(?i:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day))\b"
    r"(?:(?i:[ \t]+(?:all|team|there|everyone|everybody|guys|folks|colleagues?|support|sirs?|madam|or|it|help ?desk"
    r"|service ?desk|desk|admins?|again)\b)*"
    r"|[ \t]+(?:(?i:mr|ms|mrs|dr|prof)\b\.?[ \t]+)?(?!World)[A-Z][\w'-]{1,20}(?:[ \t][A-Z][\w'-]{1,20})?"
    r"(?=[ \t]*[,!:\n–]))[ \t]*(?:[,!:;–—]+|\.+(?=\s|\Z)|-+(?=\s)|(?=\n)|\Z)\s*"
)
_KOREAN_OPENING = re.compile(
    r"(?:[가-힣A-Za-z0-9]{1,10}(?: [가-힣]{1,6})?님(?:들)?(?:께)?[\s,.!~]{1,3})?"
    r"(?:안녕하(?:세요|십니까|신가요|신지요|셔요|세용|새요|십니가)"
    r"|수고 ?(?:하십니다|하세요|많으십니다|많으세요|가 많으십니다|가 많으세요|하시네요)"
    r"|고생 ?(?:많으십니다|많으세요|하십니다)|감사합니다(?=[.!~\n]))(?=[\s,.!?~^:;)ㅎㅋㅠ]|\Z)"
    rf"{_FADING_AT_START}(?:(?:[가-힣A-Za-z0-9]{{1,10}} ?){{1,2}}님(?:들)?(?:[,.!~]+|\n|\Z){_FADING_AT_START})?"
)


def strip_courtesies(message: str) -> str:
    """Return the message without footers, signature, greeting and closing."""
    text = _without_footers(message)
    if "\n" in text or "sent from" in text.lower():
        text = _MOBILE.sub("", text)
    if "\n" in text:
        text = "\n".join(_without_signature(text.strip().split("\n")))
    return _without_closing(_without_opening(text.strip())).strip()


def _without_footers(text: str) -> str:
    lowered = text.lower()
    if not any(hint in lowered for hint in _FOOTER_HINTS):
        return text
    paragraphs = _BANNER.sub("", text).split("\n\n")
    return "\n\n".join(_before_footer(paragraph) for paragraph in paragraphs)


def _before_footer(paragraph: str) -> str:
    for match in _FOOTER_START.finditer(paragraph):
        if _FOOTER_SIGNAL.search(paragraph, match.start(), match.start() + _FOOTER_SIGNAL_WINDOW):
            return paragraph[: match.start()].rstrip(" *-_=")
    return paragraph


def _without_signature(lines: list[str]) -> list[str]:
    """Return the lines before the mark, the closing or the name block with which the message ends."""
    end = len(lines)
    for index in range(max(1, end - _MOST_SIGNATURE_LINES - 1), end):
        if _SIGNATURE_MARK.fullmatch(lines[index].rstrip()) and _fit_a_signature(lines[index + 1 :]):
            return lines[:index]
    cut = end
    for index in range(end - 1, max(-1, end - _MOST_SIGNATURE_LINES - 1), -1):
        line = lines[index].strip()
        if _CLOSING_LINE.fullmatch(line) or _is_offered(line):
            cut = index
        elif index < end - 1 and _CLOSING_TAIL.search(line, max(0, len(line) - _CLOSING_WINDOW)):
            cut = index + 1
            break
        elif line and not _is_signature_line(line):
            break
    return lines[:cut] if cut < end else _without_name_block(lines)


def _fit_a_signature(lines: list[str]) -> bool:
    """Tell whether lines after a signature mark are short and begin with something like a name."""
    written = [line for line in lines if line.strip()]
    if not written or len(written[0]) > _LONGEST_NAME_LINE or _LIST_ITEM.match(written[0]):
        return not written
    return all(len(line) <= _LONGEST_SIGNATURE_LINE and not _TROUBLE.search(line) for line in written)


def _without_name_block(lines: list[str]) -> list[str]:
    """Return the lines without a last paragraph that holds a name and how to reach it."""
    if "" not in lines:
        return lines
    start = len(lines) - lines[::-1].index("")
    block = [line.strip() for line in lines[start:]]
    if not 1 <= len(block) <= _MOST_NAME_BLOCK_LINES or not all(map(_is_signature_line, block)):
        return lines
    team_and_name = _KOREAN_TEAM_AND_NAME.fullmatch(block[0])
    is_named = team_and_name is not None and is_korean_name(team_and_name["name"])
    is_reachable = any(map(_CONTACT_LINE.fullmatch, block[1:]))
    is_titled = _ENGLISH_NAME_LINE.fullmatch(block[0]) is not None and any(map(_ENGLISH_TITLE.search, block))
    return lines[:start] if is_named or is_reachable or is_titled else lines


def _is_signature_line(line: str) -> bool:
    if len(line) > _LONGEST_SIGNATURE_LINE or _TROUBLE.search(line):
        return False
    return bool(
        _CONTACT_LINE.fullmatch(line)
        or _ENGLISH_NAME_LINE.fullmatch(line)
        or is_korean_name(line)
        or _KOREAN_TITLE_LINE.fullmatch(line)
        or _KOREAN_TEAM_AND_NAME.fullmatch(line)
        or _ADDRESS_LINE.fullmatch(line)
    )


def _is_offered(line: str) -> bool:
    match = _OFFERED.fullmatch(line)
    return bool(match and is_korean_name(match["name"]))


def _without_opening(text: str) -> str:
    start = 0
    while match := _KOREAN_OPENING.match(text, start) or _ENGLISH_OPENING.match(text, start):
        if match.end() == start:
            break
        start = match.end()
    return text[start:]


def _without_closing(text: str) -> str:
    end = len(text)
    while match := _closing(text, end):
        end = match.start()
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end]


def _closing(text: str, end: int) -> re.Match[str] | None:
    """Return the closing or the name offered with which the text ends before `end`."""
    window = max(0, end - _CLOSING_WINDOW)
    if match := _CLOSING_TAIL.search(text, window, end):
        return match if match.start() < end else None
    match = _OFFERED_TAIL.search(text, window, end)
    return match if match and is_korean_name(match["name"]) else None
