"""Past tickets near to a new one, which of them are the same problem, and who may see them.

Owns the index of past texts, the collapse of repeats and the rule on restricted groups. Knows nothing of
articles beyond their ids, nor of what is done with a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from features.duplicates import DEFAULT, DEFAULT_BY_WORDS, Circumstances, DuplicateModel
from features.encoder import TextEncoder
from features.errors import BundleError
from features.language_means import LanguageMeans, Vectors, embeddings_of, ticket_means
from features.languages import detect_language
from features.lexical_index import Floats, IndexSettings, LexicalIndex, Positions, Weighting, best
from features.predictions import SimilarTicket

# From here on about two neighbours in three bear the ticket's own category, in the sample; below, about half or fewer
# do. Korean cosines of words run lower: a floor of .2 leaves many a Korean ticket with none.
LEAST_COSINE = 0.15
LEAST_MEAN_COSINE = 0.2
# So many nearest texts are compared in full: a ticket of the same week and product may lie behind a nearer text.
CANDIDATES = 60
_CANDIDATES_PER_TICKET_SHOWN = 4


@dataclass(frozen=True)
class Meanings:
    """What an encoder makes of past texts: vectors (texts, dimensions), centred, at unit length, in half precision."""

    means: LanguageMeans
    vectors: NDArray[np.float16]

    def cosines(self, text: str, embedding: Vectors) -> Floats:
        """Return the cosine of each past text with a ticket's embedding, zero where it is negative."""
        vector = self.means.without(embedding, detect_language(text))
        return np.asarray(np.maximum(self._vectors @ vector, 0.0), dtype=np.float64)

    @cached_property
    def _vectors(self) -> Vectors:
        """The vectors in single precision: numpy multiplies halves one by one."""
        return self.vectors.astype(np.float32)


class Asked(TypedDict, total=False):
    """What is known of a ticket beside its text, and who asks.

    `embedding` is what the encoder makes of the ticket, needed where the past ones were encoded; `fields` and
    `created_at` tell duplicates. The ticket whose id is `excluding` is not shown, nor one with a score below `floor`.
    """

    embedding: Vectors | None
    fields: Mapping[str, str]
    created_at: datetime | None
    excluding: str
    reader_group: str
    floor: float


@dataclass(frozen=True, slots=True)
class NearTickets:
    """Past tickets near to a text, nearest first: their positions, and the signals of each pair."""

    tickets: Positions
    likeness: Floats
    signals: Floats


@dataclass(frozen=True)
class SimilarTickets:
    """Past tickets by text: ticket t has the text `text_of_ticket[t]`; repeats share one.

    `duplicates` says how likely two tickets are the same problem, where links of a history taught it.
    """

    index: LexicalIndex
    text_of_ticket: NDArray[np.int32]
    ids: tuple[str, ...]
    labels: tuple[Mapping[str, str], ...]
    article_ids: tuple[tuple[str, ...], ...]
    groups: tuple[str, ...]
    restricted_groups: frozenset[str]
    circumstances: Circumstances
    meanings: Meanings | None = None
    duplicates: DuplicateModel | None = None

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        *,
        ids: Sequence[str],
        labels: Sequence[Mapping[str, str]],
        article_ids: Sequence[tuple[str, ...]],
        groups: Sequence[str],
        restricted_groups: frozenset[str] = frozenset(),
        fields: Sequence[Mapping[str, str]] = (),
        created_at: Sequence[datetime | None] = (),
        embeddings: Vectors | None = None,
        encoder: TextEncoder | None = None,
    ) -> SimilarTickets:
        """Index past tickets; texts are cleaned and redacted. Raise ValueError for columns of unequal length.

        With an encoder, tickets are near by meaning too; `embeddings`, (tickets, dimensions), spare it the texts.
        """
        fields, created_at = fields or [{}] * len(texts), created_at or [None] * len(texts)
        columns = (texts, ids, labels, article_ids, groups, fields, created_at)
        if len({len(column) for column in columns}) > 1:
            raise ValueError("Texts, ids, labels, article ids, groups, fields and dates need one entry a ticket.")
        numbers: dict[str, int] = {}
        text_of_ticket = np.array([numbers.setdefault(_wording(text), len(numbers)) for text in texts], dtype=np.int32)
        return cls(
            index=LexicalIndex.fit(numbers, settings=IndexSettings(weighting=Weighting.COSINE)),
            text_of_ticket=text_of_ticket,
            ids=tuple(ids),
            labels=tuple(dict(values) for values in labels),
            article_ids=tuple(tuple(links) for links in article_ids),
            groups=tuple(groups),
            restricted_groups=restricted_groups,
            circumstances=Circumstances.of(fields, created_at),
            meanings=_meanings(texts, text_of_ticket, embeddings, encoder),
        ).ready()

    def __len__(self) -> int:
        """The number of past tickets."""
        return len(self.ids)

    @property
    def least_likeness(self) -> float:
        """The score below which a past ticket is not worth showing."""
        return LEAST_COSINE if self.meanings is None else LEAST_MEAN_COSINE

    def nearest(self, text: str, *, count: int = 5, **asked: Unpack[Asked]) -> tuple[SimilarTicket, ...]:
        """Return the nearest past tickets that the reader's group may see, nearest first.

        The score is the cosine of the texts' tf-idf; with an encoder the mean of that and the cosine of what it makes
        of them. Of tickets with the same text one is shown. Where a history taught what duplicates are, the likeliest
        duplicate is first.
        """
        near = self.near(text, count=count, **asked)
        model = self.duplicates or (DEFAULT_BY_WORDS if self.meanings is None else DEFAULT)
        probabilities = model.probabilities(near.signals)
        order = range(len(near.tickets)) if self.duplicates is None else np.argsort(-probabilities, kind="stable")
        return tuple(
            self._similar_ticket(
                int(near.tickets[place]),
                score=float(near.likeness[place]),
                probability=float(probabilities[place]),
            )
            for place in order[:count]
        )

    def near(self, text: str, *, count: int = 5, **asked: Unpack[Asked]) -> NearTickets:
        """Return every past ticket near enough to be shown, one a text, with what speaks for a duplicate."""
        reader_group, excluding = asked.get("reader_group", ""), asked.get("excluding", "")
        texts, words, meaning = self.nearest_texts(
            text, embedding=asked.get("embedding"), count=count, reader_group=reader_group
        )
        likeness = words if self.meanings is None else (words + meaning) / 2.0
        floor = asked.get("floor", self.least_likeness)
        shown = [
            (ticket, place)
            for place in np.argsort(-likeness, kind="stable").tolist()
            if likeness[place] >= floor
            and (ticket := self._shown_of(int(texts[place]), excluding=excluding, reader_group=reader_group))
            is not None
        ]
        tickets = np.array([ticket for ticket, _ in shown], dtype=np.intp)
        places = np.array([place for _, place in shown], dtype=np.intp)
        below = likeness[places] - likeness[places].max(initial=0.0)
        beside = self.circumstances.beside(tickets, fields=asked.get("fields", {}), created_at=asked.get("created_at"))
        return NearTickets(tickets, likeness[places], np.column_stack([words[places], meaning[places], below, beside]))

    def nearest_texts(
        self, text: str, *, embedding: Vectors | None = None, count: int = 5, reader_group: str = ""
    ) -> tuple[Positions, Floats, Floats]:
        """Return more past texts than `count` near a text, unordered, and their cosines by words and by meaning.

        They are found by the text's heaviest terms and by meaning; the cosines of words are by all terms.
        """
        query = self.index.query(text)
        words = self.index.scores_of(query)
        meaning = np.zeros(len(words))
        if self.meanings is not None:
            if embedding is None:
                raise ValueError("These tickets were encoded: give the ticket's embedding by the same encoder.")
            if text.strip():  # what an encoder makes of no text is like something all the same
                meaning = self.meanings.cosines(text, embedding)
        scores = words + meaning
        scores[self._hidden.get(reader_group, self._hidden[""])] = 0.0
        texts, _ = best(scores, max(CANDIDATES, _CANDIDATES_PER_TICKET_SHOWN * (count + 1)))
        exact = words[texts] if self.index.looks_at_all(query) else self.index.exact_scores(query, texts)
        return texts, np.minimum(exact, 1.0), np.minimum(meaning[texts], 1.0)

    def to_plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON-able description and the arrays."""
        described, arrays = self.circumstances.to_plain()
        description = {
            "ids": list(self.ids),
            "labels": [dict(values) for values in self.labels],
            "article_ids": [list(links) for links in self.article_ids],
            "groups": list(self.groups),
            "restricted_groups": sorted(self.restricted_groups),
            "circumstances": described,
            "duplicates": None if self.duplicates is None else self.duplicates.to_plain(),
        }
        arrays |= {**self.index.to_arrays(), "text_of_ticket": self.text_of_ticket}
        if self.meanings is not None:
            arrays |= {"ticket_means": self.meanings.means.means, "vectors": self.meanings.vectors}
        return description, arrays

    @classmethod
    def from_plain(cls, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SimilarTickets:
        """Rebuild from what `to_plain` gave; raise BundleError where the parts do not fit together."""
        index = LexicalIndex.from_arrays(arrays)
        try:
            similar = cls(
                index=index,
                text_of_ticket=arrays["text_of_ticket"],
                ids=tuple(description["ids"]),
                labels=tuple(description["labels"]),
                article_ids=tuple(tuple(links) for links in description["article_ids"]),
                groups=tuple(description["groups"]),
                restricted_groups=frozenset(description["restricted_groups"]),
                circumstances=Circumstances.from_plain(description["circumstances"], arrays),
                meanings=_stored_meanings(arrays),
                duplicates=None
                if description["duplicates"] is None
                else DuplicateModel.from_plain(description["duplicates"]),
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"The stored similar tickets cannot be read ({error}). Train the model again.") from None
        similar._check()
        return similar.ready()

    def ready(self) -> SimilarTickets:
        """Work out now what the first search would otherwise wait for, and return self."""
        _ = self._tickets_of_text, self._hidden, self.index.by_document
        return self

    def _check(self) -> None:
        days = self.circumstances.days
        columns = (self.ids, self.labels, self.article_ids, self.groups, self.text_of_ticket, days)
        texts = self.text_of_ticket
        vectors = self.index if self.meanings is None else self.meanings.vectors
        if (
            len({len(column) for column in columns}) != 1
            or len(vectors) != len(self.index)
            or (len(texts) and not 0 <= texts.min() <= texts.max() < len(self.index))
        ):
            raise BundleError("The parts of the stored similar tickets do not fit together. Train the model again.")

    @cached_property
    def _tickets_of_text(self) -> list[list[int]]:
        """The tickets of each text: those that an article solved first, then the latest given."""
        tickets: list[list[int]] = [[] for _ in range(len(self.index))]
        for ticket in sorted(range(len(self.ids)), key=lambda number: (bool(self.article_ids[number]), number)):
            tickets[self.text_of_ticket[ticket]].append(ticket)
        return [of_text[::-1] for of_text in tickets]

    @cached_property
    def _hidden(self) -> Mapping[str, Positions]:
        """The texts of restricted tickets alone, by the group that reads them; under "" for everyone else."""
        open_texts = np.zeros(len(self.index), dtype=bool)
        open_texts[[text for text, group in self._text_groups() if group not in self.restricted_groups]] = True
        hidden = {"": np.flatnonzero(~open_texts)}
        for reader in self.restricted_groups:
            own = [text for text, group in self._text_groups() if group == reader]
            hidden[reader] = np.setdiff1d(hidden[""], own)
        return hidden

    def _text_groups(self) -> Iterator[tuple[int, str]]:
        return zip(self.text_of_ticket.tolist(), self.groups, strict=True)

    def _shown_of(self, text: int, *, excluding: str, reader_group: str) -> int | None:
        for ticket in self._tickets_of_text[text]:
            group = self.groups[ticket]
            readable = group not in self.restricted_groups or group == reader_group
            if readable and not (excluding and self.ids[ticket] == excluding):
                return ticket
        return None

    def _similar_ticket(self, ticket: int, *, score: float, probability: float) -> SimilarTicket:
        return SimilarTicket(
            id=self.ids[ticket],
            score=score,
            labels=self.labels[ticket],
            article_ids=self.article_ids[ticket],
            group=self.groups[ticket],
            duplicate_probability=probability,
        )


def _meanings(
    texts: Sequence[str], text_of_ticket: NDArray[np.int32], known: Vectors | None, encoder: TextEncoder | None
) -> Meanings | None:
    embeddings = None if encoder is None else embeddings_of(texts, encoder=encoder, known=known)
    if encoder is None or embeddings is None:
        return None
    means = ticket_means(encoder, texts, embeddings)
    _, first_of_text = np.unique(text_of_ticket, return_index=True)
    languages = [detect_language(texts[ticket]) for ticket in first_of_text]
    return Meanings(means, means.without_each(embeddings[first_of_text], languages).astype(np.float16))


def _stored_meanings(arrays: Mapping[str, NDArray[Any]]) -> Meanings | None:
    if "vectors" not in arrays:
        return None
    vectors = arrays["vectors"]
    return Meanings(LanguageMeans.from_array(arrays["ticket_means"], dimensions=vectors.shape[1]), vectors)


def _wording(text: str) -> str:
    """Return what makes two texts the same mail: the words, whatever their case and spacing."""
    return " ".join(text.lower().split())
