"""The public sets of questions and the articles that answer them, and of reports and their duplicates.

Each is read from its own file, and handed to the product as files of the product's own columns.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from features.articles import KbArticle
from head_to_head.fingerprints import fingerprint_of
from head_to_head.tasks import Integers, SearchTask
from training.duplicates import problems_of

FOLDS = 5


@dataclass(frozen=True, slots=True)
class QuestionFold:
    """The questions asked, and the past ones whose answers are known, by their places in the set."""

    name: str
    asked: Integers
    past: Integers = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions to articles; `relevant` holds, for each question, the positions of the articles that answer it.

    `intents` groups questions that want the same. Where the articles are past reports and a question is one of them,
    `itself` holds its position and `circumstances` what is known of each report beside its text, by product column.
    """

    name: str
    articles: Sequence[KbArticle]
    questions: Sequence[str]
    relevant: Sequence[frozenset[int]]
    korean: bool
    intents: Sequence[str] = ()
    itself: Sequence[int] = ()
    circumstances: Sequence[Mapping[str, Any]] = ()

    @property
    def article_texts(self) -> list[str]:
        """Title and body of every article."""
        return [f"{article.title}\n{article.body}".strip() for article in self.articles]

    @property
    def data(self) -> str:
        """What changes when an article, a question or an answer does."""
        content = [[asdict(article) for article in self.articles], list(self.questions), list(self.itself)]
        answers = [sorted(each) for each in self.relevant]
        return fingerprint_of(json.dumps([*content, answers, list(self.intents), list(self.circumstances)]))

    def task(self, fold: QuestionFold, *, seed: int) -> SearchTask:
        """Return what a rival is given of a fold."""
        return SearchTask(
            article_texts=self.article_texts,
            questions=[self.questions[place] for place in fold.asked],
            excluded=[self.itself[place] if self.itself else -1 for place in fold.asked],
            past_texts=[self.questions[place] for place in fold.past],
            past_links=[sorted(self.relevant[place]) for place in fold.past],
            is_korean=self.korean,
            seed=seed,
        )


# --- the folds --------------------------------------------------------------------------------------------------------


def all_at_once(questions: QuestionSet) -> tuple[QuestionFold, ...]:
    """Return every question in one fold without any past one: the articles alone decide."""
    return (QuestionFold("articles alone", np.arange(len(questions.questions))),)


def over_questions(questions: QuestionSet) -> tuple[QuestionFold, ...]:
    """Return fifths of the questions, each with the links of the other four. Paraphrases stand on both sides."""
    dealt = np.random.default_rng(0).permutation(len(questions.questions)) % FOLDS
    return tuple(
        QuestionFold(f"fold {fold + 1} of {FOLDS}", np.flatnonzero(dealt == fold), np.flatnonzero(dealt != fold))
        for fold in range(FOLDS)
    )


def over_intents(questions: QuestionSet) -> tuple[QuestionFold, ...]:
    """Return folds in which whole intents are asked of which no past question is known."""
    parts = GroupKFold(min(FOLDS, len(set(questions.intents)))).split(questions.questions, groups=questions.intents)
    return tuple(
        QuestionFold(f"intents held out, fold {number} of {FOLDS}", asked, past)
        for number, (past, asked) in enumerate(parts, start=1)
    )


def over_problems(questions: QuestionSet) -> tuple[QuestionFold, ...]:
    """Return folds in which whole problems are asked: no report that links join stands on both sides."""
    names = [str(place) for place in range(len(questions.articles))]
    original_of = [""] * len(names)
    for place, right in zip(questions.itself, questions.relevant, strict=True):
        original_of[place] = names[min(right)]
    problem_of = problems_of(names, original_of)
    groups = [problem_of[place] for place in questions.itself]
    parts = GroupKFold(min(FOLDS, len(set(groups)))).split(questions.questions, groups=groups)
    return tuple(
        QuestionFold(f"fold {number} of {FOLDS} by problem", asked, past)
        for number, (past, asked) in enumerate(parts, start=1)
    )


# --- the sets ---------------------------------------------------------------------------------------------------------


def read_wixqa(folder: Path, *, limit: int = 0) -> QuestionSet:
    rows, questions = json_lines(folder / "articles.jsonl"), json_lines(folder / "questions.jsonl")
    position = {row["id"]: number for number, row in enumerate(rows)}
    return _limited(
        QuestionSet(
            name=folder.name,
            articles=[KbArticle(str(number), row["title"], row["body"]) for number, row in enumerate(rows)],
            questions=[row["question"] for row in questions],
            relevant=[frozenset(position[name] for name in row["article_ids"]) for row in questions],
            korean=False,
        ),
        limit,
    )


def read_smartstore(folder: Path, *, limit: int = 0) -> QuestionSet:
    """Title without tags to body: the title is the question, so the index holds bodies alone."""
    rows = json_lines(folder / "articles.jsonl")
    return _limited(
        QuestionSet(
            name=folder.name,
            articles=[KbArticle(str(number), "", row["body"]) for number, row in enumerate(rows)],
            questions=[row["title"] for row in rows],
            relevant=[frozenset({number}) for number in range(len(rows))],
            korean=True,
        ),
        limit,
    )


def read_aivle(folder: Path, *, limit: int = 0) -> QuestionSet:
    """Question to the different answers; every answer of the same intent is relevant."""
    with (folder / "faq_queries.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    answers = list(dict.fromkeys(row["A"] for row in rows))
    intents: dict[str, set[int]] = {}
    for row in rows:
        intents.setdefault(row["intent"], set()).add(answers.index(row["A"]))
    return _limited(
        QuestionSet(
            name=folder.name,
            articles=[KbArticle(str(number), "", answer) for number, answer in enumerate(answers)],
            questions=[row["Q"] for row in rows],
            relevant=[frozenset(intents[row["intent"]]) for row in rows],
            korean=True,
            intents=[row["intent"] for row in rows],
        ),
        limit,
    )


def read_openoffice(folder: Path, *, limit: int = 0) -> QuestionSet:
    """A report to the one it duplicates, among all reports; a trial run has the reports of its pairs alone."""
    with gzip.open(folder / "pairs.csv.gz", "rt", encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file))[: limit or None]
    reports = {pair[f"bug_id_{side}"]: _report(pair, side) for pair in pairs for side in "xy"}
    position = {name: number for number, name in enumerate(reports)}
    return QuestionSet(
        name=folder.name,
        articles=[article for article, _ in reports.values()],
        questions=[f"{pair['title_x']}\n{pair['description_x']}" for pair in pairs],
        relevant=[frozenset({position[pair["bug_id_y"]]}) for pair in pairs],
        korean=False,
        itself=[position[pair["bug_id_x"]] for pair in pairs],
        circumstances=[circumstances for _, circumstances in reports.values()],
    )


def _report(pair: Mapping[str, str], side: str) -> tuple[KbArticle, dict[str, Any]]:
    article = KbArticle(pair[f"bug_id_{side}"], pair[f"title_{side}"], pair[f"description_{side}"])
    circumstances = {
        "kind": pair[f"sev_{side}"],
        "product": pair[f"product_{side}"],
        "created_at": pair[f"creation_ts_{side}"],
        "attributes": {"component": pair[f"component_{side}"]},
    }
    return article, circumstances


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a set lies, how it is read, and the ways in which its questions are folded; the first has no name."""

    folder: str
    read: Callable[..., QuestionSet]
    folds: Mapping[str, Callable[[QuestionSet], tuple[QuestionFold, ...]]]


_ALONE: Mapping[str, Any] = {"": all_at_once}
QUESTION_SETS: Mapping[str, Reading] = {
    "wixqa_en": Reading("wixqa_en", read_wixqa, _ALONE),
    "aivle_faq_ko": Reading("aivle_faq_ko", read_aivle, _ALONE),
    "aivle_faq_ko_links": Reading("aivle_faq_ko", read_aivle, {"": over_questions, "intents_held_out": over_intents}),
    "smartstore_faq_ko": Reading("smartstore_faq_ko", read_smartstore, _ALONE),
    "openoffice_duplicates_en": Reading("openoffice_duplicates_en", read_openoffice, {"": over_problems}),
}


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _limited(questions: QuestionSet, limit: int) -> QuestionSet:
    """Return the set of a trial run: so many questions over its whole length, and every article."""
    count = len(questions.questions)
    places = np.unique(np.linspace(0, count - 1, min(limit or count, count)).astype(int)).tolist()
    return replace(
        questions,
        questions=[questions.questions[place] for place in places],
        relevant=[questions.relevant[place] for place in places],
        intents=[questions.intents[place] for place in places] if questions.intents else (),
    )
