"""From a history and a knowledge base to a bundle: the whole procedure, readable from top to bottom."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.article_ranker import ArticleRanker
from features.articles import KbArticle
from features.bundle import Manifest, ModelBundle
from features.classifier import TargetClassifier
from features.encoder import TextEncoder
from features.errors import HistoryError
from features.evidence import Evidence
from features.glossary import Glossary
from features.history import HistoryRow, ReviewRow, without_attributes
from features.neighbours import NO_LABEL, NeighbourIndex
from features.novelty import Novelty
from features.preparation import PreparedTicket, Preparer
from features.priority_matrix import PriorityMatrix, scorers
from features.redaction import compile_site_patterns
from features.taxonomy import Target
from features.vectorizer import TicketVectorizer
from training.article_fitting import article_of, fit_articles
from training.datasets import ArticleTable, HistoryTable, fingerprint
from training.encoder_choice import ChosenEncoder
from training.encoders import encode_texts
from training.held_out import evidence_of, test_figures
from training.leaks import refuse_leaks
from training.matrix_fitting import OutOfFold, fit_matrix
from training.near_duplicates import has_near_duplicate
from training.parts import LabelledPart, Parts, make_part
from training.progress import Progress
from training.recipe import Recipe
from training.review_files import ReviewTable
from training.reviews import Learned, Reviews, learned_from
from training.scope import in_scope
from training.search import Search, search_recipe
from training.search_trials import Searched
from training.similar_ticket_fitting import fit_similar_tickets
from training.splits import Split, split_history
from training.target_fitting import candidates_of, fit_target, is_ordered, offered
from training.targets import ExcludedLabel, TrainableTargets, trainable_targets


@dataclass(frozen=True, slots=True)
class Trained:
    """A bundle and what the run has to report besides."""

    bundle: ModelBundle
    test_evidence: Mapping[str, Evidence]
    excluded: tuple[ExcludedLabel, ...]
    warnings: tuple[str, ...]
    label_dates: Mapping[str, tuple[tuple[datetime, str], ...]] = field(default_factory=dict)
    searched: Searched | None = None


@dataclass(frozen=True, slots=True)
class _Targets:
    """What was fitted and found for each target that could be trained."""

    classifiers: dict[str, TargetClassifier] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    test_evidence: dict[str, Evidence] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    priority_matrix: PriorityMatrix | None = None


def fit_bundle(
    history: HistoryTable | None,
    articles: ArticleTable | None,
    *,
    reviews: ReviewTable | None = None,
    recipe: Recipe,
    seed: int,
    given_split: Sequence[str] | None = None,
    glossary: Glossary | None = None,
    chosen_encoder: ChosenEncoder | None = None,
    search: Search | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a bundle on a history, on articles, or on both; with an encoder, also on what it makes of the texts.

    Reviews are merged into the history's training part, as `training.reviews` says. With a search, the recipe's numbers
    are first sought on the training part, and the best ones are trained.
    Raises HistoryError where nothing can be learned, RecipeError where an order cannot be told.
    """
    progress = progress or Progress(is_shown=False)
    preparer = Preparer(glossary or Glossary(), compile_site_patterns(recipe.site_patterns))
    kb_articles = [] if articles is None else [article_of(row, preparer) for row in articles.rows]
    if history is None:
        if not kb_articles:
            raise HistoryError("There is nothing to learn from: give a history of tickets, articles, or both.")
        texts = [f"{article.title} {article.body}" for article in kb_articles]
        encoder = None if chosen_encoder is None else chosen_encoder.for_texts(texts, seed=seed, progress=progress)
        return _articles_alone(
            kb_articles, articles, recipe=recipe, seed=seed, glossary=preparer.glossary, encoder=encoder
        )

    rows = [without_attributes(row, recipe.ignored_attributes) for row in history.rows]
    reviewed = () if reviews is None else reviews.rows
    said, count = Reviews.of(reviewed), len(rows)
    rows = list(said.beside(rows))
    found = _trainable(rows, recipe)
    _require_use(found.targets, kb_articles, warnings=found.warnings)
    prepared = [preparer.prepare(row.ticket()) for row in progress.over(rows, doing="reading tickets")]
    suspicions = refuse_leaks(
        rows[:count],
        texts=[ticket.text for ticket in prepared[:count]],
        columns=history.columns,
        targets=[target.name for target in found.targets],
        allowed=recipe.allowed_leaks,
    )
    split = _split(rows[:count], prepared[:count], found.targets, recipe=recipe, seed=seed, given=given_split)
    learned = Learned(rows, split)
    if reviews is not None:
        texts = [ticket.text for ticket in prepared]
        learned = learned_from(said, rows, split=split, texts=texts, history_count=count)
        rows, split = list(learned.rows), learned.split
        found = _trainable(rows, recipe)
    split = in_scope(split, rows) if recipe.leave_out_of_scope else split

    vectorizer = TicketVectorizer(**asdict(recipe.vectorizer)).fit([prepared[place] for place in split.train])
    if not vectorizer.reads_text_:  # fields alone: there is no text that could have neighbours or an embedding
        recipe, chosen_encoder = replace(recipe, neighbours=False), None
    voters = NeighbourIndex.fit([prepared[place].text for place in split.train]) if recipe.neighbours else None
    encoder, embeddings = _embedded(prepared, split, chosen_encoder, seed=seed, progress=progress)
    train = make_part("training", split.train, prepared, vectorizer, embeddings=embeddings, progress=progress)
    searched = None
    if search is not None:
        searched = search_recipe(
            found.targets, rows, train, vectorizer, recipe=recipe, search=search, seed=seed, progress=progress
        )
        recipe = recipe if searched is None else searched.recipe
    held_out, test = (
        make_part(name, places, prepared, vectorizer, voters=voters, embeddings=embeddings, progress=progress)
        for name, places in (("evidence", split.evidence), ("test", split.test))
    )
    parts = Parts(train, held_out, test)
    fitted = _fit_targets(found.targets, learned, parts, vectorizer, recipe=recipe, seed=seed, progress=progress)
    _require_use(fitted.classifiers, kb_articles, warnings=fitted.warnings)
    metrics = fitted.metrics
    ranker, metrics_of_articles = fit_articles(
        kb_articles, rows, prepared, split, encoder=encoder, embeddings=embeddings
    )
    if metrics_of_articles:
        metrics["articles"] = metrics_of_articles
    bundle = ModelBundle(
        manifest=Manifest(
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            product_version=version("ticket-triage"),
            recipe=recipe.as_json(),
            seed=seed,
            data_fingerprint=fingerprint(_all_rows(history, reviewed)),
            parts={**_counts(history, split), **learned.counts},
            languages=_language_counts(train.tickets),
            metrics=metrics,
            site_patterns=recipe.site_patterns,
        ),
        glossary=preparer.glossary,
        vectorizer=vectorizer if fitted.classifiers else None,
        classifiers=fitted.classifiers,
        evidence=fitted.evidence,
        priority_matrix=fitted.priority_matrix,
        articles=ranker,
        similar_tickets=fit_similar_tickets(
            rows, prepared, split, recipe=recipe, encoder=encoder, embeddings=embeddings
        ),
        voters=voters,
        novelty=None if voters is None else Novelty.fit(held_out.neighbours),
        encoder=encoder,
    )
    warnings = (*history.warnings, *found.warnings, *suspicions, *split.warnings, *fitted.warnings)
    return Trained(bundle, fitted.test_evidence, found.excluded, warnings, _label_dates(rows, found.targets), searched)


def _require_use(targets: Collection[Any], articles: Sequence[KbArticle], *, warnings: Sequence[str]) -> None:
    """Raise HistoryError where a model would predict nothing and rank nothing."""
    if not targets and not articles:
        because = " ".join(warnings) or "Name a column of labels, as in --map category=COLUMN."
        raise HistoryError(f"No target can be trained and there are no articles. {because}")


def _all_rows(history: HistoryTable, reviewed: Sequence[ReviewRow]) -> list[HistoryRow | ReviewRow]:
    return [*history.rows, *reviewed]


def _trainable(rows: Sequence[HistoryRow], recipe: Recipe) -> TrainableTargets:
    return trainable_targets(
        rows, minimum_per_class=recipe.least_tickets_per_label, orders=recipe.orders, costs=recipe.costs
    )


def _split(
    rows: Sequence[HistoryRow],
    prepared: Sequence[PreparedTicket],
    targets: Sequence[Target],
    *,
    recipe: Recipe,
    seed: int,
    given: Sequence[str] | None,
) -> Split:
    main = targets[0] if targets else None
    return split_history(
        rows,
        texts=[ticket.text for ticket in prepared],
        labels=[getattr(row, main.name) if main is not None else None for row in rows],
        seed=seed,
        given=given,
        evidence_share=recipe.split.evidence_share,
        test_share=recipe.split.test_share,
    )


def _embedded(
    prepared: Sequence[PreparedTicket],
    split: Split,
    chosen: ChosenEncoder | None,
    *,
    seed: int,
    progress: Progress,
) -> tuple[TextEncoder | None, NDArray[np.float32] | None]:
    """Return the encoder for the texts of the training part, and what it makes of all tickets."""
    if chosen is None:
        return None, None
    lines = [ticket.line for ticket in prepared]
    encoder = chosen.for_texts([lines[place] for place in split.train], seed=seed, progress=progress)
    return encoder, encode_texts(encoder, lines, threads=2, progress=progress)


def _fit_targets(
    targets: Sequence[Target],
    labels: Learned,
    parts: Parts,
    vectorizer: TicketVectorizer,
    *,
    recipe: Recipe,
    seed: int,
    progress: Progress,
) -> _Targets:
    """Fit each target on the training part, then see what it says of the other two."""
    known = [*parts.train.matrices.texts, *parts.evidence.matrices.texts]
    is_repeated = has_near_duplicate(parts.test.matrices.texts, known)
    found = _Targets()
    labelled: dict[str, list[LabelledPart]] = {}
    out_of_fold: dict[str, OutOfFold] = {}
    for target in targets:
        parts_of_target = [LabelledPart.of(part, labels.rows, target) for part in parts.all()]
        lacking = _lacking(target, parts_of_target)
        if lacking:
            found.warnings.append(lacking)
            continue
        train, labelled[target.name] = parts_of_target[0], parts_of_target
        weights = labels.weights.get(target.name)
        fitted = fit_target(
            target,
            offered(target, train.matrices(weights), vectorizer),
            train.actual,
            candidates=candidates_of(
                recipe,
                vectorizer,
                ticket_count=len(train.actual),
                has_encoder=parts.train.matrices.embeddings is not None,
                has_order=is_ordered(target),
            ),
            split=recipe.split,
            seed=seed,
            progress=progress,
        )
        classifier = _with_all_voters(fitted.classifier, train, ticket_count=len(parts.train.tickets))
        found.classifiers[target.name] = classifier
        found.metrics[target.name] = {"pool_weights": fitted.pool_weights, "kind": target.kind.value}
        out_of_fold[target.name] = OutOfFold(train.inside, train.actual, fitted.out_of_fold)
    learned = fit_matrix(out_of_fold)
    if learned is not None:
        found.metrics["priority"]["matrix"] = learned.as_json()
        found = replace(found, priority_matrix=learned.matrix if learned.is_in_force else None)
    for name, scorer in scorers(found.classifiers, found.priority_matrix).items():
        _, held_out, test = labelled[name]
        found.evidence[name] = evidence_of(scorer, held_out)
        found.test_evidence[name] = evidence_of(scorer, test)
        found.metrics[name] |= test_figures(
            scorer.target, found.test_evidence[name], labelled[name], is_repeated=is_repeated, seed=seed
        )
    return found


def _with_all_voters(classifier: TargetClassifier, train: LabelledPart, *, ticket_count: int) -> TargetClassifier:
    """Return the classifier with its votes tied to the index of the whole training part, which all targets share."""
    if classifier.voting is None:
        return classifier
    labels = np.full(ticket_count, NO_LABEL, np.int32)
    labels[train.inside] = train.actual
    return replace(classifier, voting=replace(classifier.voting, labels=labels))


def _lacking(target: Target, labelled: Sequence[LabelledPart]) -> str:
    """Return why a target cannot be trained on this split, or an empty text."""
    train, held_out, test = labelled
    present = np.bincount(train.actual, minlength=len(target.labels))
    if (present < 2).any():
        label = target.labels[int(present.argmin())]
        return f"'{target.name}' is not trained: the training part has fewer than 2 tickets with the label '{label}'."
    for name, part in (("evidence", held_out), ("test", test)):
        if not len(part.actual):
            return f"'{target.name}' is not trained: no ticket of the {name} part has a label for it."
    return ""


def _counts(history: HistoryTable, split: Split) -> dict[str, int]:
    return {
        "read": history.read_count,
        "invalid": history.invalid_count,
        "duplicates": history.duplicates_count + len(split.dropped),
        "train": len(split.train),
        "evidence": len(split.evidence),
        "test": len(split.test),
    }


def _language_counts(tickets: Sequence[PreparedTicket]) -> dict[str, int]:
    names, counts = np.unique([ticket.language.value for ticket in tickets], return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _label_dates(rows: Sequence[HistoryRow], targets: Sequence[Target]) -> dict[str, tuple[tuple[datetime, str], ...]]:
    """Return when each label was given, for the figure of the distribution over time."""
    return {
        target.name: tuple(
            (row.created_at, label)
            for row in rows
            if row.created_at is not None and (label := getattr(row, target.name)) in target.labels
        )
        for target in targets
    }


def _articles_alone(
    articles: Sequence[KbArticle],
    table: ArticleTable | None,
    *,
    recipe: Recipe,
    seed: int,
    glossary: Glossary,
    encoder: TextEncoder | None,
) -> Trained:
    """Return a bundle that ranks articles and predicts nothing else."""
    assert table is not None
    manifest = Manifest(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        product_version=version("ticket-triage"),
        recipe=recipe.as_json(),
        seed=seed,
        data_fingerprint=fingerprint(table.rows),
        parts={"read": 0, "invalid": 0, "duplicates": 0, "train": 0, "evidence": 0, "test": 0},
        languages={},
        metrics={"articles": {"articles": len(articles)}},
        site_patterns=recipe.site_patterns,
    )
    bundle = ModelBundle(
        manifest, glossary, None, {}, {}, ArticleRanker.fit(articles, encoder=encoder), None, encoder=encoder
    )
    return Trained(bundle, {}, (), table.warnings)
