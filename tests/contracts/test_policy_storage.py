"""What every storage of policies, alerts and people keeps to, on every database that it is made for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from features.decisions import PolicyState
from features.promises import Promise
from serving.connections import Mode
from serving.storage.people import PeopleStorage, Role, Session, User
from serving.storage.policies import (
    NEXT,
    Alert,
    GlossaryVersion,
    ModeRecord,
    OffSwitch,
    OffSwitchKind,
    PolicyStorage,
    PromiseRecord,
    RulesVersion,
    StateRecord,
)
from serving.storage.sql import SqlStorage

NOW = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PROMISE = PromiseRecord("ticket-triage", "desk", "priority", 0.05, "kim", NOW, 0.02, ("high", "critical"))
USER = User("u1", "김지원", "Kim@Example.com", Role.LEAD, NOW, ("Network",), "hash", "issuer|1", "ko")
SESSION = Session("5e55", "u1", "csrf", NOW, NOW, NOW + timedelta(hours=8))
ALERT = Alert("breach:1", "desk", "ticket-triage", "group", "breach", "The promise is broken.", NOW)
RACERS = 6


@pytest.fixture
def policies(storage: SqlStorage) -> PolicyStorage:
    """The policies of an empty storage, which mypy checks here."""
    return storage.policies


@pytest.fixture
def people(storage: SqlStorage) -> PeopleStorage:
    """The people of an empty storage, which mypy checks here."""
    return storage.people


class TestPolicies:
    def test_every_version_of_a_promise_is_kept(self, policies: PolicyStorage) -> None:
        """A promise that is changed and changed back has three versions; the newest is in force."""
        promises = policies.promises
        strict = replace(PROMISE, largest_error=0.02, by="lee", at=LATER)
        assert [promises.set(PROMISE), promises.set(strict), promises.set(PROMISE)] == [True] * 3
        key = {"model": "ticket-triage", "connection": "desk", "target": "priority"}
        assert promises.current(**key) == replace(PROMISE, version=3)
        assert promises.history(**key) == [
            replace(PROMISE, version=3),
            replace(strict, version=2),
            replace(PROMISE, version=1),
        ]
        assert promises.current(**key | {"target": "group"}) is None

    def test_a_promise_is_rebuilt_or_taken_back(self) -> None:
        """What is kept stands for a promise, and without a largest error for none."""
        urgent = ("high", "critical")
        assert PROMISE.promise == Promise(0.05, urgent_labels=urgent, largest_understated=0.02)
        assert replace(PROMISE, largest_error=None).promise is None

    def test_a_stale_page_changes_nothing(self, policies: PolicyStorage) -> None:
        """Of two who edit the same version one is told that hers was not kept."""
        first = RulesVersion("desk", [{"when": "랜섬웨어"}], "kim", NOW, "ransomware", version=1)
        assert policies.rules.set(first)
        assert not policies.rules.set(replace(first, rules=[], by="lee"))
        assert policies.rules.current(connection="desk") == first
        assert policies.rules.set(replace(first, rules=[], version=2))

    def test_versions_set_at_once_are_all_kept(self, policies: PolicyStorage) -> None:
        """States that are set at the same time follow each other, none in place of another."""
        breach = StateRecord("m", "desk", "group", PolicyState.FALLEN_BACK, "audits found it broken", "", NOW)
        with ThreadPoolExecutor(RACERS) as racers:
            assert all(racers.map(policies.states.set, [breach] * RACERS))
        versions = [state.version for state in policies.states.history(model="m", connection="desk", target="group")]
        assert versions == list(range(RACERS, NEXT, -1))

    def test_finds_what_is_in_force_by_part_of_the_key(self, policies: PolicyStorage) -> None:
        """The modes in force of one connection come by target, each in its newest version."""
        suggest = ModeRecord("desk", "group", Mode.SUGGEST, "kim", NOW)
        for record in (suggest, replace(suggest, mode=Mode.AUTOFILL), replace(suggest, target="category")):
            policies.modes.set(record)
        policies.modes.set(replace(suggest, connection="other"))
        found = [(record.target, record.mode) for record in policies.modes.all_current(connection="desk")]
        assert found == [("category", Mode.SUGGEST), ("group", Mode.AUTOFILL)]
        assert len(policies.modes.all_current()) == 3
        assert len(policies.modes.history(connection="desk", limit=2)) == 2

    def test_keeps_switches_and_glossaries(self, policies: PolicyStorage) -> None:
        """A switch is thrown and thrown back; a glossary comes back as it was set."""
        off = OffSwitch("desk", OffSwitchKind.CATEGORY, "급여", "kim", NOW)
        policies.off_switches.set(off)
        policies.off_switches.set(replace(off, is_off=False, at=LATER))
        assert [switch.is_off for switch in policies.off_switches.all_current(connection="desk")] == [False]
        words = GlossaryVersion("desk", [{"word": "그룹웨어", "means": "groupware"}], "kim", NOW, version=1)
        assert policies.glossaries.set(words)
        assert policies.glossaries.current(connection="desk") == words

    def test_refuses_a_key_that_is_not_its_own(self, policies: PolicyStorage) -> None:
        """A misspelt or missing part of a key is an error, never a wrong answer."""
        with pytest.raises(TypeError, match="the key of modes is connection, target; given: connection"):
            policies.modes.current(connection="desk")
        with pytest.raises(TypeError, match="given: model"):
            policies.modes.all_current(model="m")


class TestAlerts:
    def test_is_raised_seen_and_sent_once(self, policies: PolicyStorage) -> None:
        """An alert is raised, acknowledged and sent once, whoever tries again."""
        alerts = policies.alerts
        assert [alerts.raise_alert(ALERT), alerts.raise_alert(replace(ALERT, text="again"))] == [True, False]
        assert alerts.open_alerts(connection="desk") == alerts.unsent() == [ALERT]
        assert alerts.open_alerts(connection="other") == []
        assert [alerts.mark_sent(ALERT.id, at=LATER) for _ in range(2)] == [True, False]
        assert [alerts.acknowledge(ALERT.id, by=name, at=LATER) for name in ("kim", "lee")] == [True, False]
        seen = replace(ALERT, acknowledged_by="kim", acknowledged_at=LATER, sent_at=LATER)
        assert alerts.open_alerts() == alerts.unsent() == []
        assert alerts.list() == [seen]
        assert alerts.find(ALERT.id) == seen


class TestPeople:
    def test_keeps_a_user(self, people: PeopleStorage) -> None:
        """A user is found by id, by address without regard to case, and by subject."""
        assert people.users.add(USER)
        found = [people.users.find("u1"), people.users.find_by_email("kim@example.COM")]
        assert [*found, people.users.find_by_subject("issuer|1")] == [USER] * 3
        assert people.users.list() == [USER]
        assert people.users.find_by_subject("") is None

    def test_no_two_share_an_address_or_a_subject(self, people: PeopleStorage) -> None:
        """An address or subject that is taken is refused to a new user and to a known one."""
        people.users.add(USER)
        other = replace(USER, id="u2", email="KIM@example.com", oidc_subject="")
        assert not people.users.add(other)
        assert people.users.add(replace(other, email="lee@example.com"))
        assert people.users.add(replace(other, id="u3", email="park@example.com"))
        assert not people.users.save(other)
        assert not people.users.save(replace(other, email="lee@example.com", oidc_subject="issuer|1"))
        changed = replace(other, email="lee@example.com", role=Role.ADMIN, groups=())
        assert people.users.save(changed)
        assert people.users.find("u2") == changed
        assert not people.users.save(replace(USER, id="u9", email="x@example.com", oidc_subject=""))

    def test_a_session_lasts_until_it_expires_or_ends(self, people: PeopleStorage) -> None:
        """A session is found until its end; using it lets it last, but wakes none that has expired."""
        people.users.add(USER)
        sessions = people.sessions
        assert sessions.start(SESSION)
        assert sessions.find("5e55", now=NOW) == SESSION
        assert sessions.find("5e55", now=SESSION.expires_at) is None
        assert not sessions.touch("5e55", at=SESSION.expires_at, expires_at=SESSION.expires_at + timedelta(hours=1))
        assert sessions.touch("5e55", at=LATER, expires_at=LATER + timedelta(hours=8))
        assert sessions.find("5e55", now=SESSION.expires_at) is not None
        assert [sessions.end("5e55"), sessions.end("5e55")] == [True, False]

    def test_expired_sessions_are_purged(self, people: PeopleStorage) -> None:
        """What has expired is deleted, and nothing else."""
        people.users.add(USER)
        people.sessions.start(SESSION)
        people.sessions.start(replace(SESSION, id_sha256="01d", expires_at=LATER))
        assert people.sessions.purge_expired(LATER) == 1
        assert people.sessions.end_all("u1") == 1

    def test_who_is_disabled_is_out_at_once(self, people: PeopleStorage) -> None:
        """Disabling ends every session; none starts until the user is enabled."""
        people.users.add(USER)
        people.sessions.start(SESSION)
        assert [people.users.disable("u1", at=LATER), people.users.disable("u1", at=LATER)] == [True, False]
        assert people.sessions.find("5e55", now=NOW) is None
        assert not people.sessions.start(SESSION)
        assert [people.users.enable("u1"), people.users.enable("u1")] == [True, False]
        assert people.sessions.find("5e55", now=NOW) is None
        assert people.sessions.start(SESSION)
        assert not people.sessions.start(replace(SESSION, id_sha256="x", user_id="nobody"))
