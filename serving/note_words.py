"""The words of an internal note in Korean and English: each line of it from the values it tells.

Knows which words to use and no limits: what is worth saying is `serving.note_content`, what stands where is
`serving.notes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from serving.note_content import NotedArticle, NotedTicket, Occasion, TargetLine
from serving.particles import with_direction_particle, with_object_particle

_ALMOST_CERTAIN_FROM, _LIKELY_FROM = 0.9, 0.7
# Shares are told in whole numbers and never above what the probability says.
_OUT_OF = ((0.99, 100), (0.95, 20), (0.1, 10))
_ROUNDING = 1e-9


class NoteWords(Protocol):
    """One language's words; every method returns one line without its end."""

    def occasion(self, occasion: Occasion) -> str:
        """Say why the ticket was scored again, "" for a new one; stands before the first line."""

    def suggested(self, lines: Sequence[TargetLine]) -> str:
        """Say what is advised."""

    def written(self, lines: Sequence[TargetLine]) -> str:
        """Say what was set."""

    def kept(self, lines: Sequence[TargetLine]) -> str:
        """Say what was left because a person had set it."""

    def reasons(self, lines: Sequence[TargetLine]) -> str:
        """Quote the ticket's words that speak for the labels."""

    def helpful(self, articles: Sequence[NotedArticle], similar: Sequence[NotedTicket]) -> str:
        """Name the articles and past tickets that may help."""

    def review(self, url: str) -> str:
        """Say where the suggestion can be corrected."""


def words_of(language: str) -> NoteWords:
    """Return the words of a language; English where there are none of it."""
    return _Korean() if language == "ko" else _English()


def _share(probability: float) -> tuple[int, int] | None:
    """Return a probability as whole numbers (right, of all), None where too few would be right to say so."""
    for least, of_all in _OUT_OF:
        if probability >= least:
            # Nothing is certain: a probability of one is told as the most that can be said.
            return min(int(probability * of_all + _ROUNDING), of_all - 1), of_all
    return None


def _grade(probability: float, grades: tuple[str, str, str]) -> str:
    """Return the word for almost certain, likely or uncertain."""
    if probability >= _ALMOST_CERTAIN_FROM:
        return grades[0]
    return grades[1] if probability >= _LIKELY_FROM else grades[2]


def _in_brackets(*parts: str) -> str:
    said = ", ".join(part for part in parts if part)
    return f"({said})" if said else ""


def _quoted(reasons: Sequence[str]) -> str:
    return ", ".join(f'"{reason}"' for reason in reasons)


@dataclass(frozen=True, slots=True)
class _English:
    """Plain English."""

    def occasion(self, occasion: Occasion) -> str:
        return {
            Occasion.NEW: "",
            Occasion.FOLLOW_UP: "Updated after the requester's reply. ",
            Occasion.REOPENED: "Scored again because the ticket was reopened. ",
        }[occasion]

    def suggested(self, lines: Sequence[TargetLine]) -> str:
        return "Suggested: " + "; ".join(
            f"{line.target} {line.label} {_in_brackets(self._confidence(line), self._safer(line))}".rstrip()
            for line in lines
        )

    def written(self, lines: Sequence[TargetLine]) -> str:
        return "Set: " + "; ".join(
            f"{line.target} {line.label} {_in_brackets(self._confidence(line))}".rstrip() for line in lines
        )

    def kept(self, lines: Sequence[TargetLine]) -> str:
        return "Left as a person had set it: " + "; ".join(
            f"{line.target} {line.kept_value}".rstrip()
            + f" {_in_brackets(f'suggested: {line.label}', self._confidence(line))}"
            for line in lines
        )

    def reasons(self, lines: Sequence[TargetLine]) -> str:
        return "Because of: " + "; ".join(f"{_quoted(line.reasons)} ({line.target})" for line in lines)

    def helpful(self, articles: Sequence[NotedArticle], similar: Sequence[NotedTicket]) -> str:
        same = ", ".join(one.id for one in similar if one.is_same_problem)
        alike = ", ".join(one.id for one in similar if not one.is_same_problem)
        return "May help: " + "; ".join(
            [f'"{one.title}" {one.url}'.rstrip() if one.title else one.url for one in articles]
            + ([f"probably the same problem as {same}"] if same else [])
            + ([f"similar to {alike}"] if alike else [])
        )

    def review(self, url: str) -> str:
        return f"Correct it here: {url}"

    def _confidence(self, line: TargetLine) -> str:
        if line.is_rule:
            return "by a rule"
        if line.probability is None:
            return ""
        share = _share(line.probability)
        grade = _grade(line.probability, ("almost certain", "likely", "uncertain"))
        return grade if share is None else f"{grade}, {share[0]} in {share[1]}"

    def _safer(self, line: TargetLine) -> str:
        return f"{line.safer_label} is the safer choice" if line.safer_label else ""


@dataclass(frozen=True, slots=True)
class _Korean:
    """합쇼체 in sentences, nouns in lists."""

    def occasion(self, occasion: Occasion) -> str:
        return {
            Occasion.NEW: "",
            Occasion.FOLLOW_UP: "[요청자 추가 설명 반영] ",
            Occasion.REOPENED: "[다시 열린 티켓 재검토] ",
        }[occasion]

    def suggested(self, lines: Sequence[TargetLine]) -> str:
        return "제안: " + ", ".join(
            f"{_korean(line.target)} {line.label}{_in_brackets(self._confidence(line), self._safer(line))}"
            for line in lines
        )

    def written(self, lines: Sequence[TargetLine]) -> str:
        return ", ".join(self._changed(line, line.label, self._confidence(line)) for line in lines) + " 설정했습니다."

    def kept(self, lines: Sequence[TargetLine]) -> str:
        told = (
            self._changed(line, line.kept_value, f"제안은 {line.label}", self._confidence(line))
            if line.kept_value
            else with_object_particle(_korean(line.target)) + _in_brackets(f"제안은 {line.label}")
            for line in lines
        )
        return f"사람이 {', '.join(told)} 정해 두어 바꾸지 않았습니다."

    def reasons(self, lines: Sequence[TargetLine]) -> str:
        return "근거: " + ", ".join(f"{_quoted(line.reasons)}({_korean(line.target)})" for line in lines)

    def helpful(self, articles: Sequence[NotedArticle], similar: Sequence[NotedTicket]) -> str:
        same = ", ".join(one.id for one in similar if one.is_same_problem)
        alike = ", ".join(one.id for one in similar if not one.is_same_problem)
        return "참고: " + " / ".join(
            [f"「{one.title}」 {one.url}".rstrip() if one.title else one.url for one in articles]
            + ([f"같은 문제로 보이는 티켓 {same}"] if same else [])
            + ([f"비슷한 티켓 {alike}"] if alike else [])
        )

    def review(self, url: str) -> str:
        return f"확인·수정: {url}"

    def _changed(self, line: TargetLine, value: str, *said: str) -> str:
        """Return "분류를 network로", with what is said of it in brackets."""
        return f"{with_object_particle(_korean(line.target))} {with_direction_particle(value)}{_in_brackets(*said)}"

    def _confidence(self, line: TargetLine) -> str:
        if line.is_rule:
            return "규칙에 따름"
        if line.probability is None:
            return ""
        share = _share(line.probability)
        grade = _grade(line.probability, ("거의 확실", "유력", "불확실"))
        return grade if share is None else f"{grade}, {share[1]}건 중 {share[0]}건"

    def _safer(self, line: TargetLine) -> str:
        return f"{line.safer_label} 쪽이 더 안전함" if line.safer_label else ""


# English says the targets by the product's own names.
_KOREAN_TARGETS: Mapping[str, str] = {
    "category": "분류",
    "kind": "유형",
    "group": "처리 그룹",
    "priority": "우선순위",
    "tier": "처리 단계",
    "impact": "영향도",
    "urgency": "긴급도",
}


def _korean(target: str) -> str:
    return _KOREAN_TARGETS.get(target, target)
