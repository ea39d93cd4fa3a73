"""Similar past tickets: what is near, what is collapsed, and who may see it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BundleError
from features.similar_tickets import LEAST_COSINE, SimilarTickets

TEXTS = [
    "VPN drops every ten minutes when I work from home",
    "vpn drops every ten minutes  when I work from home",
    "VPN drops after ten minutes at the branch office",
    "급여명세서 금액이 지난달과 다릅니다 확인 부탁드려요",
    "급여명세서 금액이 이상해요",
    "The badge reader at gate four does not open",
]
GROUPS = ["network", "network", "network", "hr", "service desk", "facilities"]
ARTICLES: list[tuple[str, ...]] = [("KB-1",), (), (), (), (), ()]


def fit(
    texts: Sequence[str] = TEXTS, *, groups: Sequence[str] = GROUPS, restricted: Sequence[str] = ()
) -> SimilarTickets:
    return SimilarTickets.fit(
        texts,
        ids=[f"T{number}" for number in range(len(texts))],
        labels=[{"category": group} for group in groups],
        article_ids=ARTICLES[: len(texts)] + [()] * (len(texts) - len(ARTICLES)),
        groups=groups,
        restricted_groups=frozenset(restricted),
    )


def test_finds_the_nearest_with_labels_and_articles() -> None:
    """A repeated problem finds the ticket that had it, with what is known of it."""
    first = fit().nearest("my VPN drops every ten minutes when I work from home")[0]
    assert (first.id, first.group, first.article_ids) == ("T0", "network", ("KB-1",))
    assert dict(first.labels) == {"category": "network"}
    assert 0.8 < first.score <= 1.0


def test_repeats_of_a_text_are_shown_once() -> None:
    """Of copies that differ in case and spacing one is shown: the one that an article solved."""
    ids = [ticket.id for ticket in fit().nearest(TEXTS[0])]
    assert ids == ["T0", "T2"]


def test_the_latest_of_equal_repeats_is_shown() -> None:
    """Where no copy has an article, the last given is shown."""
    similar = fit(["mail bounces back", "mail bounces back"], groups=["a", "b"])
    without_articles = SimilarTickets.fit(
        ["mail bounces back"] * 2, ids=["1", "2"], labels=[{}, {}], article_ids=[(), ()], groups=["", ""]
    )
    assert [ticket.id for ticket in without_articles.nearest("mail bounces back")] == ["2"]
    assert [ticket.id for ticket in similar.nearest("mail bounces back")] == ["T0"]


def test_leaves_out_the_ticket_itself_but_not_its_copy() -> None:
    """The ticket that is being scored is no neighbour of itself; another ticket with its text is."""
    assert [ticket.id for ticket in fit().nearest(TEXTS[0], excluding="T0")] == ["T1", "T2"]
    assert [ticket.id for ticket in fit().nearest(TEXTS[5], excluding="T5")] == []


def test_shows_nothing_below_the_floor() -> None:
    """A text with one common word among many strangers has no similar ticket."""
    far = "office chairs projector catering schedule lunch menu visitors parking elevator carpet window paint"
    assert fit().nearest(far) == ()
    assert all(ticket.score >= LEAST_COSINE for ticket in fit().nearest("ten minutes at the office"))


@pytest.mark.parametrize("text", ["", "  \n", "!!!", "zebra"])
def test_a_text_without_a_known_term_has_no_neighbours(text: str) -> None:
    """Nothing known gives nothing, not an error."""
    assert fit().nearest(text) == ()


@pytest.mark.parametrize(("reader", "visible"), [("", False), ("network", False), ("hr", True)])
def test_a_restricted_ticket_is_for_its_own_group(reader: str, visible: bool) -> None:
    """A ticket of a restricted group is shown to a reader of that group and to nobody else."""
    shown = [ticket.id for ticket in fit(restricted=["hr"]).nearest(TEXTS[3], reader_group=reader)]
    assert ("T3" in shown) is visible
    assert "T4" in shown


def test_an_open_copy_of_a_restricted_text_is_shown_in_its_place() -> None:
    """Where an open and a restricted ticket share a text, an outsider is shown the open one."""
    similar = fit(["salary slip shows the wrong sum"] * 2, groups=["open", "hr"], restricted=["hr"])
    assert [ticket.group for ticket in similar.nearest("salary slip wrong sum", reader_group="it")] == ["open"]


@settings(max_examples=30, deadline=None)
@given(
    groups=st.lists(st.sampled_from(["hr", "legal", "open"]), min_size=1, max_size=20),
    reader=st.sampled_from(["", "hr", "legal", "open", "unheard of"]),
    count=st.integers(1, 6),
)
def test_no_reader_ever_sees_a_foreign_restricted_group(groups: list[str], reader: str, count: int) -> None:
    """Whoever reads, restricted tickets are their own; and as many open ones as exist are shown up to the count."""
    texts = [f"salary question number{position}" for position in range(len(groups))]
    strangers = [f"parcel{position} lift{position}" for position in range(40)]
    similar = fit([*texts, *strangers], groups=[*groups, *["open"] * 40], restricted=["hr", "legal"])
    shown = similar.nearest("salary question", count=count, reader_group=reader)
    assert all(ticket.group in ("open", reader) for ticket in shown)
    assert len(shown) == min(count, sum(group in ("open", reader) for group in groups))


def test_a_long_text_keeps_its_exact_cosine() -> None:
    """A text of more terms than the search looks at still has a cosine of one with itself."""
    long_text = " ".join(f"word{number}x" for number in range(400))
    nearest = fit([long_text, *TEXTS], groups=["", *GROUPS]).nearest(long_text)
    assert nearest[0].id == "T0"
    assert nearest[0].score == pytest.approx(1.0, abs=1e-6)


def test_survives_storage_without_pickle() -> None:
    """What is stored as JSON and npz answers as before."""
    similar = fit(restricted=["hr"])
    description, arrays = similar.to_plain()
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = SimilarTickets.from_plain(json.loads(json.dumps(description)), dict(stored))
    for text in TEXTS:
        for reader in ("", "hr"):
            assert again.nearest(text, reader_group=reader) == similar.nearest(text, reader_group=reader)


def test_parts_that_disagree_are_refused() -> None:
    """A description of fewer tickets than the arrays, or without a column, is a BundleError."""
    description, arrays = fit().to_plain()
    with pytest.raises(BundleError):
        SimilarTickets.from_plain({**description, "ids": ["T0"]}, arrays)
    with pytest.raises(BundleError):
        SimilarTickets.from_plain({}, arrays)
    with pytest.raises(BundleError):
        SimilarTickets.from_plain(description, {**arrays, "text_of_ticket": arrays["text_of_ticket"] + 99})


def test_columns_of_unequal_length_are_refused() -> None:
    """A missing id is noticed when fitting."""
    with pytest.raises(ValueError, match="one entry a ticket"):
        SimilarTickets.fit(["a"], ids=[], labels=[{}], article_ids=[()], groups=[""])


def test_every_ticket_shown_says_how_likely_it_is_a_duplicate() -> None:
    """Without links in the history the texts tell: a copy is likelier than a ticket about the same thing."""
    copy, other = fit().nearest(TEXTS[0])
    assert copy.duplicate_probability is not None
    assert other.duplicate_probability is not None
    assert other.duplicate_probability < 0.5 < copy.duplicate_probability


def test_a_lower_floor_shows_more() -> None:
    """Who measures the search may ask for what is too far to be shown."""
    far = "office chairs projector catering schedule lunch menu visitors parking elevator carpet window paint"
    assert fit().nearest(far) == ()
    assert [ticket.id for ticket in fit().nearest(far, floor=0.0)] == ["T2"]
