"""Tickets as numbers: the same in bulk and alone, of the text and fields alone, and the same after loading."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from features.glossary import Glossary
from features.languages import Language
from features.preparation import PreparedTicket, Preparer
from features.tickets import Requester, Ticket
from features.vectorizer import TicketVectorizer

CORPUS = [
    PreparedTicket("1", "VPN 연결 끊김", "재택 중인데 VPN이 5분마다 끊겨요.", Language.KO, {"channel": "portal"}),
    PreparedTicket(
        "2", "cannot print", "The 3rd floor printer (HP-3) does not print.", Language.EN, {"channel": "mail"}
    ),
    PreparedTicket(
        "3", "", "비밀번호 초기화 부탁드려요. 비밀번호를 잊었어요", Language.KO, {}, {"attributes.floor": 3.0}
    ),
    PreparedTicket("4", "VPN down", "vpn down again, VPN!! error 0x80", Language.EN, {}, {"attributes.floor": 9.0}),
    PreparedTicket(
        "5", "Outlook 메일", "outlook에서 메일이 안 와요 please help", Language.MIXED, {"product": "outlook"}
    ),
]
VECTORIZER = TicketVectorizer().fit(CORPUS)
# Seen and unseen words of both languages, signs, and what looks like the name of a feature.
_WORDS = st.sampled_from([word for ticket in CORPUS for word in ticket.text.split()]) | st.sampled_from(
    ["노트북이", "toner", "(vpn)", "VPN,", "=", "=channel=portal", "w", "p", "s", "...", "ㅠㅠ", "x" * 60, "İ", "ß"]
)
_TEXTS = st.lists(_WORDS, max_size=12).map(" ".join) | st.text(max_size=30)
_FIELDS = st.dictionaries(st.sampled_from(["channel", "product"]), st.sampled_from(["portal", "mail", "fax"]))
_NUMBERS = st.dictionaries(st.sampled_from(["attributes.floor", "attributes.age"]), st.floats())
TICKETS = st.builds(
    PreparedTicket, st.just("9"), _TEXTS, _TEXTS, st.sampled_from(Language), fields=_FIELDS, numbers=_NUMBERS
)


def _names(vectorizer: TicketVectorizer, ids: Iterator[int] | list[int]) -> list[str]:
    names = list(vectorizer.vocabulary_)
    return [names[feature] for feature in ids]


@given(st.lists(TICKETS, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_ticket_alone_has_its_row_in_bulk(tickets: list[PreparedTicket]) -> None:
    """Counts and values of a ticket are the same numbers, to the bit, alone and among others."""
    counts = VECTORIZER.counts(tickets)
    values = VECTORIZER.weigh_matrix(counts)
    assert counts.shape == values.shape == (len(tickets), len(VECTORIZER.vocabulary_))
    for number, ticket in enumerate(tickets):
        row = VECTORIZER.row(ticket)
        place = slice(counts.indptr[number], counts.indptr[number + 1])
        assert counts.indices[place].tolist() == row.ids.tolist() == sorted(set(row.ids.tolist()))
        assert counts.data[place].tolist() == row.counts.tolist()
        assert values.data[place].tolist() == VECTORIZER.weigh(row).tolist()


_BOTH_LANGUAGES = {"printer": "프린터", "print": "출력", "outlook": "아웃룩", "error": "에러"}


def _described_features(ticket: PreparedTicket) -> list[str]:
    """Return a text's features as the module describes them, by an implementation that shares nothing with it."""
    features: list[str] = []
    tokens = [token.rstrip("!.,") for token in ticket.text.lower().split()]
    for token in tokens:
        words = re.findall(r"[^\W_]+", token)
        if re.search("[가-힣]", token):
            features += _pieces(token, 1, 4)
            words += (latin := re.findall("[a-z]{2,}|[0-9]{2,}", token))
            features += [piece for word in latin for piece in _pieces(f" {word} ", 3, 4)]
        else:
            features += _pieces(f" {token} ", 3, 4)
        features += [f"w {word}" for word in words]
        features += [piece for word in words for piece in _pieces(_BOTH_LANGUAGES.get(word, ""), 1, 4)]
    words = re.findall(r"[^\W_]+", " ".join(tokens))
    features += [f"p {words[place]} {words[place + 1]}" for place in range(len(words) - 1)]
    features += [f"s {word}" for word in re.findall(r"[^\W_]+", ticket.subject.lower())]
    return features


def _pieces(text: str, shortest: int, longest: int) -> list[str]:
    return [
        text[start : start + size]
        for start in range(len(text))
        for size in range(shortest, longest + 1)
        if start + size <= len(text)
    ]


def test_values_are_those_of_scikit_learn() -> None:
    """On the described features the values are what scikit-learn's tf-idf gives."""
    bare = [replace(ticket, fields={}, numbers={}) for ticket in CORPUS]
    theirs = TfidfVectorizer(analyzer=_described_features, sublinear_tf=True)
    expected = theirs.fit_transform(bare)
    for number, ticket in enumerate(bare):
        row = VECTORIZER.row(ticket)
        found = dict(zip(_names(VECTORIZER, row.ids.tolist()), VECTORIZER.weigh(row).tolist(), strict=True))
        assert found.pop(f"= language={ticket.language}") == pytest.approx(0.2)
        stored = expected[number].tocoo()
        names = theirs.get_feature_names_out()[stored.col]
        assert found == pytest.approx(dict(zip(names, stored.data.tolist(), strict=True)), rel=1e-12)


@given(TICKETS)
@settings(max_examples=60, deadline=None)
def test_the_text_has_unit_length_and_a_field_a_fixed_value(ticket: PreparedTicket) -> None:
    """However long a text is, it weighs one, and each field weighs as much as a handful of words."""
    row = VECTORIZER.row(ticket)
    values = VECTORIZER.weigh(row)
    is_field = VECTORIZER.idf_[row.ids] == 0
    assert np.all(values[is_field] == 0.2)
    if not is_field.all():
        assert np.linalg.norm(values[~is_field]) == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["ζξψ ωωω", "東京", "…", " ", ""])
def test_unknown_words_give_an_empty_row(text: str) -> None:
    """A ticket of which nothing is known has no feature, and its value is nothing rather than a failure."""
    row = VECTORIZER.row(PreparedTicket("9", "", text, Language.OTHER, {"channel": "fax"}, {"attributes.age": 1.0}))
    assert len(row.ids) == len(row.counts) == len(VECTORIZER.weigh(row)) == 0


def test_no_tickets_give_an_empty_matrix() -> None:
    """A part of a history without tickets is a matrix without rows."""
    counts = VECTORIZER.counts([])
    assert VECTORIZER.weigh_matrix(counts).shape == (0, len(VECTORIZER.vocabulary_))


def test_a_loaded_vectorizer_gives_the_same_numbers() -> None:
    """What was learned survives being written as JSON and arrays."""
    description, arrays = VECTORIZER.to_plain()
    loaded = TicketVectorizer.from_plain(json.loads(json.dumps(description)), arrays)
    assert (loaded.vocabulary_, loaded.most_features) == (VECTORIZER.vocabulary_, VECTORIZER.most_features)
    for ticket in CORPUS:
        ours, theirs = VECTORIZER.row(ticket), loaded.row(ticket)
        assert ours.ids.tolist() == theirs.ids.tolist()
        assert VECTORIZER.weigh(ours).tolist() == loaded.weigh(theirs).tolist()


# --- what may become a feature ----------------------------------------------------------------------------------------


@given(
    st.lists(
        st.sampled_from(
            ["= channel=portal", "=", "channel=portal", " ", "= ", "=가", "가= ", "= product=outlook", "\n"]
        )
        | st.text("= channel포털", max_size=8),
        max_size=10,
    ).map("".join)
)
@settings(max_examples=100, deadline=None)
def test_a_text_cannot_pass_for_a_field(text: str) -> None:
    """Whatever a requester writes, it is never counted as a field of the ticket."""
    row = VECTORIZER.row(PreparedTicket("9", text, text, Language.OTHER))
    assert np.all(VECTORIZER.idf_[row.ids] > 0)


def test_texts_teach_no_field() -> None:
    """A vocabulary learned from texts that look like fields holds no field but those that there were."""
    texts = ["= channel=portal", "=가나 가= = channel=mail", "s vpn p a b w c"]
    learned = TicketVectorizer().fit([PreparedTicket(text, text, text, Language.KO) for text in texts])
    assert [name for name, idf in zip(learned.vocabulary_, learned.idf_, strict=True) if idf == 0] == ["= language=ko"]


def test_requester_names_never_enter_the_vocabulary() -> None:
    """Who asks is no feature: neither the id nor the address of a requester can be found in what was learned."""
    preparer = Preparer(Glossary())
    people = [Requester(f"kwangsik.um{n}", f"sora.moon{n}@example.com", organization="Sales") for n in range(4)]
    tickets = [preparer.prepare(Ticket(body="vpn이 끊겨요", requester=person)) for person in people]
    vocabulary = " ".join(TicketVectorizer().fit(tickets).vocabulary_)
    assert "organization=sales" in vocabulary
    for part in ("kwangsik", "kwan", "sora", "moon", "example"):
        assert part not in vocabulary


def test_the_order_of_tickets_teaches_nothing() -> None:
    """The same tickets in another order give the same vocabulary and weights."""
    shuffled = list(CORPUS)
    random.Random(3).shuffle(shuffled)
    other = TicketVectorizer().fit(shuffled)
    assert list(other.vocabulary_) == list(VECTORIZER.vocabulary_)
    assert other.idf_.tolist() == VECTORIZER.idf_.tolist()


def test_rare_features_can_be_left_out() -> None:
    """With a least number of tickets a feature of fewer is not learned; one ticket alone still teaches its words."""
    twice = TicketVectorizer(least_documents=2).fit(CORPUS)
    assert "w vpn" in twice.vocabulary_
    assert "w printer" not in twice.vocabulary_
    assert "w printer" in TicketVectorizer(least_documents=2).fit(CORPUS[1:2]).vocabulary_


def test_the_most_frequent_features_are_kept() -> None:
    """Where there are too many features, those of the fewest tickets go."""
    largest = TicketVectorizer(most_features=40).fit(CORPUS)
    assert len(largest.vocabulary_) == 40
    frequency = (VECTORIZER.counts(CORPUS) > 0).sum(axis=0).A1
    kept = [frequency[VECTORIZER.vocabulary_[name]] for name in largest.vocabulary_]
    left_out = [frequency[place] for name, place in VECTORIZER.vocabulary_.items() if name not in largest.vocabulary_]
    assert min(kept) >= max(left_out)


# --- badly typed ------------------------------------------------------------------------------------------------------


def _text_features(text: str) -> list[str]:
    ticket = PreparedTicket("9", "", text, Language.KO)
    return _names(VECTORIZER, VECTORIZER.row(ticket).ids.tolist())


@pytest.mark.parametrize(
    ("typed", "other"),
    [
        ("비밀번호를 잊었어요ㅠㅠ!!!", "비밀번호를 잊었어요"),
        ("VPN이 ㅋㅋㅋ 끊겨요... ㅈㅅ", "VPN이 끊겨요"),
        ("부탁드려여", "부탁드려요"),
        ("vpn down again!!!!!", "vpn down again"),
    ],
)
def test_moods_and_slips_of_ending_change_no_feature(typed: str, other: str) -> None:
    """Tears, laughs, initial consonants, repeated signs and endings typed by ear leave a ticket what it is."""
    assert _text_features(typed) == _text_features(other)


def test_korean_without_spaces_keeps_its_ngrams() -> None:
    """Of a Korean text every n-gram is found again where its spaces are left out."""
    spaced, joined = (set(_text_features(text)) for text in ("메일이 안 와요", "메일이안와요"))
    assert {name for name in spaced if " " not in name} <= joined


def test_a_latin_word_is_the_same_word_before_a_particle() -> None:
    """A Latin word with a Korean particle has the features of the word alone."""
    assert {"w vpn", "vpn", " vp"} <= set(_text_features("VPN에서")) & set(_text_features("VPN"))


def test_a_word_of_both_languages_is_known_by_either() -> None:
    """A model that read of a 메일 knows what a mail is."""
    assert "메일" in _text_features("my mail")


def test_a_log_has_words_and_no_ngrams() -> None:
    """The lines of a pasted log add their known words; that they hold the n-grams of a word says nothing."""
    log = "09:12:01 ERROR [vpn] down\n09:12:04 ERROR [vpn] down again"
    assert set(_text_features(f"프린터가\n\n{log}")) - set(_text_features("프린터가")) == {
        "w vpn",
        "w down",
        "w again",
        "w error",
        "p vpn down",
        "p down again",
    }


# --- numbers ----------------------------------------------------------------------------------------------------------


def _bucket(vectorizer: TicketVectorizer, floor: float) -> list[str]:
    ticket = PreparedTicket("9", "", "", Language.OTHER, {}, {"attributes.floor": floor})
    return _names(vectorizer, vectorizer.row(ticket).ids.tolist())


def test_a_number_counts_by_its_place_among_those_seen() -> None:
    """Numbers fall into buckets of about equally many tickets; one beyond all that was seen falls into the last."""
    tickets = [PreparedTicket("", "", "a", Language.EN, {}, {"attributes.floor": n + 0.5}) for n in range(80)]
    learned = TicketVectorizer().fit(tickets)
    buckets = [_bucket(learned, number + 0.5) for number in range(80)]
    assert {len(bucket) for bucket in buckets} == {1}
    assert len({bucket[0] for bucket in buckets}) == 8
    assert _bucket(learned, -1e9) == buckets[0]
    assert _bucket(learned, 1e9) == _bucket(learned, float("inf")) == buckets[-1]


def test_a_whole_number_counts_as_a_word_too() -> None:
    """A code in digits is known again, be it sent as a number or as text; one never seen has its bucket alone."""
    tickets = [PreparedTicket("", "", "a", Language.EN, {}, {"attributes.floor": float(n % 9)}) for n in range(90)]
    learned = TicketVectorizer().fit(tickets)
    as_text = PreparedTicket("9", "", "", Language.OTHER, {"attributes.floor": "7"}, {})
    assert "= attributes.floor=7" in _bucket(learned, 7.0)
    assert _names(learned, learned.row(as_text).ids.tolist()) == ["= attributes.floor=7"]
    assert len(_bucket(learned, 1234.0)) == 1


def test_numbers_that_are_none_teach_nothing() -> None:
    """A history whose numbers are all not a number is learned from like one without them."""
    tickets = [PreparedTicket("", "", "a", Language.EN, {}, {"attributes.floor": float("nan")}) for _ in range(3)]
    assert TicketVectorizer().fit(tickets).bucket_edges_ == {}
