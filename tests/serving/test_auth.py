"""API keys, from their making to the door of a route."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from hypothesis import given
from hypothesis import strategies as st

from features.errors import AuthenticationError, PermissionDeniedError, RecipeError, StorageError
from serving.auth import (
    ANONYMOUS,
    CACHE_LASTS,
    Authenticator,
    Caller,
    NewKey,
    Scope,
    create_key,
    list_keys,
    require,
    revoke_key,
    utc_now,
)
from serving.problems import install
from serving.settings import AuthMode
from serving.storage.interface import StoredKey
from serving.storage.sql import SqlStorage, open_storage


class Client:
    """Sends requests to an application in this process, and raises what it raises."""

    def __init__(self, app: FastAPI, *, sender: tuple[str, int] = ("127.0.0.1", 50_000), url: str = "http://127.0.0.1"):
        self._transport = httpx.ASGITransport(app, client=sender)
        self._url = url

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request and return its answer."""

        async def sent() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url=self._url) as client:
                return await client.request(method, path, **request)

        return asyncio.run(sent())

    def get(self, path: str, **request: Any) -> httpx.Response:
        """Send a GET request."""
        return self.send("GET", path, **request)


class SetClock:
    """A clock that stands until it is moved on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self.now

    def advance(self, **duration: float) -> None:
        """Move the clock on."""
        self.now += timedelta(**duration)


class CountingStorage:
    """A real key storage that counts what it is asked, and fails where it is told to."""

    def __init__(self, storage: SqlStorage) -> None:
        self._storage = storage
        self.reads = 0
        self.touches = 0
        self.touch_fails = False

    def add_key(self, key: StoredKey) -> None:
        """Keep a key."""
        self._storage.add_key(key)

    def find_key(self, key_id: str) -> StoredKey | None:
        """Count and pass on."""
        self.reads += 1
        return self._storage.find_key(key_id)

    def list_keys(self) -> list[StoredKey]:
        """Pass on."""
        return list(self._storage.list_keys())

    def revoke_key(self, key_id: str, *, at: datetime) -> bool:
        """Pass on."""
        return self._storage.revoke_key(key_id, at=at)

    def touch_key(self, key_id: str, *, at: datetime) -> None:
        """Count and pass on, or fail."""
        if self.touch_fails:
            raise StorageError("The database failed while recording the use of a key.")
        self.touches += 1
        self._storage.touch_key(key_id, at=at)


@pytest.fixture
def clock() -> SetClock:
    """A clock that the test sets."""
    return SetClock()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[CountingStorage]:
    """A key storage over an SQLite file."""
    opened = open_storage(f"sqlite:///{(tmp_path / 'triage.db').as_posix()}")
    yield CountingStorage(opened)
    opened.close()


@pytest.fixture
def authenticator(storage: CountingStorage, clock: SetClock) -> Authenticator:
    """What asks for keys."""
    return Authenticator(storage, mode=AuthMode.KEYS, clock=clock)


@pytest.fixture
def key(storage: CountingStorage, clock: SetClock) -> NewKey:
    """A key that may score."""
    return create_key(storage, name="helpdesk", scopes=[Scope.SCORE], clock=clock)


def test_key_is_made(key: NewKey, storage: CountingStorage, clock: SetClock) -> None:
    """A key has an id to be known by and a secret of 256 bits, of which the hash alone is kept."""
    prefix, key_id, secret = key.plaintext.split("_", 2)
    assert (prefix, len(key_id), len(secret)) == ("tt", 8, 43)
    assert list_keys(storage) == (key.stored,)
    assert (key.stored.id, key.stored.name, key.stored.created_at) == (key_id, "helpdesk", clock.now)
    assert secret not in repr(key.stored)
    assert secret.encode() not in key.stored.secret_sha256


def test_keys_differ(storage: CountingStorage) -> None:
    """No two keys are alike."""
    assert len({create_key(storage, name="n", scopes=[Scope.SCORE]).plaintext for _ in range(20)}) == 20


def test_key_without_scope_is_refused(storage: CountingStorage) -> None:
    """A key that opens nothing is not made, and the scopes are named."""
    with pytest.raises(RecipeError, match="score, feedback, review, admin"):
        create_key(storage, name="useless", scopes=[])
    assert list_keys(storage) == ()


def test_holder_is_known(key: NewKey, authenticator: Authenticator) -> None:
    """Who sends a whole key is told by its id and name."""
    caller = authenticator.authenticate(key.plaintext, required=Scope.SCORE)
    assert caller == Caller(key.stored.id, "helpdesk", frozenset({Scope.SCORE}))


def test_scope_is_asked_for(key: NewKey, authenticator: Authenticator) -> None:
    """A key opens what its scopes say and nothing else; the refusal names both."""
    with pytest.raises(PermissionDeniedError, match=r"lacks the scope 'review'; it has: score"):
        authenticator.authenticate(key.plaintext, required=Scope.REVIEW)


@pytest.mark.parametrize("scope", list(Scope))
def test_admin_implies_all(storage: CountingStorage, authenticator: Authenticator, scope: Scope) -> None:
    """The scope admin opens every door."""
    admin = create_key(storage, name="lead", scopes=[Scope.ADMIN])
    assert authenticator.authenticate(admin.plaintext, required=scope).name == "lead"


@pytest.mark.parametrize("missing", [None, ""])
def test_missing_key_is_refused(authenticator: Authenticator, missing: str | None) -> None:
    """Without a key the refusal says how to send one."""
    with pytest.raises(AuthenticationError, match=r"carries no API key.*Authorization: Bearer"):
        authenticator.authenticate(missing, required=Scope.SCORE)


@given(st.text(min_size=1) | st.from_regex(r"tt_[a-z0-9]{8}_[A-Za-z0-9_-]{42,44}", fullmatch=True))
def test_nothing_else_is_a_key(sent: str) -> None:
    """Whatever is sent that is no key is refused, and its secret part is not in the message."""

    class NoKeys:
        def find_key(self, _: str) -> None:
            return None

    with pytest.raises(AuthenticationError) as caught:
        Authenticator(NoKeys(), mode=AuthMode.KEYS).authenticate(sent, required=Scope.SCORE)  # type: ignore[arg-type]  # asked for nothing else
    assert len(sent) < 20 or sent[12:] not in str(caught.value)


def test_wrong_secret_and_unknown_id_read_alike(key: NewKey, authenticator: Authenticator) -> None:
    """Whether an id exists cannot be told from the refusal."""
    wrong = key.plaintext[:-1] + ("A" if key.plaintext[-1] != "A" else "B")
    unknown = f"tt_{'0' * 8}_{key.plaintext[-43:]}"
    messages = []
    for sent in (wrong, unknown):
        with pytest.raises(AuthenticationError) as caught:
            authenticator.authenticate(sent, required=Scope.SCORE)
        messages.append(str(caught.value).replace(sent[3:11], "ID"))
    assert messages[0] == messages[1]


def test_secret_is_compared_each_time(key: NewKey, authenticator: Authenticator) -> None:
    """A remembered key does not open for another secret."""
    authenticator.authenticate(key.plaintext, required=Scope.SCORE)
    with pytest.raises(AuthenticationError, match="not valid"):
        authenticator.authenticate(key.plaintext[:-43] + "A" * 43, required=Scope.SCORE)


def test_storage_is_read_once_in_a_while(
    key: NewKey, storage: CountingStorage, authenticator: Authenticator, clock: SetClock
) -> None:
    """A key is read from storage once in CACHE_LASTS, however often it is used."""
    assert not authenticator.has_read(key.plaintext)
    for _ in range(100):
        authenticator.authenticate(key.plaintext, required=Scope.SCORE)
    assert storage.reads == 1
    assert authenticator.has_read(key.plaintext)
    clock.advance(seconds=CACHE_LASTS.total_seconds())
    assert not authenticator.has_read(key.plaintext)
    authenticator.authenticate(key.plaintext, required=Scope.SCORE)
    assert storage.reads == 2


def test_clock_set_back_does_not_prolong(key: NewKey, authenticator: Authenticator, clock: SetClock) -> None:
    """When the machine's clock is set back, remembered keys are read anew."""
    authenticator.authenticate(key.plaintext, required=Scope.SCORE)
    clock.advance(hours=-1)
    assert not authenticator.has_read(key.plaintext)


@pytest.mark.parametrize("whole", [False, True])
def test_revocation_takes_effect(
    key: NewKey, storage: CountingStorage, authenticator: Authenticator, clock: SetClock, whole: bool
) -> None:
    """A key revoked by its id, or by itself, is refused within CACHE_LASTS."""
    authenticator.authenticate(key.plaintext, required=Scope.SCORE)
    assert revoke_key(storage, key.plaintext if whole else key.stored.id, clock=clock)
    clock.advance(seconds=CACHE_LASTS.total_seconds())
    with pytest.raises(AuthenticationError, match="was revoked at 2026-03-02 09:30 UTC"):
        authenticator.authenticate(key.plaintext, required=Scope.SCORE)


def test_revoked_key_tells_only_its_holder(
    key: NewKey, storage: CountingStorage, authenticator: Authenticator, clock: SetClock
) -> None:
    """That a key was revoked is told to who has its secret, and to nobody else."""
    revoke_key(storage, key.stored.id, clock=clock)
    with pytest.raises(AuthenticationError, match="not valid"):
        authenticator.authenticate(key.plaintext[:-43] + "A" * 43, required=Scope.SCORE)


def test_revoking_an_unknown_key_says_so(storage: CountingStorage) -> None:
    """There is nothing to revoke under an id that no key has."""
    assert not revoke_key(storage, "zz99zz99")


def test_use_is_recorded_once_a_minute(
    key: NewKey, storage: CountingStorage, authenticator: Authenticator, clock: SetClock
) -> None:
    """In two minutes of steady use the moment of last use is written three times at most."""
    start = clock.now
    for _ in range(120):
        authenticator.authenticate(key.plaintext, required=Scope.SCORE)
        clock.advance(seconds=1)
    assert storage.touches == 2
    (stored,) = list_keys(storage)
    assert stored.last_used_at == start + timedelta(minutes=1)


def test_wrong_secret_is_no_use(key: NewKey, storage: CountingStorage, authenticator: Authenticator) -> None:
    """Trying a key's id with another secret leaves its last use alone."""
    with pytest.raises(AuthenticationError):
        authenticator.authenticate(key.plaintext[:-43] + "A" * 43, required=Scope.SCORE)
    assert list_keys(storage) == (key.stored,)


def test_unrecorded_use_fails_no_request(
    key: NewKey, storage: CountingStorage, authenticator: Authenticator, caplog: pytest.LogCaptureFixture
) -> None:
    """When the last use cannot be written the caller is let in all the same, and the log has a line."""
    storage.touch_fails = True
    assert authenticator.authenticate(key.plaintext, required=Scope.SCORE).id == key.stored.id
    assert [record.getMessage() for record in caplog.records] == [f"key_use_not_recorded key_id={key.stored.id}"]


def test_present_moment_is_utc() -> None:
    """The clock of production carries its zone."""
    assert utc_now().utcoffset() == timedelta()


MAY_SCORE = Depends(require(Scope.SCORE))


def served(authenticator: Authenticator, *, sender: tuple[str, int], url: str = "http://127.0.0.1") -> Client:
    """Return a client of an application with one door."""
    app = FastAPI()
    app.state.authenticator = authenticator
    install(app)

    @app.get("/whoami")
    async def whoami(caller: Annotated[Caller, MAY_SCORE]) -> dict[str, str]:
        return {"id": caller.id}

    return Client(app, sender=sender, url=url)


LOCAL = ("127.0.0.1", 50_000)
REMOTE = ("203.0.113.9", 50_000)


@pytest.mark.parametrize("times", [1, 2])
def test_route_takes_a_key_in_either_header(key: NewKey, authenticator: Authenticator, times: int) -> None:
    """A key opens a route as a bearer token, in any case of the word, or in X-API-Key; remembered or not."""
    client = served(authenticator, sender=REMOTE)
    for headers in (
        {"Authorization": f"Bearer {key.plaintext}"},
        {"authorization": f"bearer  {key.plaintext} "},
        {"X-API-Key": key.plaintext},
    ) * times:
        assert client.get("/whoami", headers=headers).json() == {"id": key.stored.id}


def test_route_without_key_answers_401(authenticator: Authenticator) -> None:
    """Where keys are needed a request without one is answered 401 with how to authenticate."""
    reply = served(authenticator, sender=LOCAL).get("/whoami")
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == 'Bearer realm="ticket-triage"'
    assert reply.json()["type"] == "/problems/not-authenticated"


def test_other_credentials_answer_401(authenticator: Authenticator) -> None:
    """Credentials of another kind are refused, even beside a key."""
    reply = served(authenticator, sender=LOCAL).get(
        "/whoami", headers={"Authorization": "Basic dTpw", "X-API-Key": "x"}
    )
    assert reply.status_code == 401
    assert "other than Bearer" in reply.json()["detail"]


def test_route_without_scope_answers_403(storage: CountingStorage, authenticator: Authenticator) -> None:
    """A valid key without the scope is answered 403."""
    reviewer = create_key(storage, name="reviewer", scopes=[Scope.REVIEW])
    reply = served(authenticator, sender=REMOTE).get("/whoami", headers={"X-API-Key": reviewer.plaintext})
    assert reply.status_code == 403
    assert reply.json()["type"] == "/problems/not-permitted"


def test_documentation_names_both_headers(authenticator: Authenticator) -> None:
    """OpenAPI asks for a bearer token and says where else a key may stand."""
    document = served(authenticator, sender=LOCAL).get("/openapi.json").json()
    scheme = document["components"]["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "X-API-Key" in scheme["description"]
    assert document["paths"]["/whoami"]["get"]["security"] == [{"ApiKey": []}]


class TestOpenDoor:
    @pytest.fixture
    def authenticator(self, storage: CountingStorage, clock: SetClock) -> Authenticator:
        """What asks for no keys on this machine."""
        return Authenticator(storage, mode=AuthMode.OPEN, clock=clock)

    @pytest.mark.parametrize("url", ["http://127.0.0.1", "http://localhost:8000", "http://[::1]:8000"])
    @pytest.mark.parametrize("sender", ["127.0.0.1", "::1"])
    def test_this_machine_is_let_through(self, authenticator: Authenticator, sender: str, url: str) -> None:
        """A request from this machine to this machine needs no key."""
        reply = served(authenticator, sender=(sender, 50_000), url=url).get("/whoami")
        assert reply.json() == {"id": ANONYMOUS.id}

    def test_anonymous_caller_may_do_anything(self) -> None:
        """Whoever sits at the machine is its lead, and bears an id that no key can have."""
        assert all(ANONYMOUS.may(scope) for scope in Scope)
        assert len(ANONYMOUS.id) != 8

    @pytest.mark.parametrize(
        ("sender", "headers"),
        [
            (REMOTE, {}),
            (LOCAL, {"host": "rebound.example.com"}),
            (LOCAL, {"host": "[not an address"}),
            (LOCAL, {"origin": "https://example.com"}),
            (LOCAL, {"origin": "null"}),
            (LOCAL, {"origin": "http://localhost.example.com"}),
        ],
    )
    def test_others_are_not(
        self, authenticator: Authenticator, sender: tuple[str, int], headers: dict[str, str]
    ) -> None:
        """Another machine needs a key, and so does a stranger's page in a browser of this one."""
        reply = served(authenticator, sender=sender).get("/whoami", headers=headers)
        assert reply.status_code == 401
        assert "only this machine itself" in reply.json()["detail"]

    def test_own_pages_are_let_through(self, authenticator: Authenticator) -> None:
        """The documentation page of the service itself may call it."""
        reply = served(authenticator, sender=LOCAL).get("/whoami", headers={"origin": "http://localhost:8000"})
        assert reply.status_code == 200

    def test_key_that_is_sent_counts(self, authenticator: Authenticator, key: NewKey) -> None:
        """A key that is sent is looked at: a right one says who calls, a wrong one is refused."""
        client = served(authenticator, sender=REMOTE)
        assert client.get("/whoami", headers={"X-API-Key": key.plaintext}).json() == {"id": key.stored.id}
        assert client.get("/whoami", headers={"X-API-Key": "wrong"}).status_code == 401


def test_stored_key_of_another_hash_does_not_open(storage: CountingStorage, key: NewKey) -> None:
    """What opens is the hash that is stored, whatever else agrees."""
    other = replace(key.stored, id="zz99zz99", secret_sha256=bytes(32))
    storage.add_key(other)
    with pytest.raises(AuthenticationError, match="not valid"):
        Authenticator(storage, mode=AuthMode.KEYS).authenticate(
            key.plaintext.replace(key.stored.id, other.id), required=Scope.SCORE
        )
