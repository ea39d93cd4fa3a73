"""Tickets and an answer for the API's description, in both languages."""

from __future__ import annotations

from typing import Any

KOREAN_TICKET: dict[str, Any] = {
    "id": 4711,
    "subject": "VPN 연결이 자꾸 끊깁니다",
    "body": "안녕하세요. 오늘 아침부터 재택근무 중인데 VPN이 5분마다 끊어져요. 공유기도 껐다 켰는데 똑같습니다.",
    "channel": "portal",
    "requester": {"id": "minji.kim", "organization": "Sales"},
    "created_at": "2026-05-14T09:12:00+09:00",
}

ENGLISH_TICKET: dict[str, Any] = {
    "id": "HD-1043",
    "subject": "cannot print",
    "body": "Since this morning's update the 3rd floor printer says 'held for authentication'. Nobody can print.",
    "channel": "mail",
    "attributes": {"site": "Busan", "tags": ["printer", "floor-3"]},
}

TICKET_EXAMPLES: dict[str, Any] = {
    "korean": {"summary": "한국어 문의", "value": KOREAN_TICKET},
    "english": {"summary": "An English ticket", "value": ENGLISH_TICKET},
    "shortest": {"summary": "The least that can be scored", "value": {"body": "vpn down again"}},
}

BATCH_EXAMPLES: dict[str, Any] = {
    "both": {"summary": "두 언어의 문의 / both languages", "value": {"tickets": [KOREAN_TICKET, ENGLISH_TICKET]}},
}

ANSWER: dict[str, Any] = {
    "ticket_id": "4711",
    "language": "ko",
    "novelty": 0.42,
    "model": {"name": "ticket-triage", "version": "3", "alias": "champion"},
    "targets": {
        "category": {
            "label": "network",
            "probability": 0.91,
            "decision": "suggest",
            "because": "no promise has been made for this target",
            "alternatives": [{"label": "account", "probability": 0.06}, {"label": "hardware", "probability": 0.03}],
            "reasons": [{"text": "vpn", "weight": 1.7}],
        }
    },
    "articles": [{"id": "KB-12", "title": "VPN 끊김", "url": "https://kb.example/12", "score": 0.83}],
    "similar_tickets": [
        {
            "id": "17",
            "score": 0.77,
            "duplicate_probability": 0.64,
            "labels": {"category": "network"},
            "article_ids": ["KB-12"],
        }
    ],
    "warnings": [],
}

ANSWER_EXAMPLES: dict[str, Any] = {"answer": {"summary": "The Korean ticket's answer", "value": ANSWER}}
ANSWERS_EXAMPLES: dict[str, Any] = {"answers": {"summary": "One answer a ticket", "value": {"answers": [ANSWER]}}}
