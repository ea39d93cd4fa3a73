"""What is in force: promises, states, modes and rules as they are stored, over the evidence of a model."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.answers import ModelIdentity, answer
from features.bundle import ModelBundle
from features.decisions import PolicyState
from features.evidence import Evidence
from features.glossary import Glossary
from features.predictions import Prediction, RankedLabel, ScoredTicket
from features.tickets import Ticket
from serving.connections import Connection, Mode, Vendor
from serving.oversight.policy_book import PolicyBook
from serving.oversight.rules import Rule, When
from serving.oversight.written_rules import write_rule
from serving.served_models import ServedModel
from serving.storage.policies import (
    GlossaryVersion,
    ModeRecord,
    OffSwitch,
    OffSwitchKind,
    PromiseRecord,
    RulesVersion,
    StateRecord,
)
from serving.storage.sql import SqlStorage
from tests.hand_set_clock import NOW, Clock

DESK = Connection(name="desk", vendor=Vendor.GENERIC, modes={"group": Mode.SUGGEST})
SURE, UNSURE = (0.99, 0.009, 0.0005, 0.0005), (0.59, 0.37, 0.02, 0.02)


@pytest.fixture
def model(sample_bundle: Path, evidence: Evidence) -> ServedModel:
    bundle = ModelBundle.load(sample_bundle)
    manifest = replace(bundle.manifest, created_at=(NOW - timedelta(days=1)).isoformat())
    kept = replace(bundle, evidence={"group": evidence}, manifest=manifest)
    return ServedModel(ModelIdentity("ticket-triage", "1", "champion"), kept, NOW)


@pytest.fixture
def book(storage: SqlStorage, clock: Clock) -> PolicyBook:
    return PolicyBook(storage.policies, clock=clock)


def promise(largest_error: float | None = 0.05, *, connection: str = "desk") -> PromiseRecord:
    """A promise for the group."""
    return PromiseRecord("ticket-triage", connection, "group", largest_error, "kim", NOW)


def state(value: PolicyState, *, by: str = "") -> StateRecord:
    """A state of the group's promise."""
    return StateRecord("ticket-triage", "desk", "group", value, "because", by, NOW)


def given(book: PolicyBook, model: ServedModel, probabilities: tuple[float, ...], *, text: str = "VPN") -> Any:
    """The answer's group for a ticket with these probabilities, on the connection."""
    labels = model.bundle.evidence["group"].labels
    ranked = tuple(RankedLabel(label, share) for label, share in zip(labels, probabilities, strict=True))
    scored = ScoredTicket("T-1", "ko", {"group": Prediction("group", ranked)}, {})
    first = answer(scored, model=model.identity, policies=book.in_force(model, connection="desk"))
    amended = book.amended(first, Ticket(id="T-1", subject=text), model=model, connection="desk")
    return amended["targets"]["group"]


def test_nothing_runs_unattended_without_a_promise(book: PolicyBook, model: ServedModel) -> None:
    """As long as no promise is made, a sure prediction is suggested."""
    assert given(book, model, SURE)["decision"] == "suggest"


def test_promise_comes_into_force_within_seconds(
    book: PolicyBook, model: ServedModel, storage: SqlStorage, clock: Clock
) -> None:
    """A promise counts on its connection alone, from the next look at the storage on, until it is taken back."""
    assert given(book, model, SURE)["decision"] == "suggest"
    storage.policies.promises.set(promise())
    assert given(book, model, SURE)["decision"] == "suggest"
    clock.move(seconds=3)
    assert given(book, model, SURE)["decision"] == "autofill"
    assert not book.in_force(model, connection="")["group"].threshold_of("desk")
    storage.policies.promises.set(promise(None))
    book.look_again()
    assert given(book, model, SURE)["decision"] == "suggest"


def test_what_is_left_to_people_names_its_likely_labels(
    book: PolicyBook, model: ServedModel, storage: SqlStorage
) -> None:
    """An unsure ticket tells the labels among which the right one is; what runs unattended needs none."""
    storage.policies.promises.set(promise())
    assert given(book, model, UNSURE)["set"] == ["desk", "network"]
    assert "set" not in given(book, model, SURE)


def test_fallback_ends_with_a_person_or_a_new_model(book: PolicyBook, model: ServedModel, storage: SqlStorage) -> None:
    """What fell back stays so under the same model; a model trained later, and a person's word, let it run again."""
    storage.policies.promises.set(promise())
    storage.policies.states.set(state(PolicyState.FALLEN_BACK))
    assert given(book, model, SURE)["decision"] == "suggest"
    later = replace(model.bundle.manifest, created_at=(NOW + timedelta(hours=1)).isoformat())
    newer = ServedModel(ModelIdentity("ticket-triage", "2"), replace(model.bundle, manifest=later), NOW)
    assert given(book, newer, SURE)["decision"] == "autofill"
    storage.policies.states.set(state(PolicyState.RUNNING, by="kim"))
    book.look_again()
    assert given(book, model, SURE)["decision"] == "autofill"
    storage.policies.states.set(state(PolicyState.OFF, by="kim"))
    book.look_again()
    assert given(book, newer, SURE)["decision"] == "suggest"


def test_mode_set_in_the_page_goes_before_the_configured_one(book: PolicyBook, storage: SqlStorage) -> None:
    """The connection's mode holds until another is set in the page."""
    assert book.mode_of(DESK, "group") is Mode.SUGGEST
    storage.policies.modes.set(ModeRecord("desk", "group", Mode.AUTOFILL, "kim", NOW))
    book.look_again()
    assert (book.mode_of(DESK, "group"), book.mode_of(DESK, "tier")) == (Mode.AUTOFILL, Mode.MONITOR)


def test_rules_and_switches_are_applied(book: PolicyBook, model: ServedModel, storage: SqlStorage) -> None:
    """A stored rule forces its label; a switched-off group keeps the model's from running, on again it runs."""
    storage.policies.promises.set(promise())
    rule = Rule("ransomware", When(words=("랜섬웨어",)), force={"group": "security"})
    storage.policies.rules.set(RulesVersion("desk", [write_rule(rule)], "kim", NOW))
    assert given(book, model, UNSURE, text="랜섬웨어")["rule"] == "ransomware"
    storage.policies.off_switches.set(OffSwitch("desk", OffSwitchKind.GROUP, "desk", "kim", NOW))
    book.look_again()
    assert given(book, model, SURE)["decision"] == "suggest"
    storage.policies.off_switches.set(OffSwitch("desk", OffSwitchKind.GROUP, "desk", "kim", NOW, is_off=False))
    book.look_again()
    assert given(book, model, SURE)["decision"] == "autofill"


def test_nothing_runs_unattended_while_the_storage_is_silent(
    book: PolicyBook, model: ServedModel, storage: SqlStorage, clock: Clock, tmp_path: Path
) -> None:
    """Where promises cannot be looked up none is acted on, and modes are suggestions at most; answers go on."""
    storage.policies.promises.set(promise())
    storage.policies.modes.set(ModeRecord("desk", "group", Mode.AUTOFILL, "kim", NOW))
    assert given(book, model, SURE)["decision"] == "autofill"
    storage.close()
    for file in tmp_path.glob("triage.db*"):
        file.unlink()
    (tmp_path / "triage.db").mkdir()
    clock.move(seconds=3)
    assert given(book, model, SURE)["decision"] == "suggest"
    assert book.mode_of(DESK.model_copy(update={"modes": {"group": Mode.AUTOFILL}}), "group") is Mode.SUGGEST


def test_promise_that_the_model_cannot_hold_is_said_to_be_withheld(
    book: PolicyBook, model: ServedModel, storage: SqlStorage
) -> None:
    """A promise on urgent labels that a model lacks stops nothing but itself."""
    record = replace(promise(), urgent_labels=("on fire",), largest_understated=0.01)
    storage.policies.promises.set(record)
    assert "on fire" in given(book, model, SURE)["because"]


def test_words_of_the_page_join_the_glossary(book: PolicyBook, storage: SqlStorage) -> None:
    """A word that leads added stands beside those that the model was trained with, and takes over a spelling."""
    base = Glossary({"VPN": ["브이피엔", "GlobalConnect"], "ERP": ["한ERP"]})
    assert book.glossary(base, connection="desk") is base
    entries = [{"canonical": "SSL-VPN", "variants": ["GlobalConnect"]}]
    assert storage.policies.glossaries.set(GlossaryVersion("desk", entries, "kim", NOW))
    book.look_again()
    assert book.glossary(base, connection="desk").terms == {
        "VPN": ("브이피엔",),
        "ERP": ("한ERP",),
        "SSL-VPN": ("GlobalConnect",),
    }
    assert book.glossary(base, connection="another") is base
