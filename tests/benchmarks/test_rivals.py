"""Rivals do what their names say, on invented tickets."""

from __future__ import annotations

import numpy as np
import pytest
from head_to_head.rivals import bm25, linear_svc, logistic_regression
from head_to_head.rivals.interface import Bench
from head_to_head.rivals.known import RIVALS
from head_to_head.rivals.sentence_encoder import SentenceEncoder
from head_to_head.rivals.terms import tf_idf
from head_to_head.tasks import LabelTask, SearchTask, UnavailableError
from sklearn.svm import LinearSVC

_WORDS = {
    False: [("printer", "paper jam", "toner"), ("vpn", "tunnel", "remote login"), ("invoice", "refund", "payment")],
    True: [("프린터", "용지 걸림", "토너"), ("재택 접속", "터널", "원격 로그인"), ("청구서", "환불", "결제 오류")],
}


def _task(*, is_korean: bool = False, labels: tuple[int, ...] = (0, 1, 2)) -> LabelTask:
    random = np.random.default_rng(0)
    texts, actual = [], []
    for _ in range(120):
        label = int(random.choice(labels))
        own, other = _WORDS[is_korean][label], _WORDS[is_korean][int(random.integers(3))]
        texts.append(f"{random.choice(own)} {random.choice(own)} {random.choice(other)} {random.integers(100)}")
        actual.append(label)
    return LabelTask(texts[:90], np.array(actual[:90]), texts[90:], 3, is_korean, 0)


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"), "nobody/no-such-encoder")


@pytest.mark.parametrize("is_korean", [False, True])
@pytest.mark.parametrize("rival", [linear_svc, logistic_regression])
def test_linear_rivals_give_probabilities(rival: object, bench: Bench, is_korean: bool) -> None:
    """Each ticket's sum to one, and most tickets get their label; every past ticket was learned from."""
    task = _task(is_korean=is_korean)
    answer = rival.label(task, bench)  # type: ignore[attr-defined]
    np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1)
    assert answer.probabilities.shape == (30, 3)
    assert answer.costs.fitted_count == 90
    assert answer.costs.size_bytes > 1_000


def test_a_temperature_changes_no_label(bench: Bench) -> None:
    """What the support-vector machine's softmax ranks first is what the machine itself predicts."""
    task = _task()
    terms = tf_idf(is_korean=False)
    values = terms.fit_transform(task.train_texts)
    plain = LinearSVC(class_weight="balanced", random_state=0).fit(values, task.train_actual)
    answer = linear_svc.label(task, bench)
    np.testing.assert_array_equal(answer.probabilities.argmax(axis=1), plain.predict(terms.transform(task.test_texts)))


@pytest.mark.parametrize("name", ["linear_svc", "logistic_regression"])
def test_a_label_that_the_past_lacks_is_hardly_given(name: str, bench: Bench) -> None:
    """A task of three labels of which only two were seen is answered all the same."""
    label = RIVALS[name].label
    assert label is not None
    answer = label(_task(labels=(0, 2)), bench)
    assert answer.probabilities[:, 1].max() < 0.01
    assert set(answer.probabilities.argmax(axis=1)) == {0, 2}


def _search(*, past: bool) -> SearchTask:
    articles = ["printer paper jam: open the tray", "vpn tunnel: renew the certificate", "refund: ask accounting"]
    return SearchTask(
        article_texts=articles,
        questions=["the paper tray is stuck", "money back please", articles[1]],
        excluded=[-1, -1, 1],
        past_texts=["my money please", "tunnel is down"] if past else [],
        past_links=[[2], [1]] if past else [],
        is_korean=False,
        seed=0,
    )


def test_bm25_finds_shared_words_and_never_the_question_itself(bench: Bench) -> None:
    """An article without a shared word is not found; neither is the one that asks."""
    found = bm25.search(_search(past=False), bench).found
    assert found[0, 0] == 0
    assert (found[1] == -1).all()
    assert 1 not in found[2]


def test_past_questions_speak_for_their_articles(bench: Bench) -> None:
    """Words that only a past question shares lead to the article that answered it."""
    assert bm25.search(_search(past=True), bench).found[1, 0] == 2
    found = linear_svc.search(_search(past=True), bench).found
    assert found[1, 0] == 2
    assert 0 not in found


def test_an_encoder_that_cannot_be_had_is_said_in_one_line(tmp_path: object) -> None:
    """The rivals that need one cannot run then, and say which one it was."""
    with pytest.raises(UnavailableError, match="no_such_folder"):
        SentenceEncoder(f"{tmp_path}/no_such_folder")


def test_the_rivals_that_the_product_is_measured_by_are_there() -> None:
    """Six that label tickets and four that find articles; none is without an answer."""
    labelling = {name for name, rival in RIVALS.items() if rival.label is not None}
    searching = {name for name, rival in RIVALS.items() if rival.search is not None}
    assert labelling == {
        "linear_svc",
        "logistic_regression",
        "fasttext",
        "e5_logistic_regression",
        "fine_tuned_transformer",
        "flaml",
    }
    assert searching == {"bm25", "dense", "bm25_plus_dense", "linear_svc"}
    assert len({rival.code for rival in RIVALS.values()}) == len(RIVALS)
