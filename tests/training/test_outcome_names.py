"""Columns are known by their names, in English and Korean, as an outcome or as something of intake."""

from __future__ import annotations

import pytest

from training.outcome_names import holds_end_states, names_an_outcome, words_of

OUTCOMES = (
    *("closed_at", "Closed", "closedAt", "close_code", "Close notes", "resolved_by", "Resolution", "resolution_code"),
    *(
        "reassignment_count",
        "Reassignments",
        "reopen_count",
        "sys_mod_count",
        "made_sla",
        "SLA breached",
        "assigned_to",
    ),
    *("Assignment group", "attributes.assignee", "First response", "Last updated", "Time to resolve", "CSAT"),
    *("customer_satisfaction", "escalated", "Work notes", "calendar_duration", "Solution", "outcome"),
    *(
        "해결일시",
        "종료일",
        "완료 여부",
        "처리결과",
        "처리 시간",
        "조치내용",
        "만족도",
        "재오픈 횟수",
        "담당자",
        "배정팀",
    ),
)
OF_INTAKE = (
    *("category", "Sub-category", "product", "Service", "location", "site", "floor", "impact", "urgency", "priority"),
    *("contact_type", "opened_by", "opened_at", "created_at", "description", "Subject", "business_service", "device"),
    *("SLA plan", "contract", "disclosed_address", "enclosure", "assignment", "outage duration", "browser version"),
    *("분류", "접수일", "요청자", "제목", "내용", "제품", "부서", "요청 유형", "긴급도", "문의 유형", "첨부 여부"),
)


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_name_of_an_outcome_is_known(name: str) -> None:
    """What helpdesks call the end of a ticket, its path and its handling is known once it was worked on."""
    assert names_an_outcome(name)


@pytest.mark.parametrize("name", OF_INTAKE)
def test_a_name_of_intake_is_let_through(name: str) -> None:
    """What a requester or a form states is known at intake, though a part of a word may look otherwise."""
    assert not names_an_outcome(name)


def test_a_name_is_taken_apart_into_words() -> None:
    """Signs, spaces and humps part words."""
    assert words_of("closedAt") == words_of("closed_at") == words_of("Closed at") == ("closed", "at")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("state", ["New"] * 9 + ["Closed"]),
        ("Ticket Status", ["6 - Resolved", "Open"]),
        ("처리상태", ["접수", "처리 완료"]),
        ("incident_state", ["closed"]),
    ],
)
def test_states_of_tickets_that_are_done_with_are_known(name: str, values: list[str]) -> None:
    """A state in which some tickets are closed was read when they were, not when they arrived."""
    assert holds_end_states(name, values)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("state", ["California", "Texas"]),
        ("state", ["New", "Open", "Waiting"]),
        ("state", []),
        ("door", ["closed", "open"]),
        ("status", ["New"] * 99 + ["Closed"]),
        ("건강상태", ["좋음"]),
    ],
)
def test_other_states_are_let_through(name: str, values: list[str]) -> None:
    """A state of a country, one in which no ticket is done with, and a few odd rows are no outcome."""
    assert not holds_end_states(name, values)
