"""From a history and a knowledge base to a bundle: the whole procedure, readable from top to bottom."""

from __future__ import annotations

import itertools
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
from features.classifier import TargetClassifier, probabilities
from features.errors import HistoryError
from features.evidence import Evidence
from features.glossary import Glossary
from features.history import HistoryRow
from features.neighbours import NO_LABEL, NeighbourIndex
from features.preparation import PreparedTicket, Preparer
from features.redaction import compile_site_patterns
from features.similar_tickets import SimilarTickets
from features.taxonomy import TARGET_NAMES, Target
from features.vectorizer import FeatureRow, TicketVectorizer
from training.datasets import ArticleTable, HistoryTable, fingerprint
from training.evaluation import baseline_predictions, evaluate, evaluate_articles
from training.near_duplicates import has_near_duplicate
from training.parts import LabelledPart, Parts, make_part
from training.progress import Progress
from training.recipe import Recipe
from training.splits import Split, split_history
from training.target_fitting import candidates_of, fit_target
from training.targets import ExcludedLabel, trainable_targets


@dataclass(frozen=True, slots=True)
class Trained:
    """A bundle and what the run has to report besides."""

    bundle: ModelBundle
    test_evidence: Mapping[str, Evidence]
    excluded: tuple[ExcludedLabel, ...]
    warnings: tuple[str, ...]
    label_dates: Mapping[str, tuple[tuple[datetime, str], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Targets:
    """What was fitted and found for each target that could be trained."""

    classifiers: dict[str, TargetClassifier] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    test_evidence: dict[str, Evidence] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def fit_bundle(
    history: HistoryTable | None,
    articles: ArticleTable | None,
    *,
    recipe: Recipe,
    seed: int,
    given_split: Sequence[str] | None = None,
    glossary: Glossary | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a bundle on a history, on articles, or on both.

    Raises HistoryError where nothing can be learned, RecipeError where an order cannot be told.
    """
    progress = progress or Progress(is_shown=False)
    preparer = Preparer(glossary or Glossary(), compile_site_patterns(recipe.site_patterns))
    kb_articles = [] if articles is None else [_article(row, preparer) for row in articles.rows]
    if history is None:
        if not kb_articles:
            raise HistoryError("There is nothing to learn from: give a history of tickets, articles, or both.")
        return _articles_alone(kb_articles, articles, recipe=recipe, seed=seed, glossary=preparer.glossary)

    rows = history.rows
    found = trainable_targets(rows, minimum_per_class=recipe.least_tickets_per_label, orders=recipe.orders)
    _require_use(found.targets, kb_articles, warnings=found.warnings)
    prepared = [preparer.prepare(row.ticket()) for row in progress.over(rows, doing="reading tickets")]
    split = _split(rows, prepared, found.targets, recipe=recipe, seed=seed, given=given_split)

    vectorizer = TicketVectorizer(**asdict(recipe.vectorizer)).fit([prepared[place] for place in split.train])
    voters = NeighbourIndex.fit([prepared[place].text for place in split.train]) if recipe.neighbours else None
    train = make_part("training", split.train, prepared, vectorizer, progress=progress)
    held_out, test = (
        make_part(name, places, prepared, vectorizer, voters=voters, progress=progress)
        for name, places in (("evidence", split.evidence), ("test", split.test))
    )
    parts = Parts(train, held_out, test)
    fitted = _fit_targets(found.targets, rows, parts, vectorizer, recipe=recipe, seed=seed, progress=progress)
    _require_use(fitted.classifiers, kb_articles, warnings=fitted.warnings)
    metrics = fitted.metrics
    ranker, metrics_of_articles = _articles(kb_articles, rows, prepared, split)
    if metrics_of_articles:
        metrics["articles"] = metrics_of_articles
    bundle = ModelBundle(
        manifest=Manifest(
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            product_version=version("ticket-triage"),
            recipe=recipe.as_json(),
            seed=seed,
            data_fingerprint=fingerprint(rows),
            parts=_counts(history, split),
            languages=_language_counts(train.tickets),
            metrics=metrics,
            site_patterns=recipe.site_patterns,
        ),
        glossary=preparer.glossary,
        vectorizer=vectorizer if fitted.classifiers else None,
        classifiers=fitted.classifiers,
        evidence=fitted.evidence,
        articles=ranker,
        similar_tickets=_similar_tickets(rows, prepared, split, recipe=recipe),
        voters=voters if any(classifier.voting for classifier in fitted.classifiers.values()) else None,
    )
    warnings = (*history.warnings, *found.warnings, *split.warnings, *fitted.warnings)
    return Trained(bundle, fitted.test_evidence, found.excluded, warnings, _label_dates(rows, found.targets))


def _require_use(targets: Collection[Any], articles: Sequence[KbArticle], *, warnings: Sequence[str]) -> None:
    """Raise HistoryError where a model would predict nothing and rank nothing."""
    if not targets and not articles:
        because = " ".join(warnings) or "Name a column of labels, as in --map category=COLUMN."
        raise HistoryError(f"No target can be trained and there are no articles. {because}")


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


def _fit_targets(
    targets: Sequence[Target],
    rows: Sequence[HistoryRow],
    parts: Parts,
    vectorizer: TicketVectorizer,
    *,
    recipe: Recipe,
    seed: int,
    progress: Progress,
) -> _Targets:
    """Fit each target on the training part, then see what it says of the other two."""
    candidates = candidates_of(recipe, vectorizer)
    known = [*parts.train.matrices.texts, *parts.evidence.matrices.texts]
    is_repeated = has_near_duplicate(parts.test.matrices.texts, known)
    found = _Targets()
    for target in targets:
        labelled = [LabelledPart.of(part, rows, target) for part in parts.all()]
        lacking = _lacking(target, labelled)
        if lacking:
            found.warnings.append(lacking)
            continue
        train, held_out, test = labelled
        fitted = fit_target(
            target,
            parts.train.matrices.at(train.inside),
            train.actual,
            candidates=candidates,
            split=recipe.split,
            seed=seed,
            progress=progress,
        )
        classifier = _with_all_voters(fitted.classifier, train, ticket_count=len(parts.train.tickets))
        found.classifiers[target.name] = classifier
        found.evidence[target.name] = _evidence(classifier, held_out)
        found.test_evidence[target.name] = _evidence(classifier, test)
        figures = _metrics(found.test_evidence[target.name], labelled, is_repeated=is_repeated, seed=seed)
        found.metrics[target.name] = figures | {"pool_weights": fitted.pool_weights, "kind": target.kind.value}
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


def _evidence(classifier: TargetClassifier, labelled: LabelledPart) -> Evidence:
    """Return what the classifier says of a part's labelled tickets, with the code that serves them."""
    part, inside = labelled.part, labelled.inside
    matrices = part.matrices.at(inside)
    starts = matrices.counts.indptr
    bounds = list(itertools.pairwise(starts))
    rows = [FeatureRow(matrices.counts.indices[low:high], matrices.counts.data[low:high]) for low, high in bounds]
    values = [matrices.values.data[low:high] for low, high in bounds]
    neighbours = [part.neighbours[place] for place in inside] if classifier.voting is not None else []
    scores = classifier.scores(rows, values, neighbours)
    languages = np.array([part.tickets[place].language.value for place in inside], dtype=np.str_)
    return Evidence(classifier.target.labels, probabilities(scores), labelled.actual, languages)


def _metrics(
    evidence: Evidence, labelled: Sequence[LabelledPart], *, is_repeated: NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """Return the test figures beside a baseline that saw the training and the evidence part."""
    train, held_out, test = labelled
    known = np.concatenate([train.actual, held_out.actual])
    baseline = baseline_predictions([*train.texts, *held_out.texts], known, test.texts, seed=seed)
    majority = int(np.bincount(known).argmax())
    return evaluate(evidence, baseline=baseline, majority=majority, is_repeated=is_repeated[test.inside], seed=seed)


def _article(row: Any, preparer: Preparer) -> KbArticle:
    return KbArticle(
        id=row.id,
        title=row.title,
        body=preparer.prepare_text(row.body),
        language=row.language,
        url=row.url,
        tags=row.tags,
        audience=row.audience,
        updated_at=row.updated_at,
    )


def _articles(
    articles: Sequence[KbArticle], rows: Sequence[HistoryRow], prepared: Sequence[PreparedTicket], split: Split
) -> tuple[ArticleRanker | None, dict[str, Any]]:
    """Return the ranker, taught by the links of the training part, and its figures on those of the test part."""
    if not articles:
        return None, {}
    linked = [place for place in split.train if rows[place].article_ids]
    ranker = ArticleRanker.fit(
        articles,
        past_texts=[prepared[place].text for place in linked],
        past_links=[rows[place].article_ids for place in linked],
    )
    known = {article.id for article in articles}
    asked = [place for place in split.test if known.intersection(rows[place].article_ids)]
    if not asked:
        return ranker, {"articles": len(articles)}
    actual = [rows[place].article_ids for place in asked]
    plain = ArticleRanker.fit(articles)
    figures = {
        name: evaluate_articles(
            [[found.id for found in each.rank(prepared[place].text, count=10)] for place in asked], actual
        )
        for name, each in (("ranker", ranker), ("articles_alone", plain))
    }
    return ranker, {**figures["ranker"], "articles": len(articles), "baseline": figures["articles_alone"]}


def _similar_tickets(
    rows: Sequence[HistoryRow], prepared: Sequence[PreparedTicket], split: Split, *, recipe: Recipe
) -> SimilarTickets:
    """Index every ticket but repeats: nothing is fitted to labels here, so later parts may be shown too."""
    places = sorted((*split.train, *split.evidence, *split.test))
    return SimilarTickets.fit(
        [prepared[place].text for place in places],
        ids=[rows[place].id for place in places],
        labels=[_labels(rows[place]) for place in places],
        article_ids=[rows[place].article_ids for place in places],
        groups=[rows[place].group or "" for place in places],
        restricted_groups=frozenset(recipe.restricted_groups),
    )


def _labels(row: HistoryRow) -> dict[str, str]:
    return {name: label for name in TARGET_NAMES if (label := getattr(row, name)) is not None}


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
    articles: Sequence[KbArticle], table: ArticleTable | None, *, recipe: Recipe, seed: int, glossary: Glossary
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
    bundle = ModelBundle(manifest, glossary, None, {}, {}, ArticleRanker.fit(articles), None)
    return Trained(bundle, {}, (), table.warnings)
