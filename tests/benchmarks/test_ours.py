"""Ours takes the way of a user's tickets, and learns nothing from those that it is asked about."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from head_to_head import ours
from head_to_head.question_sets import QuestionFold, QuestionSet
from head_to_head.ticket_sets import Fold, TicketSet, ticket_set

from features.articles import KbArticle
from features.errors import EncoderError
from features.history import HistoryRow
from training.datasets import HistoryTable
from training.recipe import BoostedRecipe, Recipe, SplitRecipe

_RECIPE = Recipe(
    name="tiny",
    least_tickets_per_label=6,
    neighbours=False,
    boosted=BoostedRecipe(rounds=5),
    split=SplitRecipe(folds=2),
)
_PRODUCT = ours.Product(_RECIPE)
_THINGS = {"프린터": ["용지", "토너", "복합기"], "접속": ["vpn", "원격", "인증서"], "장비": ["노트북", "모니터", "독"]}


def _tickets(labels: list[str]) -> TicketSet:
    draw = random.Random(1)
    rows = [
        HistoryRow(id=f"t{number}", body=f"{draw.choice(_THINGS[label])} 문제입니다 {number}번 자리", category=label)
        for number, label in enumerate(labels)
    ]
    history = HistoryTable(tuple(rows), tuple(range(len(rows))), len(rows), 0, 0, (), ("category",), ())
    half = len(rows) * 2 // 3
    return ticket_set("invented", history, folds=(Fold("given split", np.arange(half), np.arange(half, len(rows))),))


def test_a_label_with_too_little_past_is_never_given() -> None:
    """The tickets to be labelled must not help a label over the least number of tickets that it needs."""
    tickets = _tickets([*["프린터", "접속"] * 30, *["장비"] * 3, *["프린터", "접속", "장비"] * 9])
    fold = tickets.folds[0]
    tickets = replace(tickets, folds=(Fold(fold.name, np.arange(63), np.arange(63, 90)),))
    answer = ours.label(tickets, tickets.folds[0], product=_PRODUCT, seed=0)
    rare = tickets.labels.index("장비")
    assert answer.probabilities.shape == (27, 3)
    assert (answer.probabilities[:, rare] == 0).all()
    np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1)
    known = tickets.actual[63:] != rare
    assert (answer.probabilities.argmax(axis=1) == tickets.actual[63:])[known].mean() > 0.9


def test_the_recipe_s_share_of_evidence_is_the_benchmark_s_own() -> None:
    """Of all tickets that are not the test a hundredth is set apart, and the note says how many that were."""
    product = _PRODUCT.with_little_evidence()
    recipe = product.recipe
    assert recipe.split.evidence_share / (1 - recipe.split.test_share) == pytest.approx(ours.EVIDENCE_SHARE)
    tickets = _tickets(["프린터", "접속"] * 90)
    costs = ours.label(tickets, tickets.folds[0], product=product, seed=0).costs
    assert 115 <= costs.fitted_count <= 119
    assert costs.note == f"and {120 - costs.fitted_count} set apart as evidence"
    assert costs.size_bytes > 1_000


def _questions() -> QuestionSet:
    articles = [
        KbArticle(str(number), "", f"{' '.join(things)} 점검 방법") for number, things in enumerate(_THINGS.values())
    ]
    places = [number % 3 for number in range(90)]
    words = list(_THINGS.values())
    return QuestionSet(
        name="invented",
        articles=articles,
        questions=[f"{words[place][number % 2]} 고장 {number}" for number, place in enumerate(places)],
        relevant=[frozenset({place}) for place in places],
        korean=True,
        itself=(),
    )


@pytest.mark.parametrize("has_past", [False, True])
def test_articles_are_found_with_and_without_past_questions(has_past: bool) -> None:
    """Found are places of the set's articles, as many rows as questions, padded where nothing more was found."""
    questions = _questions()
    fold = QuestionFold("fold", np.arange(60, 90), np.arange(60) if has_past else np.zeros(0, np.int64))
    answer = ours.search(questions, fold, product=_PRODUCT.with_little_evidence(), seed=0)
    assert answer.found.shape == (30, 10)
    assert answer.found.max() <= 2
    assert [row[0] for row in answer.found.tolist()] == [number % 3 for number in range(60, 90)]
    assert (answer.costs.fitted_count > 50) == has_past


def test_a_report_s_duplicate_is_found_among_all_but_itself() -> None:
    """The nearest of the other reports is given by its place in the pool."""
    draw = random.Random(2)
    parts = {"writer": ["tables", "footnotes", "printing"], "calc": ["formulas", "charts", "filters"]}
    reports = []
    for number in range(40):
        component = [*parts][number % 2]
        text = f"{draw.choice(parts[component])} crash {number + 100} build"
        reports += [(f"{text} after update", component), (f"{text} since update", component)]
    pool = QuestionSet(
        name="invented",
        articles=[KbArticle(str(100 + number), text, f"{text} again") for number, (text, _) in enumerate(reports)],
        questions=[text for text, _ in reports[::2]],
        relevant=[frozenset({place}) for place in range(1, len(reports), 2)],
        korean=False,
        itself=list(range(0, len(reports), 2)),
        circumstances=[{"category": component} for _, component in reports],
    )
    fold = QuestionFold("fold", np.arange(40), np.zeros(0, np.int64))
    answer = ours.find_duplicates(pool, fold, product=_PRODUCT, seed=0)
    assert answer.found.shape == (40, 10)
    assert not (answer.found == np.array(pool.itself)[:, None]).any()
    right = [row[0] in relevant for row, relevant in zip(answer.found.tolist(), pool.relevant, strict=True)]
    assert np.mean(right) > 0.8


def test_an_encoder_that_the_recipe_names_and_cannot_be_had_is_done_without(tmp_path: Path) -> None:
    """It is said in the costs' note why; one that was asked for is refused instead."""
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\n[encoder]\nname = "{tmp_path}"\n', encoding="utf-8")
    lacking = ours.product_of(str(path), folder=tmp_path)
    assert lacking.encoder is None
    assert lacking.recipe.encoder.name == ""
    assert lacking.lacking.startswith("Trained without a text encoder")
    tickets = _tickets(["프린터", "접속"] * 60)
    product = replace(_PRODUCT, lacking=lacking.lacking)
    assert "without a text encoder" in ours.label(tickets, tickets.folds[0], product=product, seed=0).costs.note
    with pytest.raises(EncoderError):
        ours.product_of("fast", encoder=str(tmp_path), folder=tmp_path)
    assert ours.product_of(str(path), encoder="none", folder=tmp_path).lacking == ""
