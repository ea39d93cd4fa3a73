"""The sets of questions are whole, and their folds keep what they promise apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from head_to_head.question_sets import (
    QUESTION_SETS,
    all_at_once,
    over_intents,
    over_problems,
    over_questions,
    read_aivle,
    read_openoffice,
)

_SIZES = {
    "wixqa_en": (160, 173),
    "aivle_faq_ko": (792, 36),
    "aivle_faq_ko_links": (792, 36),
    "smartstore_faq_ko": (2_717, 2_717),
    "openoffice_duplicates_en": (2_499, 4_548),
}


@pytest.mark.parametrize("name", QUESTION_SETS)
def test_every_question_and_article_is_read(shared_datasets: Path, name: str) -> None:
    """So many questions, so many articles, and an answer to each."""
    reading = QUESTION_SETS[name]
    questions = reading.read(shared_datasets / reading.folder)
    assert (len(questions.questions), len(questions.articles)) == _SIZES[name]
    assert all(questions.relevant)
    assert all(0 <= place < len(questions.articles) for right in questions.relevant for place in right)


def test_every_question_is_asked_once(shared_datasets: Path) -> None:
    """In either way of folding; none is asked that was learned from."""
    questions = read_aivle(shared_datasets / "aivle_faq_ko")
    for folds in (over_questions(questions), over_intents(questions)):
        assert sorted(place for fold in folds for place in fold.asked) == list(range(792))
        assert not any(set(fold.asked) & set(fold.past) for fold in folds)


def test_held_out_intents_are_in_no_past_question(shared_datasets: Path) -> None:
    """What is asked was never asked before in other words."""
    questions = read_aivle(shared_datasets / "aivle_faq_ko")
    for fold in over_intents(questions):
        asked, past = ({questions.intents[place] for place in places} for places in (fold.asked, fold.past))
        assert asked
        assert not asked & past


def test_a_report_is_not_its_own_duplicate(shared_datasets: Path) -> None:
    """A report stands in the pool that it is compared with, and is told to be left out."""
    reports = read_openoffice(shared_datasets / "openoffice_duplicates_en", limit=50)
    task = reports.task(all_at_once(reports)[0], seed=0)
    assert len(task.excluded) == 50
    for question, excluded, right in zip(task.questions, task.excluded, reports.relevant, strict=True):
        assert task.article_texts[excluded].split() == question.split()
        assert excluded not in right
    assert len(reports.circumstances) == len(reports.articles)


def test_reports_of_a_problem_stand_on_one_side(shared_datasets: Path) -> None:
    """Every pair is asked once, and no report of those asked is named by a link that was learned from."""
    reports = read_openoffice(shared_datasets / "openoffice_duplicates_en")
    folds = over_problems(reports)
    assert sorted(place for fold in folds for place in fold.asked) == list(range(2_499))
    for fold in folds:
        asked, past = (
            {report for place in places for report in (reports.itself[place], *reports.relevant[place])}
            for places in (fold.asked, fold.past)
        )
        assert not asked & past
