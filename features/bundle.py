"""What trains together loads together: one version of a model, from a ticket to predictions for every target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from lightgbm.basic import LightGBMError

from features.article_ranker import ArticleRanker
from features.bundle_files import BundleReader, BundleWriter
from features.classifier import Embedding, TargetClassifier, probabilities
from features.costs import advice
from features.encoder import TextEncoder, load_encoder
from features.errors import BundleError, TriageError
from features.evidence import Evidence
from features.glossary import Glossary
from features.neighbours import NeighbourIndex
from features.novelty import Novelty
from features.out_of_scope import out_of_scope
from features.predictions import Prediction, RankedArticle, RankedLabel, ScoredTicket
from features.preparation import PreparedTicket, Preparer
from features.priority_matrix import PriorityMatrix, Scorer, scorers
from features.reasons import TicketParts
from features.redaction import compile_site_patterns
from features.similar_tickets import SimilarTickets
from features.taxonomy import TARGET_NAMES, Target
from features.tickets import Ticket
from features.vectorizer import FloatArray, TicketVectorizer

# Raised by one whenever the same ticket may give other features: an older bundle is then refused.
FEATURE_VERSION = 2
_ENCODER = "encoder"
# What reading parts that do not fit together ends in.
_DAMAGE = (AttributeError, LookupError, TypeError, ValueError, AssertionError, LightGBMError, TriageError)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a bundle comes from and what it was worth.

    `metrics` holds for each target, and for `articles`, the figures of the test part; `parts` the number of
    tickets read, left out and in each part; `languages` the number of training tickets in each language.
    """

    created_at: str
    product_version: str
    recipe: Mapping[str, Any]
    seed: int
    data_fingerprint: str
    parts: Mapping[str, int]
    languages: Mapping[str, int]
    metrics: Mapping[str, Any]
    site_patterns: tuple[str, ...] = ()
    feature_version: int = FEATURE_VERSION


@dataclass(frozen=True)
class ModelBundle:
    """A trained model: immutable, safe to score with from several threads."""

    manifest: Manifest
    glossary: Glossary
    vectorizer: TicketVectorizer | None
    classifiers: Mapping[str, TargetClassifier]
    evidence: Mapping[str, Evidence]
    articles: ArticleRanker | None
    similar_tickets: SimilarTickets | None
    voters: NeighbourIndex | None = None
    encoder: TextEncoder | None = None
    novelty: Novelty | None = None
    priority_matrix: PriorityMatrix | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that this model predicts."""
        return tuple(classifier.target for classifier in self.classifiers.values())

    def score(
        self,
        tickets: Sequence[Ticket],
        *,
        with_reasons: bool = True,
        article_count: int = 5,
        similar_count: int = 5,
        only_fitting: bool = True,
        glossary: Glossary | None = None,
    ) -> list[ScoredTicket]:
        """Return what the model says of each ticket.

        A ticket gets the same numbers alone and among others. A target that fails for a ticket is named in
        its `failures` and leaves the other targets alone. Where no article fits, or no past ticket is near, none is
        shown, unless they are to be ranked all the same. `glossary` takes the place of the one trained with.
        """
        preparer = Preparer(
            self.glossary if glossary is None else glossary,
            compile_site_patterns(self.manifest.site_patterns),
            None if self.vectorizer is None else self.vectorizer.slips,
        )
        prepared = [preparer.prepare(ticket) for ticket in tickets]
        embeddings = [self._embedding(one) for one in prepared]
        articles = [
            self._articles(one, embedding, count=article_count, only_fitting=only_fitting)
            for one, embedding in zip(prepared, embeddings, strict=True)
        ]
        parts = self._parts(prepared, embeddings)
        predictions, failures = self._predict(parts, ticket_count=len(tickets), with_reasons=with_reasons)
        return [
            ScoredTicket(
                ticket_id=ticket.id,
                language=one.language.value,
                predictions=predictions[place],
                failures=failures[place],
                articles=articles[place],
                similar_tickets=()
                if self.similar_tickets is None
                else self.similar_tickets.nearest(
                    one.text,
                    count=similar_count,
                    embedding=embeddings[place],
                    fields=one.fields,
                    created_at=ticket.created_at,
                    excluding=ticket.id,
                    floor=self.similar_tickets.least_likeness if only_fitting else 0.0,
                ),
                warnings=self._warnings(one, lacks_article=article_count > 0 and not articles[place]),
                out_of_scope=self._out_of_scope(ticket),
                novelty=self.novelty.of(parts[place].neighbours) if self.novelty is not None and parts else None,
            )
            for place, (ticket, one) in enumerate(zip(tickets, prepared, strict=True))
        ]

    def _embedding(self, ticket: PreparedTicket) -> Embedding | None:
        """Return what the encoder makes of a ticket, where anything reads it."""
        return None if self.encoder is None or not self._hears_meaning else self.encoder.encode(ticket.line)

    @cached_property
    def _hears_meaning(self) -> bool:
        is_heard = any(classifier.embedding_weights is not None for classifier in self.classifiers.values())
        return is_heard or self.articles is not None or self.similar_tickets is not None

    def _articles(
        self, ticket: PreparedTicket, embedding: Embedding | None, *, count: int, only_fitting: bool
    ) -> tuple[RankedArticle, ...]:
        if self.articles is None:
            return ()
        return self.articles.rank(ticket.text, embedding=embedding, count=count, only_fitting=only_fitting)

    def _parts(self, prepared: Sequence[PreparedTicket], embeddings: Sequence[Embedding | None]) -> list[TicketParts]:
        """Return the tickets taken apart, or nothing where no target was trained."""
        vectorizer = self.vectorizer
        if vectorizer is None:
            return []
        return [
            TicketParts(
                vectorizer,
                vectorizer.tokens(ticket),
                vectorizer.field_ids(ticket),
                voters=self.voters,
                encoder=self.encoder,
                embedding=embedding,
                typed=ticket.typed,
            )
            for ticket, embedding in zip(prepared, embeddings, strict=True)
        ]

    def _predict(
        self, parts: Sequence[TicketParts], *, ticket_count: int, with_reasons: bool
    ) -> tuple[list[dict[str, Prediction]], list[dict[str, str]]]:
        predictions: list[dict[str, Prediction]] = [{} for _ in range(ticket_count)]
        failures: list[dict[str, str]] = [{} for _ in range(ticket_count)]
        if not parts:
            return predictions, failures
        for name, classifier in scorers(self.classifiers, self.priority_matrix).items():
            for place, scores in enumerate(_scores(classifier, parts)):
                prediction = _attempt(_prediction, classifier, parts[place], scores, with_reasons)
                if prediction is None:
                    failures[place][name] = "the model could not score this target for this ticket"
                else:
                    predictions[place][name] = prediction
        return predictions, failures

    def _out_of_scope(self, ticket: Ticket) -> str:
        """Return what a ticket is that the model was kept from learning from, or an empty text."""
        found = out_of_scope(ticket) if self.manifest.recipe.get("leave_out_of_scope", True) else None
        return "" if found is None else str(found)

    def _warnings(self, ticket: PreparedTicket, *, lacks_article: bool) -> tuple[str, ...]:
        warnings = []
        if lacks_article and self.articles and ticket.text.strip():
            warnings.append("No article of the knowledge base fits this ticket.")
        untrained = [name for name in TARGET_NAMES if name not in self.classifiers]
        if untrained:
            warnings.append(f"Not trained, since the history holds too few labels: {', '.join(untrained)}.")
        if self.vectorizer is not None and not self.vectorizer.reads_text_:
            return tuple(warnings)  # trained on fields alone: neither the text nor its language matters
        if not ticket.text.strip():
            warnings.append(
                "Nothing is left of the ticket's text once it is cleaned: the predictions are what is usual."
            )
        elif self.classifiers and not self.manifest.languages.get(ticket.language.value):
            warnings.append(f"The model was trained on no ticket in this language ({ticket.language.value}).")
        return tuple(warnings)

    def evidence_summary(self) -> dict[str, Any]:
        """Return for each target what is known from its held-out tickets."""
        return {name: evidence.summary() for name, evidence in self.evidence.items()}

    # --- plain formats ----------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the bundle as a folder of plain formats."""
        writer = BundleWriter(folder)
        writer.write_text("glossary", self.glossary.to_json())
        if self.vectorizer is not None:
            _write_part(writer, "vectorizer", self.vectorizer.to_plain())
        for name, classifier in self.classifiers.items():
            description, arrays, trees = classifier.to_plain()
            _write_part(writer, f"targets/{name}", (description, arrays))
            if trees is not None:
                writer.write_text(f"targets/{name}", trees)
            writer.write_arrays(f"evidence/{name}", self.evidence[name].to_arrays())
        if self.articles is not None:
            _write_part(writer, "articles", self.articles.to_plain())
        if self.voters is not None:
            _write_part(writer, "voters", self.voters.to_plain())
        if self.novelty is not None:
            writer.write_arrays("novelty", self.novelty.to_arrays())
        if self.priority_matrix is not None:
            _write_part(writer, "priority_matrix", self.priority_matrix.to_plain())
        if self.similar_tickets is not None:
            _write_part(writer, "similar_tickets", self.similar_tickets.to_plain())
        if self.encoder is not None:
            for name, file in self.encoder.files().items():
                writer.write_bytes(f"{_ENCODER}/{name}", file.read_bytes())
        writer.write_manifest({**asdict(self.manifest), "targets": list(self.classifiers)})

    @classmethod
    def load(cls, folder: Path) -> ModelBundle:
        """Read a bundle; raise BundleError where it is tampered with, truncated or of another version."""
        reader = BundleReader(folder, feature_version=FEATURE_VERSION)
        try:
            return cls._from_files(reader)
        except BundleError:
            raise
        except _DAMAGE as error:
            raise BundleError(
                f"The bundle's parts do not fit together ({type(error).__name__}). Train the model again."
            ) from error

    @classmethod
    def _from_files(cls, reader: BundleReader) -> ModelBundle:
        targets = [str(name) for name in reader.manifest["targets"]]
        classifiers = {
            name: TargetClassifier.from_plain(
                reader.read_json(f"targets/{name}"),
                reader.read_arrays(f"targets/{name}"),
                reader.read_text(f"targets/{name}") if reader.has(f"targets/{name}.txt") else None,
            )
            for name in targets
        }
        return cls(
            manifest=_manifest_of(reader.manifest),
            glossary=Glossary.from_json(reader.read_text("glossary")),
            vectorizer=_read_part(reader, "vectorizer", TicketVectorizer.from_plain),
            classifiers=classifiers,
            evidence={
                name: Evidence.from_arrays(classifiers[name].target.labels, reader.read_arrays(f"evidence/{name}"))
                for name in targets
            },
            articles=_read_part(reader, "articles", ArticleRanker.from_plain),
            similar_tickets=_read_part(reader, "similar_tickets", SimilarTickets.from_plain),
            priority_matrix=_read_part(reader, "priority_matrix", PriorityMatrix.from_plain),
            voters=_read_part(reader, "voters", NeighbourIndex.from_plain),
            novelty=Novelty.from_arrays(reader.read_arrays("novelty")) if reader.has("novelty.npz") else None,
            encoder=load_encoder(reader.folder / _ENCODER) if reader.has(f"{_ENCODER}/encoder.json") else None,
        )


def _scores(classifier: Scorer, parts: Sequence[TicketParts]) -> list[FloatArray | None]:
    """Return the scores of each ticket, scored together; one by one where that fails, so that one alone fails."""
    rows, values, neighbours, embeddings = zip(
        *((part.row, part.values, part.neighbours, part.embedding) for part in parts), strict=True
    )
    together = _attempt(classifier.scores, rows, values, neighbours, embeddings)
    if together is not None:
        return list(together)
    alone = (
        _attempt(classifier.scores, [row], [value], [near], [embedding])
        for row, value, near, embedding in zip(rows, values, neighbours, embeddings, strict=True)
    )
    return [None if scores is None else scores[0] for scores in alone]


def _prediction(
    classifier: Scorer, parts: TicketParts, scores: FloatArray | None, with_reasons: bool
) -> Prediction | None:
    if scores is None or not np.isfinite(scores).all():
        return None
    ranked = probabilities(scores[None, :])[0]
    order = np.argsort(-ranked, kind="stable")
    labels = classifier.target.labels
    return Prediction(
        target=classifier.target.name,
        ranking=tuple(RankedLabel(labels[number], float(ranked[number])) for number in order),
        reasons=parts.reasons(classifier, label=int(order[0]), scores=scores) if with_reasons else (),
        advised=advice(classifier.target, ranked),
    )


def _attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function gives, or None where it fails: one target's failure must not reach the others."""
    try:
        return function(*arguments)
    except (ArithmeticError, LookupError, TypeError, ValueError, LightGBMError):
        return None


def _write_part(writer: BundleWriter, name: str, plain: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
    description, arrays = plain
    writer.write_json(name, description)
    writer.write_arrays(name, arrays)


def _read_part(reader: BundleReader, name: str, from_plain: Callable[..., Any]) -> Any:
    if not reader.has(f"{name}.json"):
        return None
    return from_plain(reader.read_json(name), reader.read_arrays(name))


def _manifest_of(stored: Mapping[str, Any]) -> Manifest:
    return Manifest(
        created_at=str(stored["created_at"]),
        product_version=str(stored["product_version"]),
        recipe=stored["recipe"],
        seed=int(stored["seed"]),
        data_fingerprint=str(stored["data_fingerprint"]),
        parts=stored["parts"],
        languages=stored["languages"],
        metrics=stored["metrics"],
        site_patterns=tuple(stored["site_patterns"]),
    )
