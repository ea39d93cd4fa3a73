"""Logs and stack traces in a text, shortened to what tells one failure from another.

The exception, error lines and the first and last frames stay; what a person wrote is never touched.
"""

from __future__ import annotations

import itertools
import re

MOST_LOG_LINES = 12
_FRAMES_KEPT_AT_EACH_END = 2
_MOST_OWN_FRAMES = 4
_LEAST_STAMPED_LINES = 4
_LEAST_LINES = 5
_LONGEST_KEY = 160

_STAMP = re.compile(
    r"[ \t]*[\[(<]{0,2}"
    r"(?:(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|[A-Z][a-z]{2} {1,2}\d{1,2})[T ,]{1,2})?"
    r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?:Z| ?[+-]\d{2}:?\d{2})?(?: ?[AP]M)?[\])>]{0,2}[ \t:|,-]*"
)
_LEVELS = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE"
_LEVEL = re.compile(rf"[ \t]*[\[(]?(?:{_LEVELS})\b[\])]?[ :\]|-]")
# What programs write and people in a chat with time stamps do not.
_MACHINE = re.compile(rf"\b(?:{_LEVELS})\b|[=\[{{]|::|\w\.\w+\.\w|/\w+/|\\\w+\\|\w\[\d+\]")
_PROBLEM = re.compile(
    r"err(?:or)?\b|error|fail|exception|fatal|severe|critical|warn|denied|refused|time[d -]{0,2}out|unreachable|abort"
    r"|panic|cannot|unable|invalid|not found|rejected|오류|에러|실패|거부|불가|경고|초과",
    re.IGNORECASE,
)
_CHANGING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,}\b|\d+")

_PYTHON_FRAME = re.compile(r"[ \t]+File \"")
_FRAME = re.compile(
    r"[ \t]*(?:at (?:[\w$.<>/`+\[\]@-]{1,200}\(|[\w$.<>\[\] ]{1,80} \(|(?:file|https?|node|webpack)[:/]\S)"
    r"|위치: \S+\(|\.{3} \d+ (?:more|common))"
)
# Frames of other people's code: installed packages, the language's own library, the runtime.
_LIBRARY = re.compile(
    r"site-packages|dist-packages|node_modules|node:|[/\\][Ll]ib[/\\]|[/\\]python3|importlib|<frozen|File \"\""
    r"|at (?:java|javax|jdk|sun|com\.sun|org\.(?:apache|spring|hibernate|junit)|io\.netty|kotlin|scala|System"
    r"|Microsoft)[.\w]*\."
)
# Further lines that programs write: the exception itself, `process[1881]: `, `Key:     value` and `Key . . . : value`,
# JSON, an access log.
_OTHER_ENTRY = re.compile(
    r"[ \t]*(?:Caused by: |Traceback \(most|(?:[\w$]+\.)*[\w$]*(?:Error|Exception)\b(?::|$)"
    r"|(?:[\w.-]+ ){0,2}[\w./-]+\[\d+\]: |[A-Z][\w -]{1,40}(?::[ \t]{2,}\S|(?: ?\.){2,} ?:)|\{\""
    r"|\d{1,3}(?:\.\d{1,3}){3} \S+ \S+ \[)"
)
_LEAST_ENTRIES_OF_A_LOG = 2
_LEAST_SHARE_OF_ENTRIES = 1 / 3
_KOREAN = re.compile("[가-힣]")
_CODE_UNDER_FRAME = re.compile(r"[ \t]{4,}\S|[ \t]*[~^]+\Z")
_NOTEBOOK_CONTEXT = re.compile(r"[ \t]{1,8}\d+(?: .*)?\Z")
_NOTEBOOK_TRACE = re.compile(r".*Traceback \(most recent call last\)")
_NOTEBOOK_ARROW = re.compile(r"-{2,}> ?\d+")
_MOST_NOTEBOOK_LINES = 12


def shorten_logs(text: str) -> str:
    """Return the text with long stack traces and logs cut to their telling lines."""
    if text.count("\n") + 1 < _LEAST_LINES:
        return text
    lines = text.split("\n")
    if "Traceback" in text or 'File "' in text or "at " in text or "위치: " in text:
        lines = _with_fewer_frames(_without_notebook_context(lines))
    return "\n".join(_with_fewer_log_lines(lines))


def marked_lines(text: str) -> list[tuple[str, bool]]:
    """Return the lines of a text, each with whether it stands in a log or a stack trace.

    A log is a run of lines without Korean and without a gap, from its first entry on, where two lines and every third
    look like entries.
    """
    marked: list[tuple[str, bool]] = []
    for is_foreign, run in itertools.groupby(text.split("\n"), key=_may_be_of_a_log):
        lines = list(run)
        entries = [number for number, line in enumerate(lines) if _is_entry(line)] if is_foreign else []
        is_log = len(entries) >= max(_LEAST_ENTRIES_OF_A_LOG, _LEAST_SHARE_OF_ENTRIES * len(lines))
        marked += [(line, is_log and number >= entries[0]) for number, line in enumerate(lines)]
    return marked


def _may_be_of_a_log(line: str) -> bool:
    return bool(line) and not line.isspace() and (line.isascii() or not _KOREAN.search(line))


def _is_entry(line: str) -> bool:
    if _LEVEL.match(line) or _FRAME.match(line) or _PYTHON_FRAME.match(line) or _OTHER_ENTRY.match(line):
        return True
    return bool(_STAMP.match(line)) and bool(_MACHINE.search(line))


def _with_fewer_frames(lines: list[str]) -> list[str]:
    kept: list[str] = []
    frames: list[list[str]] = []
    for line in lines:
        if _PYTHON_FRAME.match(line) or _FRAME.match(line):
            frames.append([line])
        elif frames and _PYTHON_FRAME.match(frames[-1][0]) and _CODE_UNDER_FRAME.match(line):
            frames[-1].append(line)
        else:
            kept += _ends_of(frames)
            frames = []
            kept.append(line)
    return kept + _ends_of(frames)


def _ends_of(frames: list[list[str]]) -> list[str]:
    """Return the lines of the first and last frames, and of those in the writer's own code."""
    last = len(frames) - _FRAMES_KEPT_AT_EACH_END
    own = [index for index, frame in enumerate(frames) if not _LIBRARY.search(frame[0])][:_MOST_OWN_FRAMES]
    kept = {*range(_FRAMES_KEPT_AT_EACH_END), *range(last, len(frames)), *own}
    return [line for index, frame in enumerate(frames) if index in kept for line in frame]


def _without_notebook_context(lines: list[str]) -> list[str]:
    """Return the lines without the numbered code around the arrows of a long notebook traceback."""
    start = next((index for index, line in enumerate(lines) if _NOTEBOOK_TRACE.match(line)), None)
    if start is None or sum(bool(_NOTEBOOK_ARROW.match(line)) for line in lines[start:]) < 2:
        return lines
    context = [index for index in range(start, len(lines)) if _NOTEBOOK_CONTEXT.match(lines[index])]
    if len(context) <= _MOST_NOTEBOOK_LINES:
        return lines
    dropped = set(context)
    return [line for index, line in enumerate(lines) if index not in dropped]


def _with_fewer_log_lines(lines: list[str]) -> list[str]:
    """Return the lines with log entries stripped of their time stamps, each kind of entry once."""
    stamps = {
        index: match for index, line in enumerate(lines) if (match := _STAMP.match(line)) and match.end() < len(line)
    }
    entries = [index for index, line in enumerate(lines) if index in stamps or _LEVEL.match(line)]
    if len(stamps) < _LEAST_STAMPED_LINES and len(entries) <= MOST_LOG_LINES:
        return lines
    if 2 * sum(bool(_MACHINE.search(lines[index])) for index in entries) < len(entries):
        return lines
    first_of_kind: dict[str, int] = {}
    messages = {index: lines[index][stamps[index].end() :] if index in stamps else lines[index] for index in entries}
    for index, message in messages.items():
        first_of_kind.setdefault(_CHANGING.sub("#", message)[:_LONGEST_KEY], index)
    chosen = _telling(list(first_of_kind.values()), messages)
    # The first stamp stays: when it happened is part of the report.
    messages[entries[0]] = lines[entries[0]]
    return [messages.get(index, line) for index, line in enumerate(lines) if index not in messages or index in chosen]


def _telling(entries: list[int], messages: dict[int, str]) -> set[int]:
    if len(entries) <= MOST_LOG_LINES:
        return set(entries)
    problems = [index for index in entries if _PROBLEM.search(messages[index])] or entries
    if len(problems) <= MOST_LOG_LINES:
        return set(problems)
    return set(problems[: MOST_LOG_LINES // 2] + problems[-MOST_LOG_LINES // 2 :])
