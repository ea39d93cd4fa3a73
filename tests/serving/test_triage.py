"""A ticket on its way from being understood to being answered: scored, decided, recorded."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from features.answers import ModelIdentity, answer
from features.bundle import ModelBundle
from features.errors import ModelUnavailableError, StorageError
from features.glossary import Glossary
from features.predictions import ScoredTicket
from features.tickets import Ticket
from serving.served_models import ServedModel
from serving.storage.interface import ScoredEntry, Source
from serving.triage import IncomingTicket, Request, TriageService

Result = TypeVar("Result")
NOW = datetime(2026, 5, 14, 9, 12, tzinfo=UTC)
COMMIT_SECONDS = 0.005
TEXTS = (
    "vpn이 5분마다 끊겨요",
    "printer on floor 3 jams",
    "비밀번호를 잊었습니다",
    "cannot open the ERP report",
    "안됨",
)


class Shelf:
    """The models that are loaded, and those that load when asked for."""

    def __init__(self, *loaded: ServedModel) -> None:
        self.loaded = {model.identity.name: model for model in loaded}
        self.default = loaded[0] if loaded else None
        self.asked_for: dict[str, Future[ServedModel]] = {}

    def current(self, name: str = "") -> ServedModel | None:
        """Return the model that answers to a name, if it is loaded."""
        return self.loaded.get(name) if name else self.default

    def request(self, name: str = "") -> Future[ServedModel]:
        """Ask for a model."""
        return self.asked_for.setdefault(name, Future())


class Book:
    """Keeps what is recorded, transaction by transaction, each of which takes a moment; and can be closed."""

    def __init__(self) -> None:
        self.transactions: list[list[ScoredEntry]] = []
        self.is_closed = False

    @property
    def entries(self) -> list[ScoredEntry]:
        """All that was recorded."""
        return [entry for transaction in self.transactions for entry in transaction]

    def record(self, entries: Sequence[ScoredEntry]) -> None:
        """Record entries, all or none."""
        if self.is_closed:
            raise StorageError("The database does not answer.")
        time.sleep(COMMIT_SECONDS)
        self.transactions.append(list(entries))


class Counter:
    """Counts answers and batches."""

    def __init__(self) -> None:
        self.answers: list[Mapping[str, Any]] = []
        self.batch_sizes: dict[str, list[int]] = {"scoring": [], "recording": []}

    def answered(self, answers: Sequence[Mapping[str, Any]], *, model: ModelIdentity) -> None:
        """Note answers."""
        assert all(one["model"]["version"] == model.version for one in answers)
        self.answers += answers

    def batch_taken(self, batcher: str, *, size: int) -> None:
        """Note a batch."""
        self.batch_sizes[batcher].append(size)


class Brittle:
    """A bundle that breaks on one ticket, as a defect of ours might make it."""

    def __init__(self, bundle: ModelBundle, *, breaks_on: str) -> None:
        self._bundle = bundle
        self._breaks_on = breaks_on
        self.glossary = bundle.glossary

    def score(self, tickets: Sequence[Ticket], *, glossary: Glossary | None = None) -> list[ScoredTicket]:
        """Score tickets unless the one is among them."""
        if any(ticket.id == self._breaks_on for ticket in tickets):
            raise ZeroDivisionError
        return self._bundle.score(tickets, glossary=glossary)


@pytest.fixture(scope="module")
def bundle(sample_bundle: Path) -> ModelBundle:
    return ModelBundle.load(sample_bundle)


@pytest.fixture(scope="module")
def model(bundle: ModelBundle) -> ServedModel:
    return ServedModel(ModelIdentity("ticket-triage", "3", "champion"), bundle, NOW)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def shelf(model: ServedModel) -> Shelf:
    return Shelf(model)


@pytest.fixture
def ask(shelf: Shelf, book: Book, counter: Counter) -> Callable[..., Any]:
    """Run some work with a service that lasts as long."""

    async def run(work: Callable[[TriageService], Coroutine[Any, Any, Result]], seconds: float) -> Result:
        service = TriageService(
            models=shelf, recorder=book, observer=counter, now=lambda: NOW, first_use_timeout_seconds=seconds
        )
        service.start()
        try:
            return await work(service)
        finally:
            await service.close()

    return lambda work, *, first_use_timeout_seconds=10.0: asyncio.run(run(work, first_use_timeout_seconds))


def incoming(text: str, *, number: int = 1, warnings: tuple[str, ...] = ()) -> IncomingTicket:
    return IncomingTicket(Ticket(id=str(number), subject=text), warnings)


def test_an_answer_is_what_the_model_says(ask: Any, model: ServedModel, bundle: ModelBundle) -> None:
    """The service adds nothing to the model's answer but the warnings about the request."""
    said = ask(lambda service: service.triage(incoming("vpn", warnings=("A field was ignored.",)), request=Request()))
    expected = answer(bundle.score([Ticket(id="1", subject="vpn")])[0], model=model.identity)
    assert said == {**expected, "warnings": ["A field was ignored.", *expected["warnings"]]}


def test_an_answer_is_recorded_before_it_is_given(ask: Any, book: Book, model: ServedModel) -> None:
    """What is recorded is the answer, who asked, and how long it took; nothing of the ticket's text."""
    request = Request(caller="key-a", source=Source.API)
    said = ask(lambda service: service.triage(incoming("비밀스러운 내용의 문의"), request=request))
    (entry,) = book.entries
    assert (entry.ticket_id, entry.model, entry.caller, entry.source) == ("1", model.identity, "key-a", Source.API)
    assert (entry.predictions, entry.articles, entry.similar_tickets) == (
        said["targets"],
        said["articles"],
        said["similar_tickets"],
    )
    assert entry.scored_at == NOW
    assert 0 < entry.duration_seconds < 10
    assert "비밀스러운 내용의 문의" not in str(dataclasses.astuple(entry))


def test_an_answer_that_cannot_be_recorded_is_not_given(ask: Any, book: Book) -> None:
    """No ticket is answered without its record, alone or in a batch."""
    book.is_closed = True
    with pytest.raises(StorageError):
        ask(lambda service: service.triage(incoming("vpn"), request=Request()))
    with pytest.raises(StorageError):
        ask(lambda service: service.triage_all([incoming("vpn")], request=Request()))


def test_an_answer_that_is_not_to_be_recorded_needs_no_database(ask: Any, book: Book) -> None:
    """With recording off nothing is written."""
    book.is_closed = True
    said = ask(lambda service: service.triage(incoming("vpn"), request=Request(is_recorded=False)))
    assert said["ticket_id"] == "1"
    assert book.entries == []


def test_tickets_that_arrive_together_are_scored_and_recorded_together(ask: Any, book: Book, counter: Counter) -> None:
    """Sixty-four tickets at once take far fewer passes and transactions, and everyone gets their own answer."""

    async def work(service: TriageService) -> list[dict[str, Any]]:
        tickets = [incoming(TEXTS[number % len(TEXTS)], number=number) for number in range(64)]
        return await asyncio.gather(*(service.triage(ticket, request=Request()) for ticket in tickets))

    answers = ask(work)
    assert [one["ticket_id"] for one in answers] == [str(number) for number in range(64)]
    assert sorted(int(entry.ticket_id) for entry in book.entries) == list(range(64))
    assert len(book.transactions) < 32
    assert len(counter.batch_sizes["scoring"]) < 32
    assert len(counter.answers) == 64


def probabilities(said: Mapping[str, Any]) -> list[float]:
    """Return every number of an answer, in an order of its own."""
    labels = [
        (target, label["label"], label["probability"])
        for target, given in said["targets"].items()
        for label in [given, *given["alternatives"]]
    ]
    return [probability for _, _, probability in sorted(labels)]


def test_company_changes_nothing(ask: Any) -> None:
    """A ticket alone and among thirty-one strangers gets the same probabilities."""

    async def work(service: TriageService) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        tickets = [incoming(f"{TEXTS[number % len(TEXTS)]} {number}", number=number) for number in range(32)]
        alone = [await service.triage(ticket, request=Request()) for ticket in tickets]
        together = await asyncio.gather(*(service.triage(ticket, request=Request()) for ticket in tickets))
        return alone, together

    alone, together = ask(work)
    for one, other in zip(alone, together, strict=True):
        assert probabilities(one) == pytest.approx(probabilities(other), abs=1e-6)
        assert sum(probabilities(one)) == pytest.approx(len(one["targets"]), abs=1e-6)


def test_a_batch_is_answered_in_order_and_recorded_whole(ask: Any, book: Book, counter: Counter) -> None:
    """A hundred tickets are answered in their order, scored 32 at a time and recorded in one transaction."""
    tickets = [incoming(TEXTS[number % len(TEXTS)], number=number) for number in range(100)]
    answers = ask(lambda service: service.triage_all(tickets, request=Request(source=Source.BATCH)))
    assert [one["ticket_id"] for one in answers] == [str(number) for number in range(100)]
    assert [len(transaction) for transaction in book.transactions] == [100]
    assert len({entry.id for entry in book.entries}) == 100
    assert max(counter.batch_sizes["scoring"]) <= 32


def test_a_ticket_that_breaks_the_model_breaks_no_other(ask: Any, shelf: Shelf, bundle: ModelBundle) -> None:
    """Should a defect make the model raise for one ticket, its batch is answered all the same."""
    broken: Any = Brittle(bundle, breaks_on="7")
    shelf.default = ServedModel(ModelIdentity("ticket-triage", "4"), broken, NOW)

    async def work(service: TriageService) -> list[Any]:
        tickets = [incoming("vpn", number=number) for number in range(20)]
        tasks = (service.triage(ticket, request=Request()) for ticket in tickets)
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = ask(work)
    assert isinstance(outcomes.pop(7), ZeroDivisionError)
    assert [outcome["ticket_id"] for outcome in outcomes] == [str(number) for number in range(20) if number != 7]


def test_tickets_for_different_models_may_share_a_batch(ask: Any, shelf: Shelf, bundle: ModelBundle) -> None:
    """Each ticket is answered by the model that it asked for."""
    shelf.loaded["hr"] = ServedModel(ModelIdentity("hr", "1"), bundle, NOW)

    async def work(service: TriageService) -> list[dict[str, Any]]:
        names = [("", "hr")[number % 2] for number in range(10)]
        requests = (service.triage(incoming("vpn"), request=Request(model_name=name)) for name in names)
        return await asyncio.gather(*requests)

    assert [one["model"]["name"] for one in ask(work)] == ["ticket-triage", "hr"] * 5


def test_a_request_keeps_the_model_it_began_with(ask: Any, shelf: Shelf, bundle: ModelBundle) -> None:
    """A swap while tickets wait changes nothing for those that wait."""

    async def work(service: TriageService) -> list[dict[str, Any]]:
        before = [asyncio.create_task(service.triage(incoming("vpn"), request=Request())) for _ in range(5)]
        await asyncio.sleep(0)
        shelf.default = ServedModel(ModelIdentity("ticket-triage", "4", "champion"), bundle, NOW)
        after = [asyncio.create_task(service.triage(incoming("vpn"), request=Request())) for _ in range(5)]
        return await asyncio.gather(*before, *after)

    assert [one["model"]["version"] for one in ask(work)] == ["3"] * 5 + ["4"] * 5


def test_a_model_is_waited_for_when_first_asked_for(ask: Any, shelf: Shelf, bundle: ModelBundle) -> None:
    """The first request for a model waits while it loads, and gets its answer."""

    async def work(service: TriageService) -> dict[str, Any]:
        asking = asyncio.create_task(service.triage(incoming("vpn"), request=Request(model_name="hr")))
        while "hr" not in shelf.asked_for:
            await asyncio.sleep(0.001)
        loaded = ServedModel(ModelIdentity("hr", "1"), bundle, NOW)
        threading.Thread(target=shelf.asked_for["hr"].set_result, args=(loaded,)).start()
        return await asking

    assert ask(work)["model"]["name"] == "hr"


def test_a_model_that_takes_too_long_is_unavailable(ask: Any) -> None:
    """Nobody waits for ever for a model that does not come."""
    with pytest.raises(ModelUnavailableError, match="still being loaded"):
        ask(
            lambda service: service.triage(incoming("vpn"), request=Request(model_name="slow")),
            first_use_timeout_seconds=0.05,
        )
