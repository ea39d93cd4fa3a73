"""The routes: what is sent, what comes back, and that nothing whatever makes the service fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.api_replies import AnswerReply, AnswersReply, ModelReply
from serving.auth import Scope, create_key
from serving.settings import load_settings
from serving.storage.sql import SqlStorage
from tests.api_problems import TICKET, problem

# Both routes can read it.
EITHER = {**TICKET, "tickets": [TICKET]}
HEADERS = {"content-type": "application/json"}


@pytest.fixture
def storage(service: Any) -> SqlStorage:
    """What the service keeps."""
    kept = service.app.state.services.storage
    assert isinstance(kept, SqlStorage)
    return kept


# --- one ticket -------------------------------------------------------------------------------------------------------


def test_a_ticket_is_answered_as_described(service: Any, storage: SqlStorage) -> None:
    """The reply has the shape that the description promises, its probabilities sum to one, and it is recorded."""
    response = service.post("/v1/score", json=TICKET)
    assert response.status_code == 200
    said = AnswerReply.model_validate(response.json())
    assert (said.ticket_id, said.language) == ("42", "ko")
    assert (said.model.name, said.model.version, said.model.alias) == ("ticket-triage", "1", "champion")
    assert {"category", "priority"} <= set(said.targets)
    for target in said.targets.values():
        assert target.probability is not None
        assert target.probability + sum(other.probability for other in target.alternatives) == pytest.approx(
            1, abs=1e-6
        )
    (entry,) = storage.scored("42")
    assert entry.predictions == response.json()["targets"]


def test_recording_can_be_turned_off(service: Any, storage: SqlStorage) -> None:
    """With record=false the same answer leaves no trace."""
    recorded = service.post("/v1/score", json=TICKET).json()
    unrecorded = service.post("/v1/score?record=false", json=TICKET).json()
    assert unrecorded == recorded
    assert storage.count_scored() == 1


def test_unknown_fields_are_listed(shared_service: Any) -> None:
    """What the API does not know is ignored and named in the warnings."""
    said = shared_service.post("/v1/score", json={**TICKET, "via": "web"}).json()
    assert "The field 'via' is not known and was ignored." in said["warnings"]


@pytest.mark.parametrize(
    "text", ["a\x00b", "\ud800", "😀", "<b>" * 2_000, "\u202e", "ﷺ" * 500, "1" * 5_000, "\r\n\t x"]
)
def test_any_text_is_answered(shared_service: Any, text: str) -> None:
    """NUL, half a character, endless markup and the like are text too."""
    body = json.dumps({"id": text[:100], "subject": text, "body": text}).encode()
    response = shared_service.post("/v1/score", content=body, headers=HEADERS)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "no JSON"),
        (b"not json", 400, "no JSON"),
        (b'{"subject": "a", "subject": "b"}', 400, "twice"),
        (b'{"subject": NaN}', 400, "NaN"),
        (b"[" * 50_000, 400, "too deeply"),
        ('{"subject": "제목"}'.encode("cp949"), 400, "UTF-8"),
        (b"[]", 422, "expected an object"),
        (b"null", 422, "expected an object"),
        (b"{}", 422, "a subject or a body"),
        (b'{"subject": {}}', 422, "subject"),
        (b'{"subject": "a", "created_at": "soon"}', 422, "created_at"),
        (b'{"subject": "' + b"a" * 100_001 + b'"}', 422, "100000 characters"),
        (b'{"subject": "' + b"a" * 1024**2 + b'"}', 413, "1048576 bytes"),
    ],
)
def test_a_body_that_cannot_be_used_is_a_problem(shared_service: Any, body: bytes, status: int, words: str) -> None:
    """What is wrong with a body is said in the problem's detail."""
    response = shared_service.post("/v1/score", content=body, headers=HEADERS)
    assert words in problem(response, status=status)["detail"]


def test_every_bad_field_is_listed(shared_service: Any) -> None:
    """A problem lists the fields with their reasons."""
    response = shared_service.post("/v1/score", json={"subject": ["a"], "id": {}, "body": "vpn"})
    assert [error["field"] for error in problem(response, status=422)["errors"]] == ["id", "subject"]


def test_a_body_of_unstated_length_is_limited_as_well(shared_service: Any) -> None:
    """A body sent in chunks is refused once it has grown too large."""

    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    assert "bytes" in problem(shared_service.post("/v1/score", content=chunks(), headers=HEADERS), status=413)["detail"]


def test_a_body_that_is_announced_as_too_large_is_not_waited_for(shared_service: Any) -> None:
    """A stated length is enough to refuse a body: none of it is read."""
    headers = {**HEADERS, "content-length": str(2 * 1024**2)}
    problem(shared_service.post("/v1/score", content=b"{}", headers=headers), status=413)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=euc-kr"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": ""},
    ],
)
def test_what_is_not_sent_as_json_is_refused(shared_service: Any, headers: dict[str, str]) -> None:
    """Another content type, character set or encoding is a 415."""
    problem(shared_service.post("/v1/score", content=json.dumps(TICKET).encode(), headers=headers), status=415)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=UTF-8", "Application/JSON", "application/vnd.desk+json"]
)
def test_json_by_any_name_is_read(shared_service: Any, kind: str) -> None:
    """JSON is JSON whatever the capitals, the parameters and the vendor."""
    response = shared_service.post("/v1/score", content=json.dumps(TICKET).encode(), headers={"content-type": kind})
    assert response.status_code == 200


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=60, deadline=None)
def test_no_bytes_make_the_service_fail(shared_service: Any, body: bytes) -> None:
    """Whatever bytes are sent, the answer is no failure of ours."""
    assert shared_service.post("/v1/score", content=body, headers=HEADERS).status_code < 500


SENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("id", "subject", "body", "channel", "requester", "product", "group", "language", "created_at", "attributes")


@given(sent=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), SENT, max_size=8))
@settings(max_examples=100, deadline=None)
def test_no_json_makes_the_service_fail(shared_service: Any, sent: dict[str, Any]) -> None:
    """Whatever object is sent, the answer is an answer as described or a problem of the caller's making."""
    for path, body in (("/v1/score", sent), ("/v1/score/batch", {"tickets": [sent, {"body": "vpn"}]})):
        response = shared_service.post(path, content=json.dumps(body).encode(), headers=HEADERS)
        if response.status_code == 200:
            (AnswerReply if path == "/v1/score" else AnswersReply).model_validate(response.json())
        else:
            assert response.status_code in (400, 422)
            problem(response, status=response.status_code)


@pytest.mark.parametrize("query", ["record=perhaps", "record=", f"model={'x' * 101}"])
def test_a_query_that_cannot_be_understood_is_a_problem(shared_service: Any, query: str) -> None:
    """A parameter's value that means nothing is refused."""
    problem(shared_service.post(f"/v1/score?{query}", json=TICKET), status=422)


def test_paths_and_methods_that_do_not_exist_are_problems(shared_service: Any) -> None:
    """The framework's own refusals are problems too."""
    problem(shared_service.get("/v1/nothing"), status=404)
    problem(shared_service.get("/v1/score"), status=405)


# --- many tickets -----------------------------------------------------------------------------------------------------


def test_a_batch_is_answered_in_order(service: Any, storage: SqlStorage) -> None:
    """Each ticket of a batch gets the answer that it gets alone, in its place."""
    tickets = [{"id": number, "body": text} for number, text in enumerate(["vpn", "프린터 안됨", "password?"] * 20)]
    response = service.post("/v1/score/batch", json={"tickets": tickets})
    assert response.status_code == 200
    answers = response.json()["answers"]
    AnswersReply.model_validate(response.json())
    alone = [service.post("/v1/score?record=false", json=ticket).json() for ticket in tickets]
    for one, other in zip(answers, alone, strict=True):
        assert one["ticket_id"] == other["ticket_id"]
        for name, target in one["targets"].items():
            assert target["label"] == other["targets"][name]["label"]
            assert target["probability"] == pytest.approx(other["targets"][name]["probability"], abs=1e-6)
    assert storage.count_scored() == 60


def test_a_batch_with_a_bad_ticket_is_refused_whole(service: Any, storage: SqlStorage) -> None:
    """Where tickets cannot be understood every one is named, and none is scored."""
    response = service.post(
        "/v1/score/batch", json={"tickets": [{"body": "vpn"}, {}, {"body": "vpn"}, {"subject": []}]}
    )
    errors = problem(response, status=422)["errors"]
    assert [error["field"] for error in errors] == ["tickets.1", "tickets.3.subject"]
    assert storage.count_scored() == 0


@pytest.mark.parametrize("body", [{"tickets": []}, {}, [], {"tickets": [{"body": "a"}] * 1_001}, [{"body": "a"}]])
def test_a_batch_has_limits(shared_service: Any, body: object) -> None:
    """An empty batch, one of more than a thousand and one that is no list are refused."""
    assert "1 to 1000" in (
        detail := problem(shared_service.post("/v1/score/batch", json=body), status=422)["detail"]
    ) or ('{"tickets": [...]}' in detail)


# --- idempotency ------------------------------------------------------------------------------------------------------


def test_a_repeated_request_gets_the_first_answer(service: Any, storage: SqlStorage) -> None:
    """The same request under the same key, quoted or bare, is answered and recorded once."""
    first = service.post("/v1/score", json=TICKET, headers={"Idempotency-Key": '"abc-1"'})
    again = service.post("/v1/score", json=TICKET, headers={"Idempotency-Key": "abc-1"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert storage.count_scored() == 1


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/score", {**EITHER, "id": 43}),
        ("/v1/score?record=false", EITHER),
        ("/v1/score?model=ticket-triage", EITHER),
        ("/v1/score/batch", EITHER),
    ],
)
def test_a_key_belongs_to_one_request(shared_service: Any, path: str, sent: object) -> None:
    """Another ticket, another option or another route under a used key is refused."""
    headers = {"Idempotency-Key": f"one-{path}"}
    assert shared_service.post("/v1/score", json=EITHER, headers=headers).status_code == 200
    problem(shared_service.post(path, json=sent, headers=headers), status=422)


def test_of_many_at_once_under_one_key_one_is_answered(service: Any, storage: SqlStorage) -> None:
    """Twenty copies sent at once give one record; the others wait their turn with 409 or get the first answer."""
    copies = service.post_at_once("/v1/score", [{"json": TICKET, "headers": {"Idempotency-Key": "k"}}] * 20)
    assert {response.status_code for response in copies} <= {200, 409}
    answered = [response for response in copies if response.status_code == 200]
    assert len({response.content for response in answered}) == 1
    assert storage.count_scored() == 1
    for response in copies:
        if response.status_code == 409:
            assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("key", ["", "two words", '"open', "k" * 300])
def test_a_key_that_cannot_be_read_is_refused(shared_service: Any, key: str) -> None:
    """An unreadable Idempotency-Key is the caller's mistake, and is not passed over in silence."""
    problem(shared_service.post("/v1/score", json=TICKET, headers={"Idempotency-Key": key}), status=400)


# --- models -----------------------------------------------------------------------------------------------------------


def test_the_model_describes_itself(shared_service: Any) -> None:
    """Version, targets with their labels, figures and evidence are there to be read."""
    response = shared_service.get("/v1/model")
    said = ModelReply.model_validate(response.json())
    assert (said.name, said.version, said.alias) == ("ticket-triage", "1", "champion")
    labels = {target.name: target.labels for target in said.targets}
    answer = shared_service.post("/v1/score", json=TICKET).json()
    category = answer["targets"]["category"]
    assert {category["label"], *(other["label"] for other in category["alternatives"])} == set(labels["category"])
    assert set(said.metrics) >= set(labels)
    assert set(said.evidence) == set(labels)
    assert said.last_failure is None


def test_another_model_is_asked_for_by_name(service: Any, registry: Any, sample_bundle: Path) -> None:
    """A second registered model answers when named; one that is not registered is a 404."""
    registry.register(sample_bundle, name="hr-triage")
    assert service.post("/v1/score?model=hr-triage", json=TICKET).json()["model"]["name"] == "hr-triage"
    assert service.get("/v1/model?model=hr-triage").json()["name"] == "hr-triage"
    problem(service.post("/v1/score?model=nobody", json=TICKET), status=404)
    problem(service.get("/v1/model?model=..%2F..%2Fetc"), status=404)


def test_a_swap_drops_no_request(service: Any, registry: Any, sample_bundle: Path) -> None:
    """While requests pour in and the alias moves every one is answered, by the old version and then by the new."""
    versions: list[str] = []
    for wave in range(200):
        if wave == 5:
            registry.register(sample_bundle)
        responses = service.post_at_once("/v1/score", [{"json": {**TICKET, "id": wave}}] * 8)
        assert [response.status_code for response in responses] == [200] * 8
        versions += [response.json()["model"]["version"] for response in responses]
        if versions[-1] == "2" and wave > 10:
            break
    assert versions == sorted(versions)
    assert set(versions) == {"1", "2"}


def test_a_broken_version_is_reported_and_the_good_one_answers(
    service: Any, registry: Any, sample_bundle: Path, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    """The failure shows in the model's description, in readiness and in the metrics; tickets are answered."""
    registry.register_broken(sample_bundle)
    wait_until(lambda: service.get("/v1/model").json()["last_failure"] is not None)
    assert service.get("/v1/model").json()["last_failure"]["version"] == "2"
    ready = service.get("/readyz?verbose")
    assert ready.status_code == 200
    assert ready.json()["models"][0]["last_failure"]["version"] == "2"
    assert "triage_model_failures_total" in service.get("/metrics").text
    assert service.post("/v1/score", json=TICKET).json()["model"]["version"] == "1"


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded_service(start_service: Callable[..., Any], registry: Any, sample_bundle: Path, tmp_path: Path) -> Any:
    """A service that asks for keys."""
    registry.register(sample_bundle)
    asked = load_settings({"TRIAGE_VAR_DIR": str(tmp_path / "guarded"), "TRIAGE_AUTH": "keys"})
    running = start_service(at=asked)
    running.wait_until_ready()
    return running


def test_a_ticket_is_scored_for_those_who_may(guarded_service: Any) -> None:
    """No key is a 401, a key without the scope a 403, and a key with it opens; the record says whose it was."""
    storage = guarded_service.app.state.services.storage
    score = create_key(storage, name="helpdesk", scopes=[Scope.SCORE])
    feedback = create_key(storage, name="page", scopes=[Scope.FEEDBACK])
    assert "www-authenticate" in guarded_service.post("/v1/score", json=TICKET).headers
    for path in ("/v1/score", "/v1/score/batch"):
        problem(guarded_service.post(path, json=TICKET), status=401)
        problem(guarded_service.post(path, json=TICKET, headers={"X-API-Key": feedback.plaintext}), status=403)
    problem(guarded_service.get("/v1/model"), status=401)
    headers = {"Authorization": f"Bearer {score.plaintext}"}
    assert guarded_service.post("/v1/score", json=TICKET, headers=headers).status_code == 200
    assert guarded_service.get("/v1/model", headers=headers).status_code == 200
    assert storage.scored("42")[0].caller == score.stored.id


def test_whoever_may_not_score_learns_nothing_of_the_body(guarded_service: Any) -> None:
    """The key is looked at before the body is."""
    problem(guarded_service.post("/v1/score", content=b"no json", headers=HEADERS), status=401)


def test_probes_and_docs_need_no_key(guarded_service: Any) -> None:
    """Operators and readers come in without a key."""
    for path in ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json"):
        assert guarded_service.get(path).status_code == 200
