"""The article ranker: from articles alone, from past tickets, and who may see what."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.article_order import Chances
from features.article_ranker import LEAST_PAST_TEXTS, ArticleRanker
from features.articles import KbArticle
from features.encoder_settings import TextRole
from features.errors import BundleError

ARTICLES = [
    KbArticle("KB-1", "Reset a forgotten password", "Open the portal and choose a new password.", url="https://kb/1"),
    KbArticle(
        "KB-2", "VPN 연결이 끊길 때", "네트워크 설정을 확인하고 VPN 클라이언트를 다시 설치합니다.", tags=("network",)
    ),
    KbArticle("KB-3", "Printer jams", "Open the rear tray and take the paper out."),
    KbArticle("KB-4", "Dismissal procedure", "How a dismissal is prepared and archived.", audience="hr"),
]
# Words of the people who ask, which no article uses, by the article that helped them.
SLANG = {"KB-1": "locked out", "KB-2": "터널", "KB-3": "crumpled sheets"}


def history(count: int = 60) -> tuple[list[str], list[tuple[str, ...]]]:
    names = list(SLANG)
    texts = [f"{SLANG[names[number % 3]]} again case{number}" for number in range(count)]
    return texts, [(names[number % 3],) for number in range(count)]


def with_history() -> ArticleRanker:
    texts, links = history()
    return ArticleRanker.fit(ARTICLES, past_texts=texts, past_links=links)


def test_ranks_from_the_articles_alone_in_both_languages() -> None:
    """Without a history the article that shares the ticket's words comes first, with its own data."""
    ranker = ArticleRanker.fit(ARTICLES)
    first = ranker.rank("I forgot my passwords")[0]
    assert (first.id, first.title, first.url, first.audience) == (
        "KB-1", "Reset a forgotten password", "https://kb/1", "everyone",
    )  # fmt: skip
    assert ranker.rank("VPN이 자꾸 끊겨요")[0].id == "KB-2"
    assert not ranker.uses_history


def test_a_word_in_the_title_counts_more_than_in_the_body() -> None:
    """Of two articles of one length, the one that names the thing in its title is first."""
    ranker = ArticleRanker.fit([KbArticle("body", "other", "scanner"), KbArticle("title", "scanner", "other")])
    assert [article.id for article in ranker.rank("scanner")] == ["title", "body"]


def test_tags_are_found() -> None:
    """A word that stands in the tags alone finds the article."""
    assert [article.id for article in ArticleRanker.fit(ARTICLES).rank("network")] == ["KB-2"]


@settings(max_examples=30, deadline=None)
@given(text=st.text(max_size=60) | st.sampled_from(["vpn vpn vpn", "password 터널", "locked out"]))
def test_scores_lie_between_zero_and_one_and_fall(text: str) -> None:
    """Whatever is asked, scores are in (0, 1] and ordered."""
    for ranker in RANKERS:
        scores = [article.score for article in ranker.rank(text)]
        assert scores == sorted(scores, reverse=True)
        assert all(0.0 < score <= 1.0 for score in scores)


@pytest.mark.parametrize("text", ["", "?!", "zebra"])
def test_nothing_speaks_for_an_article_that_shares_nothing(text: str) -> None:
    """A text without a known term gets no article, with or without a history."""
    assert [ranker.rank(text) for ranker in RANKERS] == [(), ()]


def test_learns_the_words_of_those_who_ask() -> None:
    """A ticket in words that no article uses finds what solved such tickets, with a high chance."""
    ranker = with_history()
    assert ranker.uses_history
    assert ArticleRanker.fit(ARTICLES).rank("crumpled sheets again") == ()
    first = ranker.rank("crumpled sheets again")[0]
    assert first.id == "KB-3"
    assert first.score > 0.5


def test_a_history_keeps_the_articles_own_words() -> None:
    """An article that solved nothing yet is still found by its own words."""
    new = KbArticle("KB-9", "Order a headset", "Headsets are ordered in the shop.")
    texts, links = history()
    ranker = ArticleRanker.fit([*ARTICLES, new], past_texts=texts, past_links=links)
    assert ranker.rank("headset please")[0].id == "KB-9"


def test_too_few_links_leave_the_articles_alone() -> None:
    """Below the least number of different linked texts the history is not used."""
    texts, links = history(LEAST_PAST_TEXTS - 1)
    assert not ArticleRanker.fit(ARTICLES, past_texts=texts, past_links=links).uses_history
    repeated = ArticleRanker.fit(ARTICLES, past_texts=["same text"] * 90, past_links=[("KB-1",)] * 90)
    assert not repeated.uses_history


def test_links_to_unknown_articles_are_counted_and_ignored() -> None:
    """A link to an article that does not exist is counted, and ranks nothing."""
    texts, links = history()
    ranker = ArticleRanker.fit(ARTICLES, past_texts=[*texts, "gone"], past_links=[*links, ("KB-77", "KB-78")])
    assert ranker.unknown_links == 2
    assert ranker.rank("gone") == ()


@pytest.mark.parametrize(("reader", "visible"), [("", False), ("everyone", False), ("it", False), ("hr", True)])
def test_a_restricted_article_is_for_its_audience(reader: str, visible: bool) -> None:
    """An article with an audience is ranked for a reader of that group and for nobody else."""
    texts, links = history()
    learnt = ArticleRanker.fit(
        ARTICLES, past_texts=[*texts, *(f"dismissal file{n}" for n in range(9))], past_links=[*links, *[("KB-4",)] * 9]
    )
    for ranker in (ArticleRanker.fit(ARTICLES), learnt):
        shown = [article.id for article in ranker.rank("dismissal procedure password", reader_group=reader)]
        assert ("KB-4" in shown) is visible
        assert "KB-1" in shown


def test_count_limits_what_is_shown() -> None:
    """No more than the asked number of articles comes back."""
    assert len(ArticleRanker.fit(ARTICLES).rank("password printer vpn", count=2)) == 2


def test_survives_storage_without_pickle() -> None:
    """What is stored as JSON and npz ranks as before, to the last bit."""
    for ranker in RANKERS:
        description, arrays = ranker.to_plain()
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        file.seek(0)
        with np.load(file, allow_pickle=False) as stored:
            again = ArticleRanker.from_plain(json.loads(json.dumps(description)), dict(stored))
        assert again.uses_history == ranker.uses_history
        for text in ("password locked out", "VPN 터널", "dismissal"):
            assert again.rank(text, reader_group="hr") == ranker.rank(text, reader_group="hr")


def test_parts_that_disagree_are_refused() -> None:
    """Missing or foreign parts are a BundleError."""
    description, arrays = with_history().to_plain()
    short = {**description, "articles": description["articles"][:1]}
    far_links = {**arrays, "past_link_articles": arrays["past_link_articles"] + 50}
    unweighed = {name: array for name, array in arrays.items() if name != "signal_weights"}
    for broken in ((short, arrays), ({}, arrays), (description, far_links), (description, unweighed)):
        with pytest.raises(BundleError, match="Train the model again"):
            ArticleRanker.from_plain(*broken)


class Concepts:
    """An encoder that knows a few words in two languages: one dimension a concept, one more for the language."""

    name = "concepts"
    dimensions = 5
    words: ClassVar[dict[str, int]] = {
        "password": 0, "비밀번호": 0, "vpn": 1, "tunnel": 1, "터널": 1, "printer": 2, "프린터": 2, "paper": 2,
        "dismissal": 3,
    }  # fmt: skip

    def encode(self, text: str, *, role: TextRole = TextRole.QUERY) -> NDArray[np.float32]:  # noqa: ARG002
        vector = np.full(self.dimensions, 0.05, np.float32)
        for word, concept in self.words.items():
            vector[concept] += text.lower().count(word)
        vector[4] = 1.0 if text.isascii() else -1.0
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def files(self) -> dict[str, Path]:
        return {}


ENCODER = Concepts()


def asked(ranker: ArticleRanker, text: str, **options: Any) -> list[str]:
    return [article.id for article in ranker.rank(text, embedding=ENCODER.encode(text), **options)]


def test_an_encoder_finds_what_shares_no_word_and_no_language() -> None:
    """A Korean ticket finds an English article by meaning, which words alone cannot."""
    assert "KB-3" not in [article.id for article in ArticleRanker.fit(ARTICLES).rank("프린터 고장")]
    assert asked(ArticleRanker.fit(ARTICLES, encoder=ENCODER), "프린터 고장")[0] == "KB-3"
    assert asked(ArticleRanker.fit(ARTICLES, encoder=ENCODER), "비밀번호 분실")[0] == "KB-1"


def test_an_encoder_needs_the_tickets_embedding() -> None:
    """A ranker that compares meanings refuses a ticket without one, whatever the history."""
    texts, links = history()
    for ranker in (
        ArticleRanker.fit(ARTICLES, encoder=ENCODER),
        ArticleRanker.fit(ARTICLES, past_texts=texts, past_links=links, encoder=ENCODER),
    ):
        with pytest.raises(ValueError, match="embedding"):
            ranker.rank("printer")
    with pytest.raises(ValueError, match="embeddings"):
        ArticleRanker.fit(ARTICLES, past_texts=["a"], past_links=[()], past_embeddings=np.ones((2, 5)), encoder=ENCODER)


def test_what_an_encoder_found_survives_storage() -> None:
    """Vectors come back in half precision and rank as before, with and without a history."""
    texts, links = history()
    for ranker in (
        ArticleRanker.fit(ARTICLES, encoder=ENCODER),
        ArticleRanker.fit(ARTICLES, past_texts=texts, past_links=links, encoder=ENCODER),
    ):
        description, arrays = ranker.to_plain()
        assert arrays["vector_passages"].dtype == np.float16
        again = ArticleRanker.from_plain(json.loads(json.dumps(description)), arrays)
        for text in ("프린터 고장", "tunnel", "locked out"):
            vector = ENCODER.encode(text)
            assert again.rank(text, embedding=vector) == ranker.rank(text, embedding=vector)
        with pytest.raises(BundleError):
            ArticleRanker.from_plain(description, {**arrays, "vector_passages": arrays["vector_passages"][:1]})


def test_where_too_little_speaks_for_any_article_none_fits() -> None:
    """A stray shared word ranks an article, but only what fits is shown where that is asked for."""
    ranker = replace(ArticleRanker.fit(ARTICLES), chances=Chances(35.0, nothing=0.5, least=0.5))
    stray = "we open a bottle and talk about holidays on the beach all day long"
    assert ranker.rank(stray)
    assert ranker.rank(stray, only_fitting=True) == ()
    assert ranker.rank("reset a forgotten password", only_fitting=True)[0].id == "KB-1"


def test_what_no_article_solved_teaches_when_none_fits() -> None:
    """Past tickets without a link raise what must speak for an article above what idle talk asks for."""
    texts, links = history()
    texts = [f"{text} {dict(zip(SLANG, ('password', 'vpn', 'printer'), strict=True))[names[0]]}"
             for text, names in zip(texts, links, strict=True)]  # fmt: skip
    unsolved = [f"someone left the window open again in room{number}" for number in range(60)]
    plain = ArticleRanker.fit(ARTICLES, past_texts=texts, past_links=links)
    taught = ArticleRanker.fit(ARTICLES, past_texts=[*texts, *unsolved], past_links=[*links, *[()] * 60])
    assert taught.chances.least > plain.chances.least
    assert taught.rank("crumpled sheets again printer", only_fitting=True)[0].id == "KB-3"


def test_of_copies_one_is_ranked_and_links_to_the_other_count() -> None:
    """The reader sees one article, and what its copy solved speaks for it."""
    copy = replace(ARTICLES[2], id="KB-33")
    texts, links = history()
    moved = [("KB-33",) if names == ("KB-3",) else names for names in links]
    ranker = ArticleRanker.fit([*ARTICLES, copy], past_texts=texts, past_links=moved)
    assert (len(ranker), ranker.shown_id("KB-33"), ranker.shown_id("KB-1")) == (4, "KB-3", "KB-1")
    assert ranker.rank("crumpled sheets again")[0].id == "KB-3"
    assert ranker.unknown_links == 0


def test_no_articles_rank_nothing() -> None:
    """An empty knowledge base answers with nothing, whatever the history says."""
    texts, links = history()
    ranker = ArticleRanker.fit([], past_texts=texts, past_links=links)
    assert ranker.rank("vpn") == ()
    assert ranker.unknown_links == len(links)


RANKERS = (ArticleRanker.fit(ARTICLES), with_history())
