"""Feedback for the API's description, in both languages."""

from __future__ import annotations

from typing import Any

FEEDBACK_EXAMPLES: dict[str, Any] = {
    "final_values": {
        "summary": "처리가 끝난 문의의 최종 값 / how a ticket ended",
        "value": {
            "key": "HD-1043-closed",
            "kind": "final_values",
            "connection": "helpdesk",
            "ticket_id": "HD-1043",
            "values": {"category": "printing", "group": "workplace"},
            "reassignments": 1,
            "minutes_to_right_group": 35,
            "at": "2026-05-14T16:40:00+09:00",
        },
    },
    "accepted": {
        "summary": "An agent took the suggestion",
        "value": {"key": "4711-accepted", "kind": "accepted", "ticket_id": "4711", "by": "agent-17"},
    },
    "corrected": {
        "summary": "담당자가 제안을 고쳤습니다 / an agent put it right",
        "value": {
            "key": "4711-group",
            "kind": "corrected",
            "ticket_id": "4711",
            "values": {"group": "network-ops"},
        },
    },
    "article_helped": {
        "summary": "An article solved it",
        "value": {
            "key": "4711-article",
            "kind": "article_helped",
            "ticket_id": "4711",
            "article_id": "KB-104",
        },
    },
}

REPLY_EXAMPLE: dict[str, Any] = {
    "key": "HD-1043-closed",
    "kind": "final_values",
    "connection": "helpdesk",
    "ticket_id": "HD-1043",
    "entry_id": "0197b0c2-6f1e-7cc1-9b44-1a2b3c4d5e6f",
    "at": "2026-05-14T07:40:00Z",
}
