"""What a helpdesk's own page may tell, over HTTP: kept once, of tickets that were scored, by keys that may."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from serving.app import create_app
from serving.auth import create_key
from serving.feedback_examples import FEEDBACK_EXAMPLES
from serving.settings import load_settings
from serving.storage.interface import Scope
from serving.storage.outcomes import FeedbackKind
from serving.storage.sql import SqlStorage, open_storage
from tests.review_desk import item_id, make_item, scored
from tests.running_service import FolderRegistry, Service

_ROOT = Path(__file__).resolve().parents[2]
_ACCEPTED: dict[str, Any] = {"key": "k-1", "kind": "accepted", "connection": "helpdesk", "ticket_id": "HD-1"}


class Told:
    """A service that asks for keys, with one scored ticket, and what it keeps."""

    def __init__(self, service: Service, storage: SqlStorage) -> None:
        self.service = service
        self.storage = storage
        self.keys = {scope: create_key(storage, name=scope.value, scopes=[scope]).plaintext for scope in Scope}

    def send(self, body: Any, *, scope: Scope = Scope.FEEDBACK, headers: Mapping[str, str] | None = None) -> Any:
        """Send feedback with a key of a scope."""
        sent = {"Authorization": f"Bearer {self.keys[scope]}", **(headers or {})}
        return self.service.post("/v1/feedback", json=body, headers=sent)

    def kept(self) -> list[Any]:
        """Return all feedback."""
        return list(self.storage.outcomes.feedback.list())


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """The service, on a database of its own."""
    settings = load_settings({"TRIAGE_VAR_DIR": str(tmp_path), "TRIAGE_AUTH": "keys"})
    service = Service(create_app(settings, model_source=FolderRegistry(tmp_path / "registry")))
    service.start()
    storage = open_storage(settings.database_url)
    storage.record([scored(make_item(1)), scored(make_item(2, connection="", ticket_id="4711"))])
    yield Told(service, storage)
    storage.close()
    service.stop()


def test_each_kind_is_kept_with_what_it_says(told: Told) -> None:
    """Final values with the ticket's way, a correction and an article are kept of the ticket's latest record."""
    sent = [
        {**_ACCEPTED, "key": "a"},
        {**_ACCEPTED, "key": "b", "kind": "corrected", "values": {"group": "network-ops"}},
        {**_ACCEPTED, "key": "c", "kind": "article_helped", "article_id": "KB-1"},
        {**_ACCEPTED, "key": "d", "kind": "final_values", "values": {"category": "네트워크"}, "reassignments": 2},
    ]
    assert [told.send(body).status_code for body in sent] == [200] * 4
    kept = {one.key: one for one in told.kept()}
    assert {key: one.values for key, one in kept.items()} == {
        "a": {},
        "b": {"group": "network-ops"},
        "c": {"article_id": "KB-1"},
        "d": {"category": "네트워크", "reassignments": 2},
    }
    assert {one.entry_id for one in kept.values()} == {item_id(1)}
    assert kept["d"].kind is FeedbackKind.FINAL_VALUES


def test_a_repetition_is_kept_once_and_answered_alike(told: Told) -> None:
    """The same feedback under its key, in the body or the header, gets the first answer; another is refused."""
    first = told.send(_ACCEPTED)
    again = told.send(_ACCEPTED)
    header = told.send({**_ACCEPTED, "key": ""}, headers={"Idempotency-Key": '"k-1"'})
    assert (again.json(), header.json()) == (first.json(), first.json())
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == header.headers["Idempotent-Replayed"] == "true"
    other = told.send({**_ACCEPTED, "kind": "corrected", "values": {"category": "network"}})
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(told.kept()) == 1


def test_at_once_it_is_kept_once(told: Told) -> None:
    """Of ten sendings at once one is the first, and all say the same."""
    headers = {"Authorization": f"Bearer {told.keys[Scope.FEEDBACK]}"}
    replies = told.service.post_at_once("/v1/feedback", [{"json": _ACCEPTED, "headers": headers}] * 10)
    assert {reply.text for reply in replies} == {replies[0].text}
    assert sum("Idempotent-Replayed" not in reply.headers for reply in replies) == 1
    assert len(told.kept()) == 1


def test_another_caller_has_keys_of_its_own(told: Told) -> None:
    """What one caller's key named says nothing of another's."""
    assert told.send(_ACCEPTED).status_code == told.send(_ACCEPTED, scope=Scope.ADMIN).status_code == 200
    assert len(told.kept()) == 2


def test_a_record_is_named_by_its_id(told: Told) -> None:
    """An entry's id names connection and ticket; a ticket of the API has no connection."""
    by_entry = told.send({"key": "e", "kind": "accepted", "entry_id": item_id(1)}).json()
    assert (by_entry["connection"], by_entry["ticket_id"]) == ("helpdesk", "HD-1")
    assert told.send({"key": "f", "kind": "accepted", "ticket_id": "4711"}).json()["entry_id"] == item_id(2)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ticket_id": "HD-404"}, 404),
        ({"connection": "other"}, 404),
        ({"entry_id": item_id(1)}, 422),
        ({"ticket_id": ""}, 422),
        ({"kind": "liked"}, 422),
        ({"kind": "corrected"}, 422),
        ({"kind": "corrected", "values": {"colour": "red"}}, 422),
        ({"kind": "corrected", "values": {"category": " "}}, 422),
        ({"kind": "corrected", "values": {"category": "x" * 201}}, 422),
        ({"kind": "article_helped"}, 422),
        ({"article_id": "KB-1"}, 422),
        ({"reassignments": 1}, 422),
        ({"kind": "final_values", "values": {"group": "a"}, "reassignments": -1}, 422),
        ({"at": "2026-05-14T09:12:00"}, 422),
        ({"key": ""}, 422),
        ({"surprise": 1}, 422),
    ],
)
def test_what_cannot_be_understood_is_refused(told: Told, changes: dict[str, Any], status: int) -> None:
    """A problem after RFC 9457 says what is wrong, and nothing is kept."""
    reply = told.send({**_ACCEPTED, **changes})
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["detail"]
    assert told.kept() == []


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"key": "k", "key": "l"}', b"{", b"\xff"])
def test_no_object_is_refused(told: Told, body: bytes) -> None:
    """A body that is no JSON object that can be read in one way is a problem, never a failure."""
    headers = {"Authorization": f"Bearer {told.keys[Scope.FEEDBACK]}", "Content-Type": "application/json"}
    reply = told.service.post("/v1/feedback", content=body, headers=headers)
    assert reply.status_code in (400, 422)
    assert reply.headers["content-type"] == "application/problem+json"


def test_only_keys_that_may_tell_are_heard(told: Told) -> None:
    """The scope is feedback, which admin includes; without a key nobody is heard."""
    statuses = {scope: told.send({**_ACCEPTED, "key": scope.value}, scope=scope).status_code for scope in Scope}
    assert statuses == {Scope.SCORE: 403, Scope.FEEDBACK: 200, Scope.REVIEW: 403, Scope.ADMIN: 200}
    assert told.service.post("/v1/feedback", json=_ACCEPTED).status_code == 401
    assert len(told.kept()) == 2


def test_secrets_are_not_kept(told: Told) -> None:
    """A number that must never be stored is not, where somebody sends one as a label."""
    told.send({**_ACCEPTED, "kind": "corrected", "values": {"category": "900101-1234568"}})
    assert "900101" not in str(told.kept())


@pytest.mark.parametrize("name", FEEDBACK_EXAMPLES)
def test_the_examples_are_understood(told: Told, name: str) -> None:
    """Every example of the description is kept, once its ticket was scored."""
    example = FEEDBACK_EXAMPLES[name]["value"]
    of_helpdesk = make_item(3, ticket_id="HD-1043")
    told.storage.record([scored(of_helpdesk)])
    assert told.send(example).status_code == 200


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_the_line_of_the_readme_is_answered(told: Told, readme: str) -> None:
    """The README's line for feedback, sent as a shell would, is kept."""
    text = (_ROOT / readme).read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"^curl \S*/v1/feedback.*$", text, re.MULTILINE)
    words = shlex.split(line)
    body = words[words.index("-d") + 1]
    headers = {"Authorization": f"Bearer {told.keys[Scope.FEEDBACK]}", "Content-Type": "application/json"}
    reply = told.service.post("/v1/feedback", content=body.encode(), headers=headers)
    assert reply.status_code == 200, reply.text
