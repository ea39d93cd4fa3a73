"""Reasons: what they claim is what deleting the part does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.bundle import ModelBundle
from features.classifier import TargetClassifier, log_odds
from features.languages import Language
from features.neighbours import NeighbourIndex, NeighbourVotes
from features.predictions import Reason
from features.preparation import PreparedTicket
from features.reasons import MOST_REASONS, TicketParts
from features.taxonomy import Target, TargetKind
from features.vectorizer import TicketVectorizer
from training.fit import Trained

CORPUS = [
    PreparedTicket("1", "VPN 연결 끊김", "재택 중인데 VPN이 5분마다 끊겨요.", Language.KO, {"channel": "portal"}),
    PreparedTicket("2", "cannot print", "The 3rd floor printer (HP-3) does not print.", Language.EN),
    PreparedTicket("3", "", "비밀번호 초기화 부탁드려요. 비밀번호를 잊었어요", Language.KO),
    PreparedTicket("4", "VPN down", "vpn down again, VPN!! error 0x80 down", Language.EN),
]
VECTORIZER = TicketVectorizer().fit(CORPUS)
VOTERS = NeighbourIndex.fit([ticket.text for ticket in CORPUS])
LABELS = ("account", "network", "printer")
VOTES = replace(NeighbourVotes.counted(np.array([1, 2, 0, 1], np.int32), label_count=3), weight=0.5)
SIGNS = ".,:;!?()[]{}<>\"'`~*-_/|…·“”‘’「」"
_WORDS = st.sampled_from([word for ticket in CORPUS for word in ticket.text.split()]) | st.sampled_from(
    ["노트북이", "toner", "(vpn)", "VPN,", "vpn-down", "...", "(", "ㅠㅠ", "again"]
)
_TEXTS = st.lists(_WORDS, max_size=10).map(" ".join)
TICKETS = st.builds(PreparedTicket, st.just("9"), _TEXTS, _TEXTS, st.just(Language.KO), st.just({"channel": "portal"}))


def _classifier(seed: int) -> TargetClassifier:
    """Return a classifier of random weights in which past tickets vote: tickets that differ get other scores."""
    random = np.random.default_rng(seed)
    weights = random.normal(scale=4.0, size=(len(VECTORIZER.vocabulary_), len(LABELS))).astype(np.float32)
    target = Target("category", TargetKind.NOMINAL, LABELS)
    return TargetClassifier(target, weights, random.normal(size=3), None, VOTES)


def _parts(ticket: PreparedTicket) -> TicketParts:
    return TicketParts(VECTORIZER, VECTORIZER.tokens(ticket), VECTORIZER.field_ids(ticket), voters=VOTERS)


def _without(ticket: PreparedTicket, part: str) -> PreparedTicket:
    """Return a ticket from which a part was deleted wherever it stands, with the signs around it."""
    subject, body = (
        " ".join(token for token in text.split() if token.strip(SIGNS).lower() != part.lower())
        for text in (ticket.subject, ticket.body)
    )
    return PreparedTicket(ticket.id, subject, body, ticket.language, ticket.fields, ticket.numbers)


def _odds(classifier: TargetClassifier, ticket: PreparedTicket, *, label: int) -> float:
    row, neighbours = VECTORIZER.row(ticket), VOTERS.nearest(ticket.text)
    return float(log_odds(classifier.scores([row], [VECTORIZER.weigh(row)], [neighbours]), label=label)[0])


def _reasons(classifier: TargetClassifier, ticket: PreparedTicket, *, label: int) -> tuple[Reason, ...]:
    parts = _parts(ticket)
    scores = classifier.scores([parts.row], [parts.values], [parts.neighbours])
    return parts.reasons(classifier, label=label, scores=scores[0])


@given(ticket=TICKETS, seed=st.integers(0, 99), label=st.integers(0, 2))
@settings(max_examples=200, deadline=None)
def test_a_reason_weighs_what_deleting_it_does(ticket: PreparedTicket, seed: int, label: int) -> None:
    """The ticket without the part, counted anew, has log-odds lower by exactly the reason's weight."""
    classifier = _classifier(seed)
    whole = _odds(classifier, ticket, label=label)
    for reason in _reasons(classifier, ticket, label=label):
        fall = whole - _odds(classifier, _without(ticket, reason.text), label=label)
        assert reason.weight == pytest.approx(fall, abs=1e-6)


@given(ticket=TICKETS, part=st.data())
@settings(max_examples=200, deadline=None)
def test_deleting_a_part_gives_the_row_of_the_ticket_without_it(ticket: PreparedTicket, part: st.DataObject) -> None:
    """Every feature that is left, lost or newly arises between neighbours is counted as in the shorter ticket."""
    words = sorted({token.strip(SIGNS).lower() for token in ticket.text.split()} - {""})
    if not words:
        return
    deleted = part.draw(st.sampled_from(words))
    ids, counts = _parts(ticket)._without_each([deleted])
    expected = VECTORIZER.row(_without(ticket, deleted))
    present = counts[0] != 0
    assert ids[present].tolist() == expected.ids.tolist()
    assert counts[0][present].tolist() == expected.counts.tolist()


@given(ticket=TICKETS, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_reasons_are_few_and_the_strongest_comes_first(ticket: PreparedTicket, seed: int) -> None:
    """A ticket has at most three reasons, each a part of it as written, none that speaks against the label."""
    reasons = _reasons(_classifier(seed), ticket, label=1)
    assert len(reasons) <= MOST_REASONS
    weights = [reason.weight for reason in reasons]
    assert weights == sorted(weights, reverse=True)
    assert all(weight > 0 for weight in weights)
    assert {reason.text for reason in reasons} <= {token.strip(SIGNS) for token in ticket.text.split()}


def test_a_word_said_thrice_is_one_reason() -> None:
    """A part counts at all its places, whatever its case and the signs around it, and is shown as first written."""
    classifier = replace(_classifier(0), voting=None)
    classifier.weights[:] = 0
    classifier.weights[VECTORIZER.vocabulary_["w vpn"], 1] = 5.0
    ticket = PreparedTicket("9", "VPN down", "(vpn) again, VPN!!", Language.EN)
    (reason,) = _reasons(classifier, ticket, label=1)
    assert reason.text == "VPN"
    assert reason.weight == pytest.approx(
        _odds(classifier, ticket, label=1)
        - _odds(classifier, PreparedTicket("9", "down", "again", Language.EN), label=1)
    )


@pytest.mark.parametrize("text", ["", " ", "... !!", "ζξψ"])
def test_a_ticket_without_known_words_has_no_reasons(text: str) -> None:
    """Where nothing of the text is known nothing of it speaks for a label."""
    assert _reasons(_classifier(3), PreparedTicket("9", "", text, Language.OTHER), label=0) == ()


def test_reasons_hear_the_trees_too(sample_trained: Trained) -> None:
    """With boosted trees in the pool the weight is still what deleting the part does to the whole."""
    bundle = sample_trained.bundle
    ticket = PreparedTicket("9", "VPN 연결", "재택 중인데 VPN이 자꾸 끊겨요 급합니다", Language.KO)
    heard = [classifier for classifier in bundle.classifiers.values() if classifier.boosted is not None]
    assert heard
    for classifier in heard:
        whole = _scored(bundle, classifier, ticket)
        label = int(whole.argmax())
        reasons = _parts_of(bundle, ticket).reasons(classifier, label=label, scores=whole[0])
        assert reasons
        for reason in reasons:
            without = _scored(bundle, classifier, _without(ticket, reason.text))
            fall = log_odds(whole, label=label) - log_odds(without, label=label)
            assert reason.weight == pytest.approx(float(fall[0]), abs=1e-6)


def _parts_of(bundle: ModelBundle, ticket: PreparedTicket) -> TicketParts:
    assert bundle.vectorizer is not None
    tokens, fields = bundle.vectorizer.tokens(ticket), bundle.vectorizer.field_ids(ticket)
    return TicketParts(bundle.vectorizer, tokens, fields, voters=bundle.voters)


def _scored(bundle: ModelBundle, classifier: TargetClassifier, ticket: PreparedTicket) -> NDArray[np.float64]:
    parts = _parts_of(bundle, ticket)
    return classifier.scores([parts.row], [parts.values], [parts.neighbours])
