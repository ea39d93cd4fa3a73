"""This product on a fold, by the way that a user's tickets take: files read through the column mapping, a bundle
trained, saved and loaded again, tickets scored.

A method of the product learns from the whole training part of a fold but for its evidence, which thresholds need and
nothing is fitted on: EVIDENCE_SHARE of it here, where no threshold is chosen.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from features.bundle import ModelBundle
from features.errors import EncoderError
from features.predictions import ScoredTicket
from features.tickets import Ticket
from head_to_head.question_sets import QuestionFold, QuestionSet
from head_to_head.tasks import DEPTH, Costs, Floats, Integers, LabelAnswer, SearchAnswer, milliseconds_each
from head_to_head.ticket_sets import Fold, TicketSet
from training.datasets import ArticleTable, HistoryTable, read_articles, read_history
from training.encoder_choice import ChosenEncoder, encoder_or_reason
from training.fit import fit_bundle
from training.progress import Progress
from training.recipe import Recipe, load_recipe
from training.recipe_options import NO_ENCODER, with_options

EVIDENCE_SHARE = 0.01
VAR_DIR = Path(__file__).resolve().parents[2] / "var"
_TRAIN, _EVIDENCE, _TEST = "train", "evidence", "test"
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Product:
    """What trains: a recipe and the text encoder that it names; `lacking` says why there is none where it should be."""

    recipe: Recipe
    encoder: ChosenEncoder | None = None
    lacking: str = ""

    def with_little_evidence(self) -> Product:
        """Return the same with the benchmark's share of evidence in what is not the test."""
        split = self.recipe.split
        share = EVIDENCE_SHARE * (1 - split.test_share)
        return replace(self, recipe=replace(self.recipe, split=replace(split, evidence_share=share)))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A bundle as it was loaded again, how long it took to train and how large it is."""

    bundle: ModelBundle
    seconds: float
    size_bytes: int
    lacking: str

    def costs(self, milliseconds: float) -> Costs:
        """Return what it took, the tickets of the evidence told apart."""
        parts = self.bundle.manifest.parts
        evidence = f"and {parts['evidence']:,} set apart as evidence" if parts["evidence"] else ""
        note = "; ".join(filter(None, (evidence, self.lacking.rstrip("."))))
        return Costs(self.seconds, milliseconds, self.size_bytes, parts["train"], note)


def product_of(recipe_name: str, *, encoder: str | None = None, folder: Path) -> Product:
    """Return a recipe by name or file with its text encoder, which is kept under `folder`.

    `encoder` names another one than the recipe does, `none` for no one. One that the recipe names and that cannot be
    had is said to be lacking, as in training; raises EncoderError for one that is asked for here.
    """
    recipe = with_options(load_recipe(recipe_name), encoder=encoder)
    chosen, reasons = encoder_or_reason(recipe.encoder, var_dir=folder, progress=Progress(is_shown=True))
    if not reasons:
        return Product(recipe, chosen)
    if encoder is not None:
        raise EncoderError(reasons[0])
    return Product(with_options(recipe, encoder=NO_ENCODER), lacking=reasons[0])


def label(tickets: TicketSet, fold: Fold, *, product: Product, seed: int) -> LabelAnswer:
    """Return what a bundle trained on the fold says of its tickets."""
    history, given = _history(tickets, fold, least=product.recipe.least_tickets_per_label)
    asked = [tickets.history.rows[place].ticket() for place in fold.test]
    with fitted(history, None, product=product, seed=seed, given=given) as made:
        # The label needs neither articles nor similar tickets; a rival gives none.
        bundle = replace(made.bundle, articles=None, similar_tickets=None)
        scored = _scored(bundle, asked)
        milliseconds = milliseconds_each(lambda ticket: _scored(bundle, [ticket]), asked)
        probabilities = np.array([_probabilities(each, tickets) for each in scored])
        return LabelAnswer(probabilities, made.costs(milliseconds))


def search(questions: QuestionSet, fold: QuestionFold, *, product: Product, seed: int) -> SearchAnswer:
    """Return which articles a bundle trained on them, and on past questions where there are any, finds."""
    with tempfile.TemporaryDirectory() as folder:
        articles = _articles(questions, Path(folder))
        history, given = _past_questions(questions, fold, Path(folder)) if len(fold.past) else (None, None)
    asked = [Ticket(id=f"asked-{place}", body=questions.questions[place]) for place in fold.asked]
    with fitted(history, articles, product=product, seed=seed, given=given) as made:
        bundle = replace(made.bundle, similar_tickets=None)
        # A rival always gives an answer: what is compared is the order.
        scored = [
            bundle.score([ticket], with_reasons=False, article_count=DEPTH, only_fitting=False)[0] for ticket in asked
        ]
        milliseconds = milliseconds_each(lambda ticket: bundle.score([ticket], with_reasons=False), asked)
        found = _padded([[int(article.id) for article in each.articles] for each in scored])
        costs = made.costs(milliseconds)
        return SearchAnswer(found, costs if len(fold.past) else replace(costs, fitted_count=0))


def find_duplicates(reports: QuestionSet, fold: QuestionFold, *, product: Product, seed: int) -> SearchAnswer:
    """Return the reports nearest to each that is asked, from a bundle trained on all of them to tell severities.

    The links of the fold's past reports teach what a duplicate is; of those asked about no link is known.
    """
    with tempfile.TemporaryDirectory() as folder:
        history = _reports(reports, fold, Path(folder))
    shares = [EVIDENCE_SHARE, EVIDENCE_SHARE, 1 - 2 * EVIDENCE_SHARE]
    random = np.random.default_rng(seed)
    given = random.choice([_EVIDENCE, _TEST, _TRAIN], size=len(reports.articles), p=shares).tolist()
    place_of = {article.id: place for place, article in enumerate(reports.articles)}
    asked = [history.rows[reports.itself[place]].ticket() for place in fold.asked]
    with fitted(history, None, product=product, seed=seed, given=given) as made:

        def nearest(ticket: Ticket) -> ScoredTicket:
            return made.bundle.score([ticket], with_reasons=False, similar_count=DEPTH, only_fitting=False)[0]

        found = [[place_of[each.id] for each in nearest(ticket).similar_tickets] for ticket in asked]
        return SearchAnswer(_padded(found), made.costs(milliseconds_each(nearest, asked)))


@contextmanager
def fitted(
    history: HistoryTable | None,
    articles: ArticleTable | None,
    *,
    product: Product,
    seed: int,
    given: Sequence[str] | None = None,
) -> Iterator[Fitted]:
    """Train a bundle, save it and load it again; its folder is there as long as it is used."""
    with tempfile.TemporaryDirectory() as name:
        # What is distilled is distilled anew each time, so that its time counts.
        encoder = product.encoder and replace(product.encoder, var_dir=Path(name))
        start = time.perf_counter()
        trained = fit_bundle(
            history,
            articles,
            recipe=product.recipe,
            seed=seed,
            given_split=given,
            chosen_encoder=encoder,
            progress=Progress(is_shown=False),
        )
        seconds = time.perf_counter() - start
        folder = Path(name) / "bundle"
        trained.bundle.save(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        yield Fitted(ModelBundle.load(folder), seconds, size, product.lacking)


def _scored(bundle: ModelBundle, tickets: Sequence[Ticket]) -> list[ScoredTicket]:
    batches = (tickets[start : start + _BATCH] for start in range(0, len(tickets), _BATCH))
    return [each for batch in batches for each in bundle.score(batch, with_reasons=False)]


def _probabilities(scored: ScoredTicket, tickets: TicketSet) -> Floats:
    """Return the probability of every label of the set: zero for one too rare to be learned, equal for a failure."""
    prediction = scored.predictions.get(tickets.target)
    if prediction is None:
        return np.full(len(tickets.labels), 1 / len(tickets.labels))
    of_label = {ranked.label: ranked.probability for ranked in prediction.ranking}
    return np.array([of_label.get(label, 0.0) for label in tickets.labels])


def _history(tickets: TicketSet, fold: Fold, *, least: int) -> tuple[HistoryTable, list[str]]:
    """Return the tickets of the fold and the part of each.

    A label that the past does not hold often enough to be learned is taken from the tickets to be labelled, whose
    true labels a user would not know: they must not help it over that number.
    """
    history = tickets.history
    is_test = np.zeros(len(history.rows), np.bool_)
    is_test[fold.test] = True
    counts = Counter(getattr(history.rows[place], tickets.target) for place in fold.train)
    places = np.sort(np.concatenate([fold.train, fold.test]))
    rows = [history.rows[place] for place in places]
    given = [_TEST if is_test[place] else _TRAIN for place in places]
    is_unlearned = [
        part == _TEST and counts[getattr(row, tickets.target)] < least for row, part in zip(rows, given, strict=True)
    ]
    known = [
        replace(row, **{tickets.target: None}) if unlearned else row
        for row, unlearned in zip(rows, is_unlearned, strict=True)
    ]
    lines = tuple(history.lines[place] for place in places)
    return replace(history, rows=tuple(known), lines=lines, kept_columns={}), given


def _articles(questions: QuestionSet, folder: Path) -> ArticleTable:
    """Return the articles as they are read; where the titles are what is asked, they go before anything learns."""
    rows = (
        {"id": str(number), "title": article.title or "untitled", "body": article.body}
        for number, article in enumerate(questions.articles)
    )
    table = read_articles(_written(folder / "articles.jsonl", rows))
    titled = zip(table.rows, questions.articles, strict=True)
    return replace(table, rows=tuple(replace(row, title=article.title) for row, article in titled))


def _past_questions(questions: QuestionSet, fold: QuestionFold, folder: Path) -> tuple[HistoryTable, list[str]]:
    """Return the fold's questions as tickets that articles resolved."""
    is_asked = np.zeros(len(questions.questions), np.bool_)
    is_asked[fold.asked] = True
    rows = (
        {"id": f"question-{place}", "body": text, "article_ids": sorted(map(str, questions.relevant[place]))}
        for place, text in enumerate(questions.questions)
    )
    history = read_history(_written(folder / "history.jsonl", rows))
    return history, [_TEST if asked else _TRAIN for asked in is_asked]


def _reports(reports: QuestionSet, fold: QuestionFold, folder: Path) -> HistoryTable:
    """Return the reports as tickets, with the links of the fold's past ones."""
    names = [report.id for report in reports.articles]
    original_of = {reports.itself[place]: names[min(reports.relevant[place])] for place in fold.past}
    rows = (
        {
            "id": report.id,
            "subject": report.title,
            "body": report.body,
            **reports.circumstances[place],
            "duplicate_of": original_of.get(place, ""),
        }
        for place, report in enumerate(reports.articles)
    )
    return read_history(_written(folder / "history.jsonl", rows))


def _written(path: Path, rows: Iterator[Mapping[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def _padded(found: Sequence[Sequence[int]]) -> Integers:
    return np.array([[*places, *[-1] * DEPTH][:DEPTH] for places in found], np.int64)
