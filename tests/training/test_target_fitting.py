"""Fitting one target: the pool hears each candidate as well as it does on tickets that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from features.classifier import TargetClassifier
from features.languages import Language
from features.neighbours import NOBODY, NeighbourIndex
from features.preparation import PreparedTicket
from features.taxonomy import Target, TargetKind
from features.vectorizer import FeatureRow, TicketVectorizer
from training.candidates import Candidate, FeatureMatrices
from training.progress import Progress
from training.recipe import BoostedRecipe, Recipe, SplitRecipe
from training.target_fitting import FittedTarget, candidates_of, fit_target

Labels = NDArray[np.int32]
LABELS = ("network", "printer", "account")
TARGET = Target("category", TargetKind.NOMINAL, LABELS)
RECIPE = Recipe(boosted=BoostedRecipe(rounds=20), split=SplitRecipe(folds=3))
_TOPICS = (("vpn", "접속이"), ("printer", "용지가"), ("password", "비밀번호가"))


def _tickets(count: int = 90) -> tuple[list[PreparedTicket], Labels]:
    """Return tickets of which every sixth bears a wrong label, as in life."""
    random = np.random.default_rng(3)
    actual = (np.arange(count) % 3).astype(np.int32)
    words = [
        [*random.choice(["please", "again", "오늘", "desk"], 3), random.choice(_TOPICS[topic])] for topic in actual
    ]
    actual[::6] = random.integers(0, 3, len(actual[::6]))
    return [PreparedTicket(str(n), "", " ".join(each), Language.MIXED) for n, each in enumerate(words)], actual


TICKETS, ACTUAL = _tickets()
VECTORIZER = TicketVectorizer().fit(TICKETS)
COUNTS = VECTORIZER.counts(TICKETS)
MATRICES = FeatureMatrices([ticket.text for ticket in TICKETS], COUNTS, VECTORIZER.weigh_matrix(COUNTS))
# The same tickets, no two of one text.
DISTINCT = replace(MATRICES, texts=[f"{number} {text}" for number, text in enumerate(MATRICES.texts)])


def _fit(
    *candidates: Candidate, actual: Labels = ACTUAL, folds: int = 3, tickets: FeatureMatrices = MATRICES
) -> FittedTarget:
    return fit_target(
        TARGET,
        tickets,
        actual,
        candidates=candidates,
        split=SplitRecipe(folds=folds),
        seed=1,
        progress=Progress(is_shown=False),
    )


def _scores(classifier: TargetClassifier) -> NDArray[np.float64]:
    rows: list[FeatureRow] = [VECTORIZER.row(ticket) for ticket in TICKETS]
    index = NeighbourIndex.fit(MATRICES.texts)
    near = [NOBODY if classifier.voting is None else index.nearest(text) for text in MATRICES.texts]
    return classifier.scores(rows, [VECTORIZER.weigh(row) for row in rows], near)


@dataclass
class Memory:
    """A candidate that knows the labels of the tickets it was fitted on, and nothing of others."""

    name: str = "memory"
    sizes: list[int] = field(default_factory=list)

    def fit(self, tickets: FeatureMatrices, actual: Labels, *, label_count: int, seed: int) -> FittedMemory:
        """Note the labels of the texts; chance plays no part."""
        del seed
        self.sizes.append(len(actual))
        return FittedMemory(dict(zip(tickets.texts, actual.tolist(), strict=True)), label_count)


@dataclass(frozen=True)
class FittedMemory:
    """What was remembered."""

    label_of: dict[str, int]
    label_count: int
    height: float = 5.0

    def scores(self, tickets: FeatureMatrices) -> NDArray[np.float64]:
        """Return the remembered label's score, and for a text never seen that of a guess."""
        chosen = [self.label_of.get(text, len(text) % self.label_count) for text in tickets.texts]
        return self.height * np.eye(self.label_count)[chosen]


def test_the_pool_never_hears_what_a_candidate_remembers() -> None:
    """A candidate that only remembers is worth nothing, since it is asked about tickets that it has not seen."""
    memory = Memory()
    fitted = _fit(*candidates_of(replace(RECIPE, neighbours=False), VECTORIZER), memory, tickets=DISTINCT)
    assert memory.sizes[:3] == [60, 60, 60]
    assert fitted.pool_weights["memory"] < 0.1
    assert fitted.pool_weights["memory"] < 0.2 * max(fitted.pool_weights.values())


def test_the_classifier_is_the_pool_of_its_candidates() -> None:
    """Merged for serving, the candidates give the weighed sum of their scores and one bias a label."""
    candidates = candidates_of(RECIPE, VECTORIZER)
    fitted = _fit(*candidates)
    assert set(fitted.pool_weights) == {candidate.name for candidate in candidates}
    pooled = np.zeros((len(TICKETS), 3))
    for candidate in candidates:
        weight = fitted.pool_weights[candidate.name]
        if weight >= 0.02:
            pooled += weight * candidate.fit(MATRICES, ACTUAL, label_count=3, seed=1).scores(MATRICES)
    left = _scores(fitted.classifier) - pooled
    assert left == pytest.approx(np.tile(left[0], (len(TICKETS), 1)), abs=1e-4)


@dataclass
class Liar(Memory):
    """A candidate that knows every label and speaks against it."""

    name: str = "liar"

    def fit(self, tickets: FeatureMatrices, actual: Labels, *, label_count: int, seed: int) -> FittedMemory:
        """Note how many tickets there are; the truth is known already."""
        super().fit(tickets, actual, label_count=label_count, seed=seed)
        return FittedMemory(dict(zip(DISTINCT.texts, ACTUAL.tolist(), strict=True)), label_count, height=-5.0)


def test_a_candidate_worth_nothing_costs_nothing() -> None:
    """What the pool does not hear is fitted out of fold only: it is neither fitted on the whole nor served."""
    margin, liar = candidates_of(RECIPE, VECTORIZER)[0], Liar()
    fitted = _fit(margin, liar, tickets=DISTINCT)
    assert fitted.pool_weights["liar"] == 0.0
    assert fitted.pool_weights["linear"] > 0.1
    assert liar.sizes == [60, 60, 60]


@pytest.mark.parametrize("rare", [2, 3])
def test_a_rare_label_takes_fewer_folds(rare: int) -> None:
    """A label with fewer tickets than there would be folds is trained nevertheless, in fewer folds."""
    actual = (np.arange(90) % 2).astype(np.int32)
    actual[:rare] = 2
    memory = Memory()
    fitted = _fit(candidates_of(RECIPE, VECTORIZER)[0], memory, actual=actual, folds=5)
    assert len([size for size in memory.sizes if size < 90]) == rare
    assert _scores(fitted.classifier).shape == (90, 3)


def test_a_recipe_says_which_families_are_tried() -> None:
    """Past tickets vote only where the recipe wants it; linear models and trees are always tried."""
    with_votes, without = (candidates_of(replace(RECIPE, neighbours=wanted), VECTORIZER) for wanted in (True, False))
    assert [candidate.name for candidate in without] == ["linear", "ratio", "boosted"]
    assert [candidate.name for candidate in with_votes] == ["linear", "ratio", "boosted", "neighbours"]
