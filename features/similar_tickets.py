"""Past tickets near to a new one, and who may see them.

Owns the index of past texts, the collapse of repeats and the rule on restricted groups. Knows nothing of
articles beyond their ids, nor of what is done with a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError
from features.lexical_index import Floats, IndexSettings, LexicalIndex, LexicalQuery, Positions, Weighting, best
from features.predictions import SimilarTicket

# From here on about two neighbours in three bear the ticket's own category, Korean ones in the sample; below, fewer
# than half do. Korean cosines run lower: a floor of .2 leaves many a Korean ticket with none.
LEAST_COSINE = 0.15
_CANDIDATES_PER_TICKET_SHOWN = 4


@dataclass(frozen=True)
class SimilarTickets:
    """Past tickets by text: ticket t has the text `text_of_ticket[t]`; repeats share one."""

    index: LexicalIndex
    text_of_ticket: NDArray[np.int32]
    ids: tuple[str, ...]
    labels: tuple[Mapping[str, str], ...]
    article_ids: tuple[tuple[str, ...], ...]
    groups: tuple[str, ...]
    restricted_groups: frozenset[str]

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
    ) -> SimilarTickets:
        """Index past tickets; texts are cleaned and redacted. Raise ValueError for columns of unequal length."""
        if not len(texts) == len(ids) == len(labels) == len(article_ids) == len(groups):
            raise ValueError("Texts, ids, labels, article ids and groups need one entry a ticket.")
        numbers: dict[str, int] = {}
        text_of_ticket = [numbers.setdefault(_wording(text), len(numbers)) for text in texts]
        return cls(
            index=LexicalIndex.fit(numbers, settings=IndexSettings(weighting=Weighting.COSINE)),
            text_of_ticket=np.array(text_of_ticket, dtype=np.int32),
            ids=tuple(ids),
            labels=tuple(dict(values) for values in labels),
            article_ids=tuple(tuple(links) for links in article_ids),
            groups=tuple(groups),
            restricted_groups=restricted_groups,
        ).ready()

    def __len__(self) -> int:
        """The number of past tickets."""
        return len(self.ids)

    def nearest(
        self, text: str, *, count: int = 5, excluding: str = "", reader_group: str = ""
    ) -> tuple[SimilarTicket, ...]:
        """Return the nearest past tickets that the reader's group may see, nearest first.

        The score is the cosine of the texts' tf-idf. Of tickets with the same text one is shown; a ticket
        below `LEAST_COSINE` is not, nor is the ticket whose id is `excluding`.
        """
        query = self.index.query(text)
        texts, cosines = self.nearest_texts(query, count=count, reader_group=reader_group)
        shown: list[SimilarTicket] = []
        for place in np.argsort(-cosines, kind="stable"):
            if len(shown) == count or cosines[place] < LEAST_COSINE:
                break
            ticket = self._shown_of(int(texts[place]), excluding=excluding, reader_group=reader_group)
            if ticket is not None:
                shown.append(self._similar_ticket(ticket, score=float(cosines[place])))
        return tuple(shown)

    def nearest_texts(self, query: LexicalQuery, *, count: int, reader_group: str = "") -> tuple[Positions, Floats]:
        """Return more texts than `count` near the query and their cosines, unordered.

        They are found by the query's heaviest terms; the cosines are by all.
        """
        scores = self.index.scores_of(query)
        scores[self._hidden.get(reader_group, self._hidden[""])] = 0.0
        texts, cosines = best(scores, _CANDIDATES_PER_TICKET_SHOWN * (count + 1))
        if not self.index.looks_at_all(query):
            cosines = self.index.exact_scores(query, texts)
        return texts, np.minimum(cosines, 1.0)

    def to_plain(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON-able description and the arrays."""
        description = {
            "ids": list(self.ids),
            "labels": [dict(values) for values in self.labels],
            "article_ids": [list(links) for links in self.article_ids],
            "groups": list(self.groups),
            "restricted_groups": sorted(self.restricted_groups),
        }
        return description, {**self.index.to_arrays(), "text_of_ticket": self.text_of_ticket}

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
            )
        except (KeyError, TypeError) as error:
            raise BundleError(f"The stored similar tickets cannot be read ({error}). Train the model again.") from None
        similar._check()
        return similar.ready()

    def ready(self) -> SimilarTickets:
        """Work out now what the first search would otherwise wait for, and return self."""
        _ = self._tickets_of_text, self._hidden, self.index.by_document
        return self

    def _check(self) -> None:
        columns = (self.ids, self.labels, self.article_ids, self.groups, self.text_of_ticket)
        texts = self.text_of_ticket
        if len({len(column) for column in columns}) != 1 or (
            len(texts) and not 0 <= texts.min() <= texts.max() < len(self.index)
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

    def _similar_ticket(self, ticket: int, *, score: float) -> SimilarTicket:
        return SimilarTicket(
            id=self.ids[ticket],
            score=score,
            labels=self.labels[ticket],
            article_ids=self.article_ids[ticket],
            group=self.groups[ticket],
        )


def _wording(text: str) -> str:
    """Return what makes two texts the same mail: the words, whatever their case and spacing."""
    return " ".join(text.lower().split())
