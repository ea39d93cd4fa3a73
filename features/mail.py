"""The history that a mail carries: quoted replies and forwarded originals, their headers and separators.

A covering text that says something stands for itself and the history goes; where it says little
("전달드립니다, 처리 요청드려요", "FYI"), the original is the ticket and stays, its subject first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from features.courtesies import strip_courtesies

_HINTS = (
    *("from", "wrote", "schrieb", "original", "forward", "subject", "\n>", "\n >"),
    *("보낸", "발신", "작성", "쓴 글", "썼", "원본", "전달", "받는"),
)
_MOST_HEADER_LINES = 24
_LONGEST_COVER = 240
_LONGEST_ATTRIBUTION = 250
_LEAST_QUOTED_CHARACTERS = 30

_REPLY_PREFIX = re.compile(
    r"\s*(?:(?:(?:re|fw|fwd|aw|wg|답장|회신|전달)(?:\[\d+\])? ?:"
    r"|\[(?:ext|external|external mail|외부|외부 ?메일|외부 ?발신)\])\s*)+",
    re.IGNORECASE,
)

_SEPARATOR = re.compile(
    r"[ \t>*]*(?:[-=_*]{2,} ?(?:original (?:message|appointment|mail)|forwarded (?:message|mail|by [^-=]{0,60})"
    r"|원본 ?(?:메시지|메일)|전달된? ?(?:메시지|메일)|이전 ?메일) ?[-=_*]{2,}"
    r"|begin forwarded message ?:|전달된 메시지 ?:)[ \t]*",
    re.IGNORECASE,
)
_ATTRIBUTION_END = re.compile(
    r"(?:\bwrote|\bschrieb|작성|님이 쓴 글|썼습니다|작성했습니다|작성하였습니다) ?:\Z", re.IGNORECASE
)
_ATTRIBUTION_START = re.compile(r"[ \t]*on\b.{0,80}\d", re.IGNORECASE)
_YEAR_OR_ADDRESS = re.compile(r"\d{4}|\S@\S|\[email\]")

_HEADERS = {
    "from": "from 보낸사람 보낸이 발신 발신자 발신인",
    "to": "to 받는사람 받은사람 받는이 수신 수신자 수신인",
    "cc": "cc bcc reply-to 참조 숨은참조",
    "date": "sent date 날짜 일시 보낸날짜 보낸시간 받은날짜",
    "subject": "subject 제목",
    "other": "importance attachments 중요도 첨부 첨부파일",
}
_HEADER_KINDS = {name: kind for kind, names in _HEADERS.items() for name in names.split()}
_HEADER = re.compile(
    r"[ \t*>|]{0,6}(?P<name>from|to|cc|bcc|reply-to|sent|date|subject|importance|attachments"
    r"|보낸 ?(?:사람|이|날짜|시간)|받는 ?(?:사람|이)|받은 ?(?:사람|날짜)|[수발]신[자인]?|참조|숨은 ?참조|날짜|일시"
    r"|제목|중요도|첨부(?: ?파일)?)\*{0,2}[ \t]{0,4}:\*{0,2}[ \t]*(?P<value>.*)",
    re.IGNORECASE,
)
_HEADERS_ON_ONE_LINE = re.compile(
    r"(?:\bfrom|보낸 ?사람) ?:[^\n]{1,200}?\b(?:to|sent|date|받는 ?사람|보낸 ?날짜) ?:"
    r"[^\n]{1,300}?(?:\bsubject|제목) ?:",
    re.IGNORECASE,
)
_HEADER_INSIDE = re.compile(
    r"[ \t]+(?=(?:from|to|cc|sent|date|subject|보낸 ?(?:사람|날짜)|받는 ?사람|참조|날짜|제목) ?:)", re.IGNORECASE
)

_QUOTE = re.compile(r"[ \t]{0,3}>")
_QUOTE_MARKS = re.compile(r"(?:[ \t]{0,3}>)+[ \t]?")
# The prompt of Python, and what npm prints before it runs a script.
_PROMPT = re.compile(r"[ \t]*>>>|> [\w@/.-]+@\d")

_WORD = re.compile(r"[^\W_]+")
_POINTS_AT_ORIGINAL = re.compile(r"\b(?:fyi|below|fwd?|forward\w*|see)\b|아래|하기|전달|원본|포워", re.IGNORECASE)
_LITTLE_WORDS = """
fyi fya pls plz please kindly handle see below forward forwarded forwarding fwd fw check look looking into take care of
this that the it to for from with can could would will you your help assist thanks thank best kind regards hi hello dear
team all asap as per attached mail email message above following regarding re request customer user client colleague
issue ticket action needed required deal sort out process review advise confirm on at a an and i we me us my our is are
was be have has got received just any someone anyone who need do let know passing along sharing over sent by one in here
appreciate soon possible quickly original cc
이 그 저 제 네 넵 예 위 건 후 및 좀 잘 꼭 팀 다시 혹시 우선 일단
"""
_LITTLE = frozenset(_LITTLE_WORDS.split())
# How a Korean word begins that says nothing of its own when a mail is handed on.
_LITTLE_STEM = re.compile(
    r"전달|포워|공유|참고|참조|처리|확인|검토|조치|부탁|요청|바랍|드립|드려|드리|아래|하기|내용|건입|메일|문의|이메일|원본|첨부|관련|대응"
    r"|답변|회신|지원|도와|도움|해주|주세|주시|주십|빠른|빨리|신속|급하|급히|담당|부서|이관|접수|같이|같은|대로|보시|봐주|해당|한번|합니다"
    r"|입니다|고객|사용자|직원|왔|온|받은|들어온|보내|말씀|바로|저희|안녕|감사|수고|티켓|진행|가능"
)
_MOST_TELLING_WORDS = 1
_MOST_TELLING_WORDS_BESIDE_A_POINTER = 4


@dataclass(slots=True)
class _Part:
    """One message of the chain: the subject its headers give, and its lines."""

    subject: str = ""
    lines: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return subject and message without courtesies."""
        body = strip_courtesies("\n".join(self.lines))
        return f"{self.subject}\n{body}".strip()


def strip_mail(text: str) -> str:
    """Return what is said in a mail: the covering text, or the forwarded original where that says little."""
    prefix = _REPLY_PREFIX.match(text)
    if prefix and prefix.end():
        text = text[prefix.end() :]
    lowered = text.lower()
    if not text.startswith(">") and not any(hint in lowered for hint in _HINTS):
        return strip_courtesies(text)
    parts = _chain(_HEADERS_ON_ONE_LINE.sub(lambda match: _HEADER_INSIDE.sub("\n", match.group()), text))
    said = ""
    for part in parts:
        said = f"{said}\n{part.text()}".strip()
        if not _says_little(said):
            break
    return said


def _chain(text: str) -> list[_Part]:
    """Return the messages of a mail, the newest first."""
    own, quoted = _split_quotes(text.split("\n"))
    parts = [_Part()]
    index = 0
    while index < len(own):
        separator_lines = _separator_length(own, index)
        block = None if separator_lines else _header_block(own, index)
        if separator_lines:
            parts.append(_Part())
            index += separator_lines
        elif block:
            if len(parts) == 1 or parts[-1].subject or any(line.strip() for line in parts[-1].lines):
                parts.append(_Part())
            index, parts[-1].subject = block
        else:
            parts[-1].lines.append(own[index])
            index += 1
    if quoted:
        parts.append(_Part(lines=quoted))
    return parts


def _separator_length(lines: list[str], index: int) -> int:
    """Return how many lines from here on announce an older message (an attribution may be wrapped), or 0."""
    line = lines[index]
    if len(line) > _LONGEST_ATTRIBUTION:
        return 0
    if _SEPARATOR.fullmatch(line) or _is_attribution(line):
        return 1
    if index + 1 < len(lines) and _ATTRIBUTION_START.match(line) and _is_attribution(f"{line} {lines[index + 1]}"):
        return 2
    return 0


def _is_attribution(line: str) -> bool:
    line = line.strip()
    if not line.endswith(":") or len(line) > _LONGEST_ATTRIBUTION or not _ATTRIBUTION_END.search(line):
        return False
    return bool(_ATTRIBUTION_START.match(line) or _YEAR_OR_ADDRESS.search(line))


def _header_block(lines: list[str], start: int) -> tuple[int, str] | None:
    """Return where a block of mail headers that starts here ends, and its subject; None where there is none."""
    first = _HEADER.match(lines[start])
    if not first:
        return None
    values: dict[str, str] = {}
    end = index = start
    kind = ""
    while index < min(len(lines), start + _MOST_HEADER_LINES):
        line = lines[index]
        match = _HEADER.match(line)
        if match:
            kind = _HEADER_KINDS[match["name"].replace(" ", "").lower()]
            if kind in values and kind in ("from", "subject"):
                break
            values[kind] = values.get(kind, "") + match["value"]
        elif line.strip() and not (kind in ("to", "cc") and (line[0] in " \t" or "@" in line or "[email]" in line)):
            break
        index += 1
        if line.strip():
            end = index
    if not _is_mail(values):
        return None
    subject = values.get("subject", "").strip()
    prefix = _REPLY_PREFIX.match(subject)
    return end, subject[prefix.end() :] if prefix else subject


def _is_mail(values: dict[str, str]) -> bool:
    """Tell headers of a mail from a form with a field "제목" or a route from one place to another."""
    if "from" in values:
        has_address = any("@" in values.get(kind, "") or "[email]" in values.get(kind, "") for kind in ("from", "to"))
        return len(values) >= 2 and ("subject" in values or "date" in values or has_address)
    return {"to", "date", "subject"} <= values.keys()


def _split_quotes(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the sender's own lines and the quoted ones, these without their marks."""
    own: list[str] = []
    quoted: list[str] = []
    index = 0
    while index < len(lines):
        if not _QUOTE.match(lines[index]):
            own.append(lines[index])
            index += 1
            continue
        end = index
        while end < len(lines) and _QUOTE.match(lines[end]):
            end += 1
        block = lines[index:end]
        attribution = _attribution_length(own)
        if attribution or _is_quotation(block):
            del own[len(own) - attribution :]
            quoted += [_QUOTE_MARKS.sub("", line, count=1) for line in block]
        else:
            own += block
        index = end
    return own, quoted


def _attribution_length(own: list[str]) -> int:
    """Return how many of the last lines announce the quotation that follows."""
    blanks = 0
    while blanks < len(own) and not own[-1 - blanks].strip():
        blanks += 1
    for length in (2, 1):
        start = len(own) - blanks - length
        if start >= 0 and _separator_length(own, start) == length:
            return blanks + length
    return 0


def _is_quotation(block: list[str]) -> bool:
    """Tell a quoted reply from a prompt, a menu path or the output of a program."""
    if len(block) < 2 or any(_PROMPT.match(line) for line in block):
        return False
    return sum(len(line) for line in block) >= _LEAST_QUOTED_CHARACTERS


def _says_little(cover: str) -> bool:
    """Tell whether a covering text only hands on what follows."""
    if len(cover) > _LONGEST_COVER:
        return False
    words = map(str.lower, _WORD.findall(cover))
    telling = sum(word not in _LITTLE and not _LITTLE_STEM.match(word) for word in words)
    points = _POINTS_AT_ORIGINAL.search(cover) is not None
    return telling <= (_MOST_TELLING_WORDS_BESIDE_A_POINTER if points else _MOST_TELLING_WORDS)
