"""The reasons that the service gives, in Korean. They are recorded in English, beside what they explain.

Owns the sentences of promises that cannot be given, of decisions, rules and fallbacks. What a person wrote, and what
is none of these, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_WANTED = r"at most (?P<error>.+ %) wrong at (?P<confidence>.+ %) confidence"
_WANTED_KOREAN = "신뢰도 {confidence}에서 오류 {error} 이하라는 약속을 할 수 없습니다"
_KINDS: Mapping[str, str] = {
    "automatic reply": "자동 회신",
    "delivery failure": "배달 실패 알림",
    "monitoring alarm": "모니터링 경보",
    "calendar notice": "일정 알림",
    "newsletter": "뉴스레터",
    "category": "분류",
    "group": "그룹",
}
_SENTENCES: Mapping[str, str] = {
    # Why no promise is given.
    rf"No promise of {_WANTED}: it takes (?P<least>[\d,]+) error-free tickets at least, "
    r"the evidence has (?P<sure>[\d,]+) sure\.": (
        f"{_WANTED_KOREAN}: 오류 없는 문의가 적어도 {{least}}건 필요한데 "
        "근거 자료에 모델이 충분히 확신한 것은 {sure}건입니다."
    ),
    r"No promise on urgent tickets: it takes (?P<needed>[\d,]+) of them at least, "
    r"the evidence has (?P<urgent>[\d,]+)\.": (
        "긴급한 문의에 대한 약속을 할 수 없습니다: 적어도 {needed}건 필요한데 근거 자료에는 {urgent}건이 있습니다."
    ),
    rf"No promise of {_WANTED}: the (?P<tickets>[\d,]+) tickets of the evidence do not show it\.": (
        f"{_WANTED_KOREAN}: 근거 자료의 문의 {{tickets}}건이 이를 보여 주지 못합니다."
    ),
    # Why something does not run unattended.
    r"no promise has been made for this target": "이 대상에는 약속이 없습니다",
    r"audits found the promise broken: nothing runs unattended until a person resumes it": (
        "감사에서 약속이 깨진 것으로 드러나, 담당자가 다시 켤 때까지 자동 처리하지 않습니다"
    ),
    r"a person has switched unattended decisions off for this target": "담당자가 이 대상의 자동 처리를 껐습니다",
    r"a person has switched unattended decisions off for this requester": (
        "담당자가 이 요청자의 문의에 대해 자동 처리를 껐습니다"
    ),
    r"a person has switched unattended decisions off for the (?P<kind>category|group) '(?P<label>.+)'": (
        "담당자가 {kind} ‘{label}’의 자동 처리를 껐습니다"
    ),
    r"the promise cannot be kept for '(?P<label>.+)'": "‘{label}’에는 약속을 지킬 수 없습니다",
    r"below (?P<share>[\d.]+): more likely wrong than right": "확률이 {share} 미만이라 맞기보다 틀리기 쉽습니다",
    r"below the threshold (?P<share>[\d.]+)": "확률이 기준 {share} 미만입니다",
    r"at or above the threshold (?P<share>[\d.]+)": "확률이 기준 {share} 이상입니다",
    r"'(?P<label>.+)' is expected to cost less than '(?P<likeliest>.+)': "
    r"each step too low costs (?P<low>[\d.e+-]+), each step too high (?P<high>[\d.e+-]+)": (
        "‘{likeliest}’보다 ‘{label}’의 예상 비용이 낮습니다: "
        "한 단계 낮게 매기면 {low}, 한 단계 높게 매기면 {high}의 비용이 듭니다"
    ),
    r"unlike the tickets that the model was trained on": "모델이 학습한 문의와 다릅니다",
    rf"out of scope: (?P<kind>{'|'.join(_KINDS)}), told by .+": "도움을 청하는 문의가 아닙니다: {kind}",
    r"the rule '(?P<rule>.+)' says so": "규칙 ‘{rule}’에 따릅니다",
    r"the rule '(?P<rule>.+)' lets nothing run unattended here": "규칙 ‘{rule}’이 자동 처리를 막습니다",
    # Why a promise fell back.
    r"Of (?P<audits>\d+) audited decisions of version (?P<version>.+) (?P<wrong>\d+) were wrong; "
    r"at most (?P<error>[\d.]+%) were promised\.": (
        "감사한 버전 {version}의 결정 {audits}건 중 {wrong}건이 틀렸습니다. 약속은 {error} 이하였습니다."
    ),
    r"Of (?P<audits>\d+) audited urgent tickets of version (?P<version>.+) (?P<wrong>\d+) were put lower unattended; "
    r"at most (?P<error>[\d.]+%) were promised\.": (
        "버전 {version}이 답한 긴급한 문의 중 감사한 {audits}건에서 {wrong}건이 자동으로 더 낮게 매겨졌습니다. "
        "약속은 {error} 이하였습니다."
    ),
}
_PATTERNS = [(re.compile(english), korean) for english, korean in _SENTENCES.items()]


def in_korean(sentence: str) -> str:
    """Return a reason in Korean, or the sentence itself where it is none that the service gives."""
    for pattern, korean in _PATTERNS:
        found = pattern.fullmatch(sentence)
        if found is not None:
            return korean.format(**{name: _KINDS.get(said, said) for name, said in found.groupdict().items()})
    return sentence
