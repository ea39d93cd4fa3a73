"""The model families: each learns what tells labels apart, and says so on the scale of log-odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from features.classifier import LEAST_PROBABILITY
from features.languages import Language
from features.preparation import PreparedTicket
from features.vectorizer import TicketVectorizer
from training.candidates import (
    BoostedModel,
    Candidate,
    FeatureMatrices,
    MarginModel,
    RatioModel,
    VotingModel,
    tree_columns,
)
from training.ordinal import OrdinalModel
from training.recipe import BoostedRecipe, LinearRecipe

Labels = NDArray[np.int32]
_TOPICS = (("vpn", "tunnel", "접속이"), ("printer", "paper", "용지가"), ("password", "login", "비밀번호가"))
_FILLERS = ("please", "again", "desk", "오늘", "자꾸", "floor", "asap", "help")


def _tickets(count: int, *, topics: int, seed: int = 0) -> tuple[list[PreparedTicket], Labels]:
    """Return tickets each of which holds words of its topic among words that tell nothing."""
    random = np.random.default_rng(seed)
    actual = (np.arange(count) % topics).astype(np.int32)
    texts = [" ".join([*random.choice(_FILLERS, 4), *random.choice(_TOPICS[topic], 2)]) for topic in actual]
    return [PreparedTicket(str(number), "", text, Language.MIXED) for number, text in enumerate(texts)], actual


def _matrices(vectorizer: TicketVectorizer, tickets: Sequence[PreparedTicket]) -> FeatureMatrices:
    counts = vectorizer.counts(tickets)
    return FeatureMatrices([ticket.text for ticket in tickets], counts, vectorizer.weigh_matrix(counts))


@pytest.fixture(scope="module")
def vectorizer() -> TicketVectorizer:
    """A vectorizer of the tickets' words."""
    return TicketVectorizer().fit(_tickets(60, topics=3)[0])


@pytest.fixture(params=["linear", "ratio", "boosted", "neighbours", "ordinal"])
def candidate(request: pytest.FixtureRequest, vectorizer: TicketVectorizer) -> Candidate:
    """Each of the families."""
    families: tuple[Candidate, ...] = (
        MarginModel(LinearRecipe()),
        RatioModel(LinearRecipe()),
        BoostedModel(BoostedRecipe(rounds=20), tree_columns(list(vectorizer.vocabulary_))),
        VotingModel(),
        OrdinalModel(LinearRecipe()),
    )
    return next(family for family in families if family.name == request.param)


@pytest.mark.parametrize("topics", [2, 3])
def test_a_family_learns_what_tells_labels_apart(
    candidate: Candidate, vectorizer: TicketVectorizer, topics: int
) -> None:
    """On tickets that it has not seen, the words of a topic give its label the highest score."""
    tickets, actual = _tickets(60, topics=topics)
    unseen, expected = _tickets(30, topics=topics, seed=9)
    fitted = candidate.fit(_matrices(vectorizer, tickets), actual, label_count=topics, seed=0)
    scores = fitted.scores(_matrices(vectorizer, unseen))
    assert scores.shape == (30, topics)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) == expected).mean() > 0.95


def test_a_label_that_a_fold_lacks_scores_lowest(candidate: Candidate, vectorizer: TicketVectorizer) -> None:
    """A label without a ticket in the fold keeps its column, and is not what is predicted."""
    tickets, actual = _tickets(60, topics=3)
    inside = np.flatnonzero(actual != 1)
    fitted = candidate.fit(_matrices(vectorizer, tickets).at(inside), actual[inside], label_count=3, seed=0)
    scores = fitted.scores(_matrices(vectorizer, tickets))
    assert scores.shape == (60, 3)
    assert not (scores.argmax(axis=1) == 1).any()


def test_one_seed_gives_one_model(candidate: Candidate, vectorizer: TicketVectorizer) -> None:
    """Fitting again on the same tickets gives the same scores, to the bit."""
    tickets, actual = _tickets(60, topics=3)
    matrices = _matrices(vectorizer, tickets)
    first, again = (candidate.fit(matrices, actual, label_count=3, seed=4).scores(matrices) for _ in range(2))
    assert first.tolist() == again.tolist()


def test_places_choose_tickets(vectorizer: TicketVectorizer) -> None:
    """A part of the tickets holds their texts, counts and values, in the order asked for."""
    matrices = _matrices(vectorizer, _tickets(9, topics=3)[0])
    part = matrices.at(np.array([4, 1]))
    assert part.texts == [matrices.texts[4], matrices.texts[1]]
    assert part.counts.toarray().tolist() == matrices.counts.toarray()[[4, 1]].tolist()
    assert part.values.toarray().tolist() == matrices.values.toarray()[[4, 1]].tolist()


def test_tickets_are_seen_as_by_who_knows_fewer_features() -> None:
    """Features that others lack go and the text's values regain unit length, as if the others alone were learned from.

    The value of a field stays what it is.
    """
    texts = ["vpn tunnel drops", "the tunnel is slow", "paper jam in the printer", "vpn"]
    tickets = [
        PreparedTicket(str(number), "", text, Language.EN, {"channel": ("mail", "portal", "mail", "chat")[number]})
        for number, text in enumerate(texts)
    ]
    whole = TicketVectorizer().fit(tickets)
    matrices = replace(_matrices(whole, tickets), is_text=whole.idf_ > 0)
    inside, outside = matrices.at(np.array([1, 2])), matrices.at(np.array([0, 3]))

    less = TicketVectorizer().fit(tickets[1:3])
    columns = [whole.vocabulary_[name] for name in less.vocabulary_]
    less.idf_ = whole.idf_[columns]
    expected = _matrices(less, [tickets[0], tickets[3]])
    found = outside.as_known_to(inside)
    assert found.values[:, columns].toarray() == pytest.approx(expected.values.toarray())
    assert found.counts[:, columns].toarray().tolist() == expected.counts.toarray().tolist()
    assert found.values.sum() == pytest.approx(expected.values.sum())


def test_two_labels_are_each_others_opposite(vectorizer: TicketVectorizer) -> None:
    """With two labels the score of one is the other's with its sign turned."""
    tickets, actual = _tickets(40, topics=2)
    matrices = _matrices(vectorizer, tickets)
    fitted = MarginModel(LinearRecipe()).fit(matrices, actual, label_count=2, seed=0)
    scores = fitted.scores(matrices)
    assert scores[:, 0] == pytest.approx(-scores[:, 1])


def test_ratios_raise_what_occurs_with_a_label(vectorizer: TicketVectorizer) -> None:
    """A word of a topic speaks for its label and against the others."""
    tickets, actual = _tickets(60, topics=3)
    fitted = RatioModel(LinearRecipe()).fit(_matrices(vectorizer, tickets), actual, label_count=3, seed=0)
    for topic, words in enumerate(_TOPICS):
        for word in words:
            weights = fitted.weights[vectorizer.vocabulary_[f"w {word}"]]
            assert weights[topic] > 0 > np.delete(weights, topic).max()


# --- trees ------------------------------------------------------------------------------------------------------------


def test_trees_look_at_words_fields_and_korean_pieces() -> None:
    """Pairs of words and pieces of Latin words are left out: trees would split on the same word many times."""
    names = ["w vpn", "s vpn", "= channel=mail", "접속", " 접", "p vpn down", "vpn", " vp", "접", "접속이다를"]
    chosen = [names[column] for column in tree_columns(names)]
    assert chosen == ["w vpn", "s vpn", "= channel=mail", "접속", " 접"]


def test_trees_see_no_column_but_the_chosen(vectorizer: TicketVectorizer) -> None:
    """At most as many columns as the recipe says are used, all of them offered and tied to the labels."""
    offered = tree_columns(list(vectorizer.vocabulary_))
    tickets, actual = _tickets(90, topics=3)
    model = BoostedModel(BoostedRecipe(rounds=20, columns=9), offered)
    fitted = model.fit(_matrices(vectorizer, tickets), actual, label_count=3, seed=0)
    assert len(fitted.columns) == fitted.booster.num_feature() == 9
    assert sorted(fitted.columns.tolist()) == fitted.columns.tolist()
    assert set(fitted.columns) <= set(offered)
    names = list(vectorizer.vocabulary_)
    topical = "".join(word for words in _TOPICS for word in words)
    assert all(names[column].removeprefix("w ").strip() in topical for column in fitted.columns)


def test_trees_hold_nothing_for_impossible(vectorizer: TicketVectorizer) -> None:
    """The logarithm of a chance has a floor."""
    tickets, actual = _tickets(90, topics=3)
    matrices = _matrices(vectorizer, tickets)
    model = BoostedModel(BoostedRecipe(rounds=400, learning_rate=0.9), tree_columns(list(vectorizer.vocabulary_)))
    scores = model.fit(matrices, actual, label_count=3, seed=0).scores(matrices)
    assert scores.min() >= np.log(LEAST_PROBABILITY)
    assert scores.max() <= 0.0
