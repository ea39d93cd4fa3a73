"""The bundle: one model from a ticket to an answer, the same alone and among others, before and after saving."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.bundle import FEATURE_VERSION, ModelBundle
from features.classifier import TargetClassifier
from features.glossary import Glossary
from features.history import HistoryRow
from features.predictions import ScoredTicket
from features.taxonomy import TARGET_NAMES
from features.tickets import Requester, Ticket
from training.datasets import read_history
from training.fit import Trained

DATA = Path(__file__).parents[2] / "data"
SIGNS = ".,:;!?()[]{}<>\"'`~*-_/|…·“”‘’「」"
ODD = [
    Ticket(id="", subject="", body=""),
    Ticket(id="o1", body="東京のサーバーに接続できません"),
    Ticket(id="o2", subject="😀" * 50, body="\x00\ud800".encode("utf-8", "replace").decode()),
    Ticket(id="o3", subject="RE: RE: VPN", body="<div>" * 500 + "접속 불가"),
    Ticket(id="o4", body="vpn " * 3000),
    Ticket(id="o5", body="a" * 20_000),
    Ticket(id="o6", subject="help", attributes={"floor": float("nan"), "vip": True}, requester=Requester("E-1")),
]


@pytest.fixture(scope="module")
def rows() -> tuple[HistoryRow, ...]:
    """The sample tickets."""
    return read_history(DATA / "sample_tickets.jsonl").rows


@pytest.fixture(scope="module")
def unseen(rows: tuple[HistoryRow, ...]) -> list[Ticket]:
    """Sample tickets that the sample model did not see, and some that nobody expects."""
    return [row.ticket() for row in rows[1::4][:150]] + ODD


@pytest.fixture(scope="module")
def bundle(sample_bundle: Path) -> ModelBundle:
    """The sample model, loaded from its folder."""
    return ModelBundle.load(sample_bundle)


def assert_same(one: ScoredTicket, other: ScoredTicket, *, within: float) -> None:
    """Check that two answers are the same, their numbers within a distance."""
    assert (one.ticket_id, one.language, one.failures) == (other.ticket_id, other.language, other.failures)
    assert one.warnings == other.warnings
    assert set(one.predictions) == set(other.predictions)
    for name, prediction in one.predictions.items():
        theirs = {ranked.label: ranked.probability for ranked in other.predictions[name].ranking}
        ours = {ranked.label: ranked.probability for ranked in prediction.ranking}
        assert ours == pytest.approx(theirs, abs=within)
        weights = {reason.text: reason.weight for reason in prediction.reasons}
        assert weights == pytest.approx(
            {reason.text: reason.weight for reason in other.predictions[name].reasons}, abs=100 * within
        )
    for mine, yours in ((one.articles, other.articles), (one.similar_tickets, other.similar_tickets)):
        assert [each.id for each in mine] == [each.id for each in yours]
        assert [each.score for each in mine] == pytest.approx([each.score for each in yours], abs=within)


# --- what an answer holds ---------------------------------------------------------------------------------------------


def test_mail_that_asks_for_no_help_is_told(bundle: ModelBundle) -> None:
    """A machine's mail is scored and named for what it is; not where the recipe took such mail for tickets."""
    reply = Ticket("1", "Re: VPN", "I am away.", attributes={"Auto-Submitted": "auto-replied"})
    told, person = bundle.score([reply, Ticket("2", "VPN", "It drops.")], with_reasons=False)
    assert told.out_of_scope == "out of scope: automatic reply, told by its header 'auto-submitted'"
    assert "category" in told.predictions
    assert person.out_of_scope == ""
    manifest = replace(bundle.manifest, recipe={**bundle.manifest.recipe, "leave_out_of_scope": False})
    assert replace(bundle, manifest=manifest).score([reply], with_reasons=False)[0].out_of_scope == ""


def test_probabilities_sum_to_one(bundle: ModelBundle, unseen: list[Ticket]) -> None:
    """Every target ranks all its labels, the most probable first, with probabilities that sum to one."""
    for scored in bundle.score(unseen):
        assert not scored.failures
        assert set(scored.predictions) == {target.name for target in bundle.targets}
        for target in bundle.targets:
            ranking = scored.predictions[target.name].ranking
            assert sorted(ranked.label for ranked in ranking) == sorted(target.labels)
            chances = [ranked.probability for ranked in ranking]
            assert chances == sorted(chances, reverse=True)
            assert sum(chances) == pytest.approx(1.0, abs=1e-9)
            assert min(chances) >= 0.0


def test_a_ticket_gets_the_same_answer_among_strangers(bundle: ModelBundle, unseen: list[Ticket]) -> None:
    """A ticket alone and among 32 others has probabilities equal within one in a million, and the same hints."""
    usual, others = unseen[:26], unseen[60:93]
    for group in ([*usual, *ODD], others):
        assert len(group) == 33
        for ticket, among in zip(group, bundle.score(group), strict=True):
            assert_same(bundle.score([ticket])[0], among, within=1e-6)


def test_threads_do_not_disturb_each_other(bundle: ModelBundle, unseen: list[Ticket]) -> None:
    """Several threads that score at once get what one gets."""
    alone = bundle.score(unseen[:20])
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(lambda _: bundle.score(unseen[:20]), range(4)):
            for one, other in zip(answers, alone, strict=True):
                assert_same(one, other, within=0.0)


def test_no_tickets_get_no_answers(bundle: ModelBundle) -> None:
    """An empty list is answered with an empty list."""
    assert bundle.score([]) == []


def test_hints_are_as_many_as_asked_for(bundle: ModelBundle) -> None:
    """Counts of articles and similar tickets are upper bounds; reasons can be left out."""
    ticket = Ticket(id="n", subject="VPN 연결이 자꾸 끊겨요", body="재택 중인데 VPN이 5분마다 끊깁니다")
    (full,) = bundle.score([ticket], article_count=3, similar_count=1)
    assert (len(full.articles), len(full.similar_tickets)) == (3, 1)
    assert any(prediction.reasons for prediction in full.predictions.values())
    (bare,) = bundle.score([ticket], with_reasons=False, article_count=0, similar_count=0)
    assert (bare.articles, bare.similar_tickets) == ((), ())
    assert all(prediction.reasons == () for prediction in bare.predictions.values())
    assert bare.predictions["category"].ranking == full.predictions["category"].ranking


def test_an_article_that_does_not_fit_is_not_shown(bundle: ModelBundle) -> None:
    """Where no article fits none is shown and a warning says so, unless they are to be ranked all the same."""
    sentence = "No article of the knowledge base fits this ticket."
    stray = Ticket(id="s", subject="Danke", body="The canteen's soup was splendid today, my compliments to the cook.")
    fitting = Ticket(id="n", subject="VPN 연결이 자꾸 끊겨요", body="재택 중인데 VPN이 5분마다 끊깁니다")
    shown, told = bundle.score([stray, fitting])
    assert (shown.articles, sentence in shown.warnings) == ((), True)
    assert (bool(told.articles), sentence in told.warnings) == (True, False)
    (ranked,) = bundle.score([stray], only_fitting=False)
    assert ranked.articles
    for quiet in (
        *bundle.score([stray], article_count=0),
        *bundle.score([Ticket(id="e", body=" ")]),
        *replace(bundle, articles=None).score([stray]),
    ):
        assert sentence not in quiet.warnings


def test_a_ticket_is_not_similar_to_itself(bundle: ModelBundle, rows: tuple[HistoryRow, ...]) -> None:
    """A past ticket that comes again under its id is answered with others."""
    known = rows[0].ticket()
    assert known.id not in {near.id for near in bundle.score([known])[0].similar_tickets}
    renamed = bundle.score([replace(known, id="another")])[0].similar_tickets
    assert renamed[0].id == known.id


def test_restricted_tickets_are_not_shown(bundle: ModelBundle, rows: tuple[HistoryRow, ...]) -> None:
    """What the restricted groups hold appears in nobody's similar tickets, not even for the same words."""
    restricted = [row for row in rows[::4] if row.group in ("security", "people-ops")]
    assert restricted
    for scored in bundle.score([replace(row.ticket(), id="another") for row in restricted]):
        assert not {near.group for near in scored.similar_tickets} & {"security", "people-ops"}


# --- warnings ---------------------------------------------------------------------------------------------------------


def test_an_answer_says_what_it_cannot_tell(bundle: ModelBundle) -> None:
    """Targets without a model, a text of which nothing is left and a language never seen are said in sentences."""
    empty, foreign, usual = bundle.score(
        [
            Ticket(id="1", body=" \u200b "),
            Ticket(id="2", body="東京のサーバーに接続できません"),
            Ticket(id="3", body="vpn이 안돼요"),
        ]
    )
    (untrained,) = usual.warnings
    assert [name for name in TARGET_NAMES if name in untrained] == ["impact", "urgency"]
    assert any("Nothing is left of the ticket's text" in warning for warning in empty.warnings)
    assert any("no ticket in this language (other)" in warning for warning in foreign.warnings)


def test_another_glossary_needs_no_training(bundle: ModelBundle) -> None:
    """A word that the site explains later is understood at once as the word that was trained on."""
    ticket, plain = Ticket(id="1", body="글로벌터널이 또 끊겨요"), Ticket(id="2", body="VPN이 또 끊겨요")
    renamed = Glossary({"VPN": ["글로벌터널"]})
    with_glossary, expected = bundle.score([ticket], glossary=renamed)[0], bundle.score([plain], glossary=renamed)[0]
    assert with_glossary.predictions == expected.predictions
    assert bundle.score([ticket])[0].predictions != expected.predictions


# --- one target alone -------------------------------------------------------------------------------------------------


def _broken(classifier: TargetClassifier, how: str) -> TargetClassifier:
    weights, bias = classifier.weights, classifier.bias
    return {
        "too few features": lambda: replace(classifier, weights=weights[:10]),
        "too few labels": lambda: replace(classifier, weights=weights[:, :2]),
        "not a number": lambda: replace(classifier, weights=np.full_like(weights, np.nan)),
        "infinite": lambda: replace(classifier, bias=np.full_like(bias, np.inf)),
        "no scale": lambda: replace(classifier, bias=bias[:0]),
    }[how]()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("how", ["too few features", "too few labels", "not a number", "infinite", "no scale"])
@pytest.mark.parametrize("name", ["category", "priority"])
def test_a_target_that_fails_abstains_alone(sample_trained: Trained, unseen: list[Ticket], name: str, how: str) -> None:
    """A classifier whose parts do not fit, or that gives no number, is named as failed; the others answer as ever."""
    whole = sample_trained.bundle
    damaged = {**whole.classifiers, name: _broken(whole.classifiers[name], how)}
    for scored, expected in zip(
        replace(whole, classifiers=damaged).score(unseen[:3]), whole.score(unseen[:3]), strict=True
    ):
        assert set(scored.failures) == {name}
        assert scored.predictions == {
            other: prediction for other, prediction in expected.predictions.items() if other != name
        }
        assert (scored.articles, scored.similar_tickets) == (expected.articles, expected.similar_tickets)


def test_a_target_fails_for_one_ticket_only(sample_trained: Trained) -> None:
    """Where the numbers break for one ticket's words, the tickets beside it are answered."""
    whole = sample_trained.bundle
    assert whole.vectorizer is not None
    classifier = whole.classifiers["category"]
    weights = classifier.weights.copy()
    weights[whole.vectorizer.vocabulary_["w vpn"]] = np.nan
    damaged = replace(whole, classifiers={"category": replace(classifier, weights=weights)})
    tickets = [
        Ticket(id="1", body="프린터 용지가 걸려요"),
        Ticket(id="2", body="vpn 끊김"),
        Ticket(id="3", body="메일"),
    ]
    assert [set(scored.failures) for scored in damaged.score(tickets)] == [set(), {"category"}, set()]


# --- reasons ----------------------------------------------------------------------------------------------------------


def _parts(ticket: Ticket) -> list[str]:
    tokens = f"{ticket.subject} {ticket.body}".split()
    return sorted({token.strip(SIGNS).lower() for token in tokens} - {""})


def _without(ticket: Ticket, part: str) -> Ticket:
    subject, body = (
        " ".join(token for token in text.split() if token.strip(SIGNS).lower() != part.lower())
        for text in (ticket.subject, ticket.body)
    )
    return replace(ticket, subject=subject, body=body)


def _chance(scored: ScoredTicket, label: str) -> float:
    return next(ranked.probability for ranked in scored.predictions["category"].ranking if ranked.label == label)


def test_the_top_reason_is_worth_more_than_a_random_part(bundle: ModelBundle, unseen: list[Ticket]) -> None:
    """In nine tickets of ten, deleting the top reason costs the label more than deleting some other part does."""
    drawn = random.Random(11)
    whole, shorter, other = [], [], []
    for ticket, scored in zip(unseen, bundle.score(unseen), strict=True):
        reasons = scored.predictions["category"].reasons
        rest = [part for part in _parts(ticket) if reasons and part != reasons[0].text.lower()]
        if rest and reasons[0].text.lower() in _parts(ticket):
            whole.append(scored)
            shorter.append(_without(ticket, reasons[0].text))
            other.append(_without(ticket, drawn.choice(rest)))
    assert len(whole) > 100
    labels = [scored.predictions["category"].label for scored in whole]
    won = [
        _chance(one, label) < _chance(two, label)
        for one, two, label in zip(_scored(bundle, shorter), _scored(bundle, other), labels, strict=True)
    ]
    assert np.mean(won) >= 0.9


def _scored(bundle: ModelBundle, tickets: Iterable[Ticket]) -> list[ScoredTicket]:
    return bundle.score(list(tickets), with_reasons=False, article_count=0, similar_count=0)


# --- saving -----------------------------------------------------------------------------------------------------------


def test_a_loaded_bundle_gives_the_same_answers(
    sample_trained: Trained, bundle: ModelBundle, unseen: list[Ticket]
) -> None:
    """What is loaded answers as what was trained, and knows the same of itself."""
    trained = sample_trained.bundle
    for one, other in zip(bundle.score(unseen), trained.score(unseen), strict=True):
        assert_same(one, other, within=1e-9)
    assert bundle.targets == trained.targets
    assert json.dumps(bundle.manifest.metrics) == json.dumps(trained.manifest.metrics)
    assert bundle.manifest.feature_version == FEATURE_VERSION
    for name in ("created_at", "seed", "data_fingerprint", "parts", "languages", "site_patterns"):
        stored, known = getattr(bundle.manifest, name), getattr(trained.manifest, name)
        assert type(known)(stored) == known
    assert set(bundle.evidence_summary()) == {target.name for target in bundle.targets}
    for name, evidence in trained.evidence.items():
        assert bundle.evidence[name].probabilities == pytest.approx(evidence.probabilities, abs=1e-6)


def test_a_bundle_saved_again_is_the_same(bundle: ModelBundle, sample_bundle: Path, tmp_path: Path) -> None:
    """Nothing is lost or added by loading and saving: every file has the same checksum."""
    bundle.save(tmp_path / "again")
    first, again = (
        json.loads((folder / "manifest.json").read_text()) for folder in (sample_bundle, tmp_path / "again")
    )
    assert again == first


def test_a_bundle_is_plain_files(sample_bundle: Path) -> None:
    """JSON, arrays and texts are all there is, and each is listed; nothing of it is pickled."""
    files = {path.relative_to(sample_bundle).as_posix() for path in sample_bundle.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in files} == {".json", ".npz", ".txt"}
    manifest = json.loads((sample_bundle / "manifest.json").read_text(encoding="utf-8"))
    assert files - {"manifest.json"} == set(manifest["files"])
    for name in files:
        if name.endswith(".npz"):
            with np.load(sample_bundle / name, allow_pickle=False) as arrays:
                assert all(arrays[key] is not None for key in arrays.files)


def test_a_bundle_may_lie_anywhere(sample_bundle: Path, tmp_path: Path, unseen: list[Ticket]) -> None:
    """A folder that was moved, under a name in any script, is the same model."""
    folder = tmp_path / "모델 버전 (1)"
    ModelBundle.load(sample_bundle).save(folder)
    assert_same(
        ModelBundle.load(folder).score(unseen[:1])[0], ModelBundle.load(sample_bundle).score(unseen[:1])[0], within=0.0
    )
