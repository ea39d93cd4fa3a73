"""The note is short, in its reader's language, tells no weights and no personal data, and is found again."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.api_examples import ANSWER
from serving.note_content import (
    NoteContent,
    NotedArticle,
    NotedTicket,
    NoteEffect,
    Occasion,
    TargetEffect,
    TargetLine,
)
from serving.notes import MOST_LINES, marker_text, markers_in, note

MARKER = "3f2a9c81"
REVIEW_URL = "https://triage.example/review/4711"
WRITTEN, SUGGESTED, KEPT = NoteEffect.WRITTEN, NoteEffect.SUGGESTED, NoteEffect.KEPT

FULL = NoteContent(
    targets=(
        TargetLine("category", "network", 0.913, WRITTEN, reasons=("VPN", "끊어져요")),
        TargetLine("group", "네트워크팀", 0.97, WRITTEN),
        TargetLine("priority", "high", 0.78, SUGGESTED, reasons=("급합니다",), safer_label="urgent"),
        TargetLine("kind", "incident", 0.6, KEPT, kept_value="question"),
    ),
    articles=(NotedArticle("VPN 끊김", "https://kb.example/12"),),
    similar=(NotedTicket("17", is_same_problem=True), NotedTicket("23")),
)


def written(content: NoteContent, language: str = "en", **named: str) -> str:
    return note(content, language=language, marker=MARKER, **named)


def lines_of(content: NoteContent, language: str = "en") -> list[str]:
    return note(content, language=language, marker=MARKER, review_url=REVIEW_URL).split("\n")


def one(**named: Any) -> NoteContent:
    return NoteContent(targets=(TargetLine(**{"target": "priority", "label": "high", "effect": SUGGESTED, **named}),))


def test_korean_note_reads_as_a_person_would_write_it() -> None:
    """The suggestion stands first, then what was set, what was left, why, what helps, and where to correct it."""
    assert lines_of(FULL, "ko") == [
        "제안: 우선순위 high(유력, 10건 중 7건, urgent 쪽이 더 안전함)",
        "분류를 network로(거의 확실, 10건 중 9건), 처리 그룹을 네트워크팀으로(거의 확실, 20건 중 19건) 설정했습니다.",
        "사람이 유형을 question으로(제안은 incident, 불확실, 10건 중 6건) 정해 두어 바꾸지 않았습니다.",
        '근거: "VPN", "끊어져요"(분류), "급합니다"(우선순위)',
        "참고: 「VPN 끊김」 https://kb.example/12 / 같은 문제로 보이는 티켓 17 / 비슷한 티켓 23",
        f"확인·수정: {REVIEW_URL} [triage:3f2a9c81]",
    ]


def test_english_note_says_the_same() -> None:
    """The English note has the same six lines."""
    assert lines_of(FULL) == [
        "Suggested: priority high (likely, 7 in 10, urgent is the safer choice)",
        "Set: category network (almost certain, 9 in 10); group 네트워크팀 (almost certain, 19 in 20)",
        "Left as a person had set it: kind question (suggested: incident, uncertain, 6 in 10)",
        'Because of: "VPN", "끊어져요" (category); "급합니다" (priority)',
        'May help: "VPN 끊김" https://kb.example/12; probably the same problem as 17; similar to 23',
        f"Correct it here: {REVIEW_URL} [triage:3f2a9c81]",
    ]


@pytest.mark.parametrize(
    ("occasion", "korean", "english"),
    [
        (Occasion.FOLLOW_UP, "[요청자 추가 설명 반영] 제안: ", "Updated after the requester's reply. Suggested: "),
        (
            Occasion.REOPENED,
            "[다시 열린 티켓 재검토] 제안: ",
            "Scored again because the ticket was reopened. Suggested: ",
        ),
    ],
)
def test_says_why_a_ticket_was_scored_again(occasion: Occasion, korean: str, english: str) -> None:
    """A rescoring says so before its suggestion, and takes no line of its own."""
    content = NoteContent(targets=FULL.targets, occasion=occasion)
    assert written(content, "ko").startswith(korean)
    assert written(content, "en").startswith(english)
    assert len(lines_of(content)) == len(lines_of(NoteContent(targets=FULL.targets)))


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (1.0, "거의 확실, 100건 중 99건"),
        (0.989, "거의 확실, 20건 중 19건"),
        (0.9, "거의 확실, 10건 중 9건"),
        (0.899, "유력, 10건 중 8건"),
        (0.7, "유력, 10건 중 7건"),
        (0.699, "불확실, 10건 중 6건"),
        (0.04, "불확실"),
    ],
)
def test_confidence_is_told_in_words_and_never_overstated(probability: float, said: str) -> None:
    """A probability becomes a word and whole numbers that it reaches; nothing is ever told as certain."""
    assert f"high({said})" in written(one(probability=probability), "ko")


def test_a_rule_is_named_in_place_of_a_probability() -> None:
    """Where a rule chose the label, no confidence is told."""
    content = one(probability=0.93, is_rule=True)
    assert "priority high (by a rule)" in written(content)
    assert "우선순위 high(규칙에 따름)" in written(content, "ko")


@pytest.mark.parametrize(
    "content",
    [
        NoteContent(),
        NoteContent(similar=(NotedTicket("17"),), occasion=Occasion.REOPENED),
        one(probability=0.9, label=""),
        one(probability=0.9, effect=KEPT, kept_value="High"),
    ],
)
def test_is_quiet_where_there_is_nothing_to_say(content: NoteContent) -> None:
    """No label and no article make no note, nor does a person's own choice of the same label."""
    assert written(content, review_url=REVIEW_URL) == ""


def test_an_article_alone_is_worth_a_note() -> None:
    """Where the model abstains and an article fits, the note names the article."""
    content = NoteContent(articles=FULL.articles)
    assert written(content) == f'May help: "VPN 끊김" https://kb.example/12\n{marker_text(MARKER)}'


def test_reasons_and_titles_hold_no_personal_data() -> None:
    """A reason with personal data is not quoted; a title is redacted."""
    content = NoteContent(
        targets=(TargetLine("priority", "high", 0.8, SUGGESTED, reasons=("010-1234-5678", "[email]", "VPN")),),
        articles=(NotedArticle("Ask minji.kim@haneul.example"),),
    )
    text = written(content)
    assert 'Because of: "VPN" (priority)' in text
    assert 'May help: "Ask [email]"' in text


def test_gathers_the_targets_that_something_became_of() -> None:
    """Of an answer, only targets with an effect and the entries that the group may see are told."""
    content = NoteContent.from_answer(
        ANSWER, effects={"category": TargetEffect(KEPT, kept_value="email")}, similar=ANSWER["similar_tickets"]
    )
    assert content == NoteContent(
        targets=(TargetLine("category", "network", 0.91, KEPT, kept_value="email", reasons=("vpn",)),),
        similar=(NotedTicket("17", is_same_problem=True),),
    )
    assert NoteContent.from_answer(ANSWER, effects={}) == NoteContent()


def test_a_failed_target_is_not_told() -> None:
    """A target without a label has nothing to say, whatever became of it."""
    answer: dict[str, Any] = {
        "targets": {"category": {"label": None, "probability": None, "alternatives": [], "reasons": []}}
    }
    content = NoteContent.from_answer(answer, effects={"category": TargetEffect(SUGGESTED)})
    assert written(content) == ""


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://kb.example/1\nSet:tier3", "kb/12"])
def test_links_only_to_web_addresses(url: str) -> None:
    """What is no web address is not shown as one."""
    content = NoteContent(articles=(NotedArticle("VPN", url),))
    assert written(content, review_url=url) == f'May help: "VPN"\n{marker_text(MARKER)}'


@pytest.mark.parametrize(
    "text",
    [
        "<p>제안: 우선순위 high</p>\n<p>확인: https://x.example [triage:3f2a9c81]</p>",
        "see [triage:3f2a\r\n  9c81] below",
        "<div>[tri<wbr>age:3f2a<br/>9c81]</div>",
        "&#91;triage&#58;3f2a9c81&#93;",
        "[triage:\u200b3f2a9c81]",
        "a < b [triage:3f2a9c81] c > d",
        '<a href="triage:3f2a9c81">triage:3f2a9c81</a>',
        "[TRIAGE:3F2A9C81]",
    ],
)
def test_finds_the_marker_as_helpdesks_give_it_back(text: str) -> None:
    """The marker is found in text, HTML, entities, wrapped lines and without the brackets that wiki markup takes."""
    assert markers_in(text) == {MARKER}


@pytest.mark.parametrize(
    "text", ["", "triage", "[triage:xyz]", "[triage:3f2a]", "pre-triage:3f2a9c81", "[other:3f2a9c81]"]
)
def test_takes_nothing_else_for_a_marker(text: str) -> None:
    """Words about triage and short or foreign marks are no markers."""
    assert markers_in(text) == set()


@pytest.mark.parametrize("marker", ["", "3f2a", "3F2A9C81", "3f2a9c81]\n", "g" * 8, "a" * 65])
def test_refuses_a_marker_that_could_not_be_found_again(marker: str) -> None:
    """A marker is eight to 64 hexadecimal digits."""
    with pytest.raises(ValueError, match="is no marker"):
        marker_text(marker)


@pytest.mark.parametrize(
    "text", ["[triage:deadbeef]", "triage:deadbeef", "[tri<b></b>age:dead\nbeef]", "&#91;triage:deadbeef&#93;"]
)
def test_a_ticket_cannot_quote_a_marker_into_a_note(text: str) -> None:
    """A marker among the ticket's words is not taken for ours."""
    content = one(label=text, probability=0.8, reasons=(text,))
    assert markers_in(written(content)) == {MARKER}


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "a\nSet: tier 3",
            "x\u2028y",
            "x\x85y\x0by",
            "\ud800",
            "[triage:deadbeef]",
            "<",
            "[triage:",
            "\u202egnp",
            " ",
            "]" * 9,
        ]
    ),
)
SAYABLE = HOSTILE.map(lambda text: re.sub(r"\d", "", text))
SHARES = st.one_of(st.none(), st.floats(), st.booleans(), st.text(max_size=3))
TARGETS = st.sampled_from(["category", "kind", "group", "priority", "tier", "impact", "urgency"]) | SAYABLE
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.none() | SAYABLE,
            "title": st.none() | SAYABLE,
            "url": SAYABLE,
            "duplicate_probability": SHARES,
        },
    ),
    max_size=6,
)
REASONS = st.lists(st.fixed_dictionaries({"text": SAYABLE, "weight": st.floats()}), max_size=4)
GIVEN = st.fixed_dictionaries(
    {"label": st.none() | SAYABLE},
    optional={
        "probability": SHARES,
        "reasons": st.none() | REASONS,
        "advised": st.none() | st.fixed_dictionaries({"label": SAYABLE, "probability": SHARES}),
    },
)
EFFECTS = st.builds(TargetEffect, st.sampled_from(NoteEffect), kept_value=SAYABLE, is_rule=st.booleans())


@settings(max_examples=150, deadline=None)
@given(
    targets=st.dictionaries(TARGETS, st.tuples(GIVEN, EFFECTS), max_size=7),
    articles=ENTRIES,
    similar=ENTRIES,
    occasion=st.sampled_from(Occasion),
    language=st.sampled_from(["ko", "en", "other"]),
    review_url=st.sampled_from(["", REVIEW_URL]) | SAYABLE,
)
def test_any_answer_gives_a_short_note_that_is_found_again(
    targets: dict[str, tuple[dict[str, Any], TargetEffect]],
    articles: list[dict[str, Any]],
    similar: list[dict[str, Any]],
    occasion: Occasion,
    language: str,
    review_url: str,
) -> None:
    """Whatever an answer holds: six lines at most, no decimals, no line of the ticket's making, one marker, ours."""
    content = NoteContent.from_answer(
        {"targets": {name: given for name, (given, _) in targets.items()}},
        effects={name: effect for name, (_, effect) in targets.items()},
        articles=articles,
        similar=similar,
        occasion=occasion,
    )
    text = note(content, language=language, marker=MARKER, review_url=review_url)
    assert len(text.splitlines()) == (text.count("\n") + 1 if text else 0) <= MOST_LINES
    assert not re.search(r"\d[.,]\d", text.replace(REVIEW_URL, ""))
    assert text == text.encode("utf-8").decode("utf-8")
    if text:
        assert text.endswith(marker_text(MARKER))
        assert markers_in(text) == markers_in(f"<p>{html.escape(text)}</p>".replace("\n", "<br>")) == {MARKER}
