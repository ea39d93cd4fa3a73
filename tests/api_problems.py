"""A ticket as it is sent to the API, and the problems that answer it."""

from __future__ import annotations

from typing import Any

from serving.api_replies import ProblemReply

TICKET = {"id": 42, "subject": "VPN 연결이 자꾸 끊깁니다", "body": "아침부터 5분마다 끊겨요"}
PROBLEM = "application/problem+json"


def problem(response: Any, *, status: int) -> dict[str, Any]:
    """Return a response's problem after checking that it is one, of that status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    content: dict[str, Any] = response.json()
    ProblemReply.model_validate({name: content[name] for name in ProblemReply.model_fields if name in content})
    assert content["status"] == status
    return content
