"""From a history to a bundle: nothing is fitted on what is held out, and nothing is learned from what comes later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from features.bundle import ModelBundle
from features.errors import HistoryError
from features.glossary import Glossary
from features.history import ArticleRow, HistoryRow
from features.tickets import Ticket
from training.datasets import ArticleTable, HistoryTable, fingerprint
from training.encoder_choice import ChosenEncoder
from training.fit import Trained, fit_bundle
from training.recipe import BoostedRecipe, Recipe, SplitRecipe

COUNT = 120
PARTS = ["train"] * 80 + ["evidence"] * 20 + ["test"] * 20
TRAIN, EVIDENCE, TEST = slice(0, 80), slice(80, 100), slice(100, 120)
RECIPE = Recipe(
    name="tiny", least_tickets_per_label=5, boosted=BoostedRecipe(rounds=20, columns=200), split=SplitRecipe(folds=2)
)
_WORDS = {
    "network": ("vpn", "tunnel", "wifi", "접속이"),
    "printer": ("paper", "toner", "print", "용지가"),
    "account": ("password", "login", "locked", "비밀번호가"),
}
_FILLERS = ("please", "again", "오늘", "자꾸", "the", "at", "my", "desk", "is", "since", "안돼요", "help")
ARTICLES = [
    ArticleRow("KB-1", "VPN tunnel drops", "Restart the tunnel. 접속이 끊길 때"),
    ArticleRow("KB-2", "Paper jam", "Open the printer and take out the paper and the toner. 용지가 걸릴 때"),
    ArticleRow("KB-3", "Locked account", "Reset the password, then login. 비밀번호가 만료될 때"),
]


def _rows() -> list[HistoryRow]:
    """Return tickets of three categories, a tenth of them with a wrong label, as in life."""
    random = np.random.default_rng(12)
    rows = []
    for number in range(COUNT):
        category = list(_WORDS)[number % 3]
        words = [*random.choice(_WORDS[category], 2), *random.choice(_FILLERS, 6)]
        labelled = category if random.random() > 0.1 else str(random.choice(list(_WORDS)))
        rows.append(
            HistoryRow(
                id=f"HD-{number}",
                subject=" ".join(words[:2]),
                body=" ".join(random.permutation(words[2:])) + f" {number}",
                channel=("mail", "portal")[number % 2],
                requester=f"E-{number % 9}",
                category=labelled,
                priority=("high", "low")[int(random.random() < 0.5 + 0.3 * (number % 2))],
                article_ids=(f"KB-{number % 3 + 1}",) if number % 2 else (),
            )
        )
    return rows


def _history(rows: Sequence[HistoryRow]) -> HistoryTable:
    return HistoryTable(
        rows=tuple(rows),
        lines=tuple(range(2, len(rows) + 2)),
        read_count=len(rows) + 3,
        invalid_count=2,
        duplicates_count=1,
        report=(),
        present_targets=("category", "priority"),
        warnings=("Two rows were left out.",),
    )


def _articles() -> ArticleTable:
    return ArticleTable(
        tuple(ARTICLES), lines=(2, 3, 4), read_count=3, invalid_count=0, duplicates_count=0, report=(), warnings=()
    )


def _fit(rows: Sequence[HistoryRow], *, seed: int = 3, recipe: Recipe = RECIPE, **options: Any) -> Trained:
    return fit_bundle(_history(rows), _articles(), recipe=recipe, seed=seed, **({"given_split": PARTS} | options))


@pytest.fixture(scope="module")
def trained() -> Trained:
    """The model of the tickets as they are."""
    return _fit(_rows())


def _fitted(trained: Trained) -> dict[str, object]:
    """Return all that was fitted, in values that can be compared."""
    bundle = trained.bundle
    assert bundle.vectorizer is not None
    assert bundle.articles is not None
    plain: dict[str, object] = {"vectorizer": bundle.vectorizer.to_plain()[0]}
    arrays = {"vectorizer": bundle.vectorizer.to_plain()[1]}
    for name, classifier in bundle.classifiers.items():
        description, arrays[name], trees = classifier.to_plain()
        plain |= {name: description, f"{name} trees": trees}
    plain["articles"], arrays["articles"] = bundle.articles.to_plain()
    if bundle.voters is not None:
        plain["voters"], arrays["voters"] = bundle.voters.to_plain()
    for name, group in arrays.items():
        plain |= {f"{name} {key}": array.tolist() for key, array in group.items()}
    return plain


def _with(rows: Sequence[HistoryRow], part: slice, change: Callable[[int, HistoryRow], HistoryRow]) -> list[HistoryRow]:
    changed = list(rows)
    changed[part] = [change(number, row) for number, row in enumerate(rows[part])]
    return changed


def _labels_rolled(rows: Sequence[HistoryRow], part: slice) -> list[HistoryRow]:
    """Return the rows with the labels of a part handed on by one: each is as frequent as before."""
    source = list(rows[part])
    return _with(
        rows, part, lambda at, row: replace(row, category=source[at - 1].category, priority=source[at - 1].priority)
    )


# --- nothing is fitted on what is held out ----------------------------------------------------------------------------


@pytest.mark.parametrize("part", [EVIDENCE, TEST], ids=["evidence", "test"])
def test_held_out_labels_change_no_weight(trained: Trained, part: slice) -> None:
    """Other labels in a part that is held out leave everything that was fitted as it was, to the bit."""
    rows = _labels_rolled(_rows(), part)
    assert [row.category for row in rows] != [row.category for row in _rows()]
    assert _fitted(_fit(rows)) == _fitted(trained)


@pytest.mark.parametrize("part", [EVIDENCE, TEST], ids=["evidence", "test"])
def test_held_out_texts_and_links_change_no_weight(trained: Trained, part: slice) -> None:
    """Other words, fields and links in a part that is held out teach nothing either."""
    rows = _with(
        _rows(),
        part,
        lambda at, row: replace(
            row,
            subject=f"zebra {at}",
            body="quagga 얼룩말",
            channel="fax",
            attributes={"floor": 3.0},
            article_ids=("KB-2",),
        ),
    )
    assert _fitted(_fit(rows)) == _fitted(trained)


def test_training_labels_change_weights(trained: Trained) -> None:
    """The same change in the training part is learned: the comparison can fail."""
    changed, same = _fitted(_fit(_labels_rolled(_rows(), TRAIN))), _fitted(trained)
    assert changed["category weights"] != same["category weights"]
    assert changed["vectorizer"] == same["vectorizer"]


def test_each_part_is_seen_once(trained: Trained) -> None:
    """The evidence is of the evidence part and the test of the test part, each with the labels that people gave."""
    rows = _rows()
    for evidence, part in ((trained.bundle.evidence, EVIDENCE), (trained.test_evidence, TEST)):
        for target in ("category", "priority"):
            found = evidence[target]
            assert [found.labels[number] for number in found.actual] == [getattr(row, target) for row in rows[part]]
    assert trained.bundle.manifest.parts == {
        "read": 123,
        "invalid": 2,
        "duplicates": 1,
        "train": 80,
        "evidence": 20,
        "test": 20,
    }


def test_evidence_is_what_is_served(trained: Trained) -> None:
    """The probabilities on which promises are made are those that the bundle gives for the same tickets."""
    rows = _rows()
    for evidence, part in ((trained.bundle.evidence, EVIDENCE), (trained.test_evidence, TEST)):
        scored = trained.bundle.score([row.ticket() for row in rows[part]], with_reasons=False)
        for target in ("category", "priority"):
            found = evidence[target]
            for ticket, chances in zip(scored, found.probabilities, strict=True):
                served = {ranked.label: ranked.probability for ranked in ticket.predictions[target].ranking}
                assert [served[label] for label in found.labels] == pytest.approx(chances.tolist(), abs=1e-6)


def test_the_baseline_sees_everything_but_the_test() -> None:
    """The plain model beside ours is the library's own, trained on the training and the evidence part together."""
    rows = _with(_rows(), slice(80, 120), lambda at, row: replace(row, subject=f"new {row.category}", body=f"no {at}"))
    texts = [f"{row.subject}\n{row.body}" for row in rows]
    labels = np.array([row.category for row in rows])

    def plain(known: slice) -> float:
        # Fewer than half of the texts hold Korean, so the plain model is one of words.
        vectorizer = TfidfVectorizer()
        model = LinearSVC(random_state=3).fit(vectorizer.fit_transform(texts[known]), labels[known])
        return float(np.mean(model.predict(vectorizer.transform(texts[TEST])) == labels[TEST]))

    assert plain(slice(0, 100)) > plain(TRAIN)
    figures = _fit(rows).bundle.manifest.metrics["category"]["baseline"]
    assert figures["accuracy"] == pytest.approx(plain(slice(0, 100)))


def test_the_model_beats_guessing(trained: Trained) -> None:
    """What was learned is the words of the topics: far more than the most frequent label is right."""
    figures = trained.bundle.manifest.metrics["category"]
    assert figures["accuracy"] > figures["majority"] + 0.2


# --- nothing is learned from what comes later -------------------------------------------------------------------------

_LATER: dict[str, Callable[[int], Any]] = {
    "resolved_at": lambda number: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number),
    "first_response_at": lambda number: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
    "reassignments": lambda number: number % 3,
    "reopened": lambda number: number % 3,
    "csat": lambda number: float(number % 3),
    "resolution": lambda number: list(_WORDS)[number % 3],
    "requester": lambda number: list(_WORDS)[number % 3],
}


def test_what_comes_after_intake_is_no_feature(trained: Trained) -> None:
    """Outcomes that would give the label away, and who asked, change nothing of what is fitted."""
    rows = [
        replace(row, **{name: value(number) for name, value in _LATER.items()}) for number, row in enumerate(_rows())
    ]
    assert _fitted(_fit(rows)) == _fitted(trained)


def test_labels_of_one_target_are_no_features_of_another(trained: Trained) -> None:
    """A target is learned from the ticket alone: other priorities leave the category as it was."""
    rows = [replace(row, priority=("high", "low")[number % 2]) for number, row in enumerate(_rows())]
    changed, same = _fitted(_fit(rows)), _fitted(trained)
    assert changed["priority weights"] != same["priority weights"]
    assert {name: value for name, value in changed.items() if not name.startswith("priority")} == {
        name: value for name, value in same.items() if not name.startswith("priority")
    }


def test_one_seed_gives_one_model(trained: Trained) -> None:
    """Two runs with one seed give identical weights, trees and figures; another seed gives others."""
    again = _fit(_rows())
    assert _fitted(again) == _fitted(trained)
    assert again.bundle.manifest.metrics == trained.bundle.manifest.metrics
    assert _fitted(_fit(_rows(), seed=4)) != _fitted(trained)


def test_a_run_is_recorded(trained: Trained) -> None:
    """The manifest names the recipe, the seed and the rows, and the report repeats what reading had to say."""
    manifest = trained.bundle.manifest
    assert manifest.recipe == RECIPE.as_json()
    assert (manifest.seed, manifest.data_fingerprint) == (3, fingerprint(_rows()))
    assert sum(manifest.languages.values()) == 80
    assert "Two rows were left out." in trained.warnings
    assert datetime.fromisoformat(manifest.created_at).tzinfo is not None


# --- what there is to learn -------------------------------------------------------------------------------------------


def test_a_target_without_labels_is_not_trained(trained: Trained) -> None:
    """Targets are those that the history holds; an answer says which are not."""
    assert [target.name for target in trained.bundle.targets] == ["category", "priority"]
    (scored,) = trained.bundle.score([Ticket(id="1", body="vpn tunnel")])
    assert set(scored.predictions) == {"category", "priority"}
    assert "kind, group, tier, impact, urgency" in scored.warnings[0]


def test_a_label_with_too_few_tickets_is_left_out_and_listed() -> None:
    """A label below the least number of tickets is excluded with its count, and is never predicted."""
    rows = [replace(row, category="fax") if number in (1, 50, 90, 110) else row for number, row in enumerate(_rows())]
    found = _fit(rows)
    assert [(each.target, each.label, each.tickets_count) for each in found.excluded] == [("category", "fax", 4)]
    assert [target.labels for target in found.bundle.targets if target.name == "category"] == [tuple(sorted(_WORDS))]
    assert len(found.bundle.evidence["category"].actual) == 19


def test_a_target_with_a_single_label_is_said_to_be_so() -> None:
    """A target of which all tickets have the same label is not trained, and the others are."""
    found = _fit([replace(row, priority="high") for row in _rows()])
    assert list(found.bundle.classifiers) == ["category"]
    assert any("'priority' is not trained: its tickets have a single label, 'high'" in each for each in found.warnings)


def test_a_label_that_training_lacks_stops_its_target_alone() -> None:
    """Where the split leaves a label without training tickets the target is left out, in a sentence."""
    rows = _with(_rows(), TRAIN, lambda _, row: replace(row, priority="low"))
    found = _fit(rows)
    assert list(found.bundle.classifiers) == ["category"]
    assert any("fewer than 2 tickets with the label 'high'" in warning for warning in found.warnings)


def test_an_order_is_taken_from_the_recipe() -> None:
    """A scale that the recipe states is kept in its order."""
    rows = [replace(row, priority={"high": "soon", "low": "whenever"}[str(row.priority)]) for row in _rows()]
    found = _fit(rows, recipe=replace(RECIPE, orders={"priority": ("soon", "whenever")}))
    assert found.bundle.targets[1].labels == ("soon", "whenever")


def test_articles_alone_make_a_model(tmp_path: Path) -> None:
    """Without a history the bundle ranks articles, predicts nothing, and survives being saved."""
    found = fit_bundle(None, _articles(), recipe=RECIPE, seed=0)
    found.bundle.save(tmp_path / "bundle")
    for bundle in (found.bundle, ModelBundle.load(tmp_path / "bundle")):
        (scored,) = bundle.score([Ticket(id="1", subject="paper jam", body="용지가 걸려요")])
        assert scored.articles[0].id == "KB-2"
        assert (scored.predictions, scored.similar_tickets, bundle.targets) == ({}, (), ())
    assert found.bundle.manifest.metrics == {"articles": {"articles": 3}}
    assert found.bundle.manifest.data_fingerprint == fingerprint(ARTICLES)


def test_a_history_alone_makes_a_model() -> None:
    """Without articles there is no ranker, and tickets are predicted all the same."""
    found = fit_bundle(_history(_rows()), None, recipe=RECIPE, seed=3, given_split=PARTS)
    (scored,) = found.bundle.score([Ticket(id="1", body="vpn tunnel")])
    assert scored.predictions["category"].label == "network"
    assert scored.articles == ()
    assert "articles" not in found.bundle.manifest.metrics


def test_articles_are_measured_on_linked_test_tickets(trained: Trained) -> None:
    """Figures of the ranker count the test tickets that an article resolved, beside the articles alone."""
    figures = trained.bundle.manifest.metrics["articles"]
    assert figures["tickets"] == sum(bool(row.article_ids) for row in _rows()[TEST])
    assert figures["recall_at_5"] == figures["baseline"]["recall_at_5"] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": None, "priority": None}, r"Name a column of labels, as in --map category=COLUMN"),
        ({"category": "vpn", "priority": "high"}, "'category' is not trained: its tickets have a single label"),
    ],
)
def test_a_history_that_teaches_nothing_is_refused(change: dict[str, Any], message: str) -> None:
    """Without a target and without articles there is no model, and the error says why."""
    history = _history([replace(row, **change) for row in _rows()])
    with pytest.raises(HistoryError, match=message):
        fit_bundle(history, None, recipe=RECIPE, seed=0)
    assert fit_bundle(history, _articles(), recipe=RECIPE, seed=0).bundle.targets == ()


def test_a_split_that_teaches_nothing_is_refused() -> None:
    """A model that would predict nothing is not made: neither an empty input nor an unlucky split gives one."""
    rows = _with(_rows(), TRAIN, lambda _, row: replace(row, category="network", priority="low"))
    with pytest.raises(HistoryError, match="fewer than 2 tickets with the label"):
        fit_bundle(_history(rows), None, recipe=RECIPE, seed=0, given_split=PARTS)
    with pytest.raises(HistoryError, match="There is nothing to learn from"):
        fit_bundle(None, None, recipe=RECIPE, seed=0)
    with pytest.raises(HistoryError, match="There is nothing to learn from"):
        fit_bundle(None, replace(_articles(), rows=()), recipe=RECIPE, seed=0)


# --- texts ------------------------------------------------------------------------------------------------------------


def test_a_site_s_words_and_patterns_are_part_of_the_model() -> None:
    """The glossary and the patterns of the recipe are applied to what is learned, and travel with the bundle."""
    rows = _with(_rows(), slice(0, COUNT), lambda at, row: replace(row, body=f"{row.body} 가상사설망 EMP-{1000 + at}"))
    found = _fit(
        rows,
        recipe=replace(RECIPE, site_patterns=(r"\bEMP-\d{4}\b",)),
        glossary=Glossary({"PrivateNet": ["가상사설망"]}),
    )
    assert found.bundle.vectorizer is not None
    vocabulary = found.bundle.vectorizer.vocabulary_
    assert "w privatenet" in vocabulary
    assert not [name for name in vocabulary if "가상" in name or "emp" in name]
    assert found.bundle.glossary.terms == {"PrivateNet": ("가상사설망",)}
    assert found.bundle.manifest.site_patterns == (r"\bEMP-\d{4}\b",)


def test_the_labels_are_dated_where_tickets_are() -> None:
    """When each label was given is told for the figure over time, of tickets that have a date."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [replace(row, created_at=start + timedelta(days=number)) for number, row in enumerate(_rows()[:100])]
    found = _fit([*rows, *_rows()[100:]])
    assert [label for _, label in found.label_dates["category"]] == [row.category for row in rows]
    assert found.label_dates["category"][0][0] == start


# --- similar tickets --------------------------------------------------------------------------------------------------


def test_fields_and_dates_of_past_tickets_are_kept(trained: Trained) -> None:
    """What tells duplicates besides the texts is indexed as it was prepared, and used when a ticket is scored."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [replace(row, product="WMS", created_at=start + timedelta(days=at)) for at, row in enumerate(_rows())]
    similar = _fit(rows).bundle.similar_tickets
    assert similar is not None
    assert {"channel", "product"} <= set(similar.circumstances.names)
    assert np.diff(np.sort(similar.circumstances.days)) == pytest.approx(1.0)
    assert similar.duplicates is None
    assert trained.bundle.similar_tickets is not None
    assert np.isnan(trained.bundle.similar_tickets.circumstances.days).all()


def test_linked_duplicates_teach_what_a_duplicate_is(tmp_path: Path) -> None:
    """With enough links their model orders the similar tickets, counts fields and dates, and survives being saved."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    rows: list[HistoryRow] = []
    for first in _rows()[::2]:
        at = start + timedelta(days=30 * len(rows))
        rows.append(replace(first, created_at=at))
        rows.append(replace(first, id=f"{first.id}b", body=f"{first.body} still", duplicate_of=first.id, created_at=at))
    bundle = _fit(rows).bundle
    assert bundle.similar_tickets is not None
    assert bundle.similar_tickets.duplicates is not None
    bundle.save(tmp_path / "bundle")
    chances = []
    for days in (300, 1200):
        dated = replace(rows[10].ticket(), created_at=start + timedelta(days=days))
        near = ModelBundle.load(tmp_path / "bundle").score([dated])[0].similar_tickets
        chances += [each.duplicate_probability or 0.0 for each in near if each.id == rows[11].id]
    assert chances[0] > 0.5
    assert chances[1] < chances[0]


def test_an_encoder_finds_similar_tickets_too(tiny_encoder: Path, tmp_path: Path) -> None:
    """With a text encoder past tickets are near by meaning, before and after saving; of no text there is none."""
    found = _fit(_rows(), chosen_encoder=ChosenEncoder(tiny_encoder, is_distilled=False, var_dir=tmp_path))
    found.bundle.save(tmp_path / "bundle")
    bundle = ModelBundle.load(tmp_path / "bundle")
    assert bundle.similar_tickets is not None
    assert bundle.similar_tickets.meanings is not None
    tickets = [replace(_rows()[7].ticket(), id="again"), Ticket(body=" ", attributes={"site": "Busan"})]
    (known, empty), expected = bundle.score(tickets), found.bundle.score(tickets)
    assert known.similar_tickets[0].id == "HD-7"
    assert known.similar_tickets[0].score == pytest.approx(1.0, abs=1e-3)
    assert known.similar_tickets == expected[0].similar_tickets
    assert (empty.similar_tickets, empty.articles) == ((), ())


# --- a history without texts ------------------------------------------------------------------------------------------


def _fields_alone() -> list[HistoryRow]:
    """Return tickets without a text whose category follows from two fields and a number, but for a tenth of them."""
    random = np.random.default_rng(5)
    rows = []
    for number in range(COUNT):
        site, floor = number % 4, float(random.integers(1, 9))
        category = "network" if site < 2 else "printer" if floor < 5 else "account"
        labelled = category if random.random() > 0.1 else str(random.choice(list(_WORDS)))
        rows.append(
            HistoryRow(id=f"HD-{number}", category=labelled, attributes={"site": f"site {site}", "floor": floor})
        )
    return rows


def test_fields_alone_can_be_learned(tmp_path: Path) -> None:
    """Without a single text the fields and numbers tell the label; nothing is dropped, found near or warned of."""
    found = _fit(_fields_alone(), recipe=replace(RECIPE, least_tickets_per_label=2))
    figures = found.bundle.manifest.metrics["category"]
    assert figures["accuracy"] > figures["majority"] + 0.15
    assert "without_near_duplicates" not in figures
    assert (found.bundle.manifest.parts["train"], found.bundle.voters, found.bundle.encoder) == (80, None, None)
    found.bundle.save(tmp_path / "bundle")
    ticket = Ticket(attributes={"site": "site 3", "floor": 8})
    scored = ModelBundle.load(tmp_path / "bundle").score([ticket])[0]
    assert scored.predictions["category"].label == "account"
    assert (scored.similar_tickets, scored.predictions["category"].reasons) == ((), ())
    assert not [warning for warning in scored.warnings if "text" in warning or "language" in warning]


def test_fields_alone_are_split_by_time_or_by_label() -> None:
    """Without a given split tickets without a text are dealt out by their dates, or by their labels, one by one."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    dated = [replace(row, created_at=start + timedelta(hours=9 * at)) for at, row in enumerate(_fields_alone())]
    for rows in (dated, _fields_alone()):
        found = _fit(rows, given_split=None, recipe=replace(RECIPE, least_tickets_per_label=2))
        parts = found.bundle.manifest.parts
        assert (parts["train"] + parts["evidence"] + parts["test"], parts["duplicates"]) == (COUNT, 1)
        assert "near duplicates" not in " ".join(found.warnings)


# --- leaks ------------------------------------------------------------------------------------------------------------


def test_a_leak_is_refused_before_anything_is_learned() -> None:
    """A text that states its label is an error, unless the recipe says that it is known at intake."""
    rows = [replace(row, body=f"{row.body}\nQueue: {row.category}") for row in _rows()]
    with pytest.raises(HistoryError, match="--allow-leak queue"):
        _fit(rows)
    figures = _fit(rows, recipe=replace(RECIPE, allowed_leaks=("Queue",))).bundle.manifest.metrics["category"]
    assert figures["accuracy"] > 0.9


def test_a_suspicious_field_is_used_and_said() -> None:
    """A form of the customer's own that settles the category is learned from, and named in the warnings."""
    rows = [replace(row, attributes={"form": f"{row.category} {at % 2}"}) for at, row in enumerate(_rows())]
    found = _fit(rows)
    assert [warning for warning in found.warnings if "'attributes.form' alone tells 'category'" in warning]
    assert found.bundle.vectorizer is not None
    assert "= attributes.form=network 0" in found.bundle.vectorizer.vocabulary_


# --- mail that asks for no help ---------------------------------------------------------------------------------------


def test_mail_that_asks_for_no_help_is_not_learned_from() -> None:
    """A machine's mail is left out of the training part and counted, unless the recipe takes it for tickets."""
    rows = _with(_rows(), TRAIN, lambda at, row: replace(row, requester="mailer-daemon@mx.example") if at < 9 else row)
    found = _fit(rows)
    assert found.bundle.manifest.parts["train"] == 71
    assert [warning for warning in found.warnings if "left out of the training part: 9 (delivery failure 9)" in warning]
    kept = _fit(rows, recipe=replace(RECIPE, leave_out_of_scope=False))
    assert kept.bundle.manifest.parts["train"] == 80


# --- what a requester chose -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ignored", "is_learned"), [((), True), (("requester_priority",), False)])
def test_what_a_requester_chose_is_a_feature_or_ignored(ignored: tuple[str, ...], is_learned: bool) -> None:
    """An attribute of the intake form is learned from, unless the recipe names it among those to ignore."""
    rows = [replace(row, attributes={"requester_priority": row.priority or "", "site": "Busan"}) for row in _rows()]
    recipe = replace(RECIPE, ignored_attributes=ignored, allowed_leaks=("requester_priority",))
    bundle = fit_bundle(_history(rows), None, recipe=recipe, seed=1, given_split=PARTS).bundle
    assert bundle.vectorizer is not None
    chosen = {name for name in bundle.vectorizer.vocabulary_ if name.startswith("= attributes.requester_priority=")}
    assert bool(chosen) is is_learned
    assert "= attributes.site=busan" in bundle.vectorizer.vocabulary_
    tickets = [Ticket(body="vpn tunnel", attributes={"requester_priority": value}) for value in ("high", "low")]
    first, second = (scored.predictions["priority"].probability for scored in bundle.score(tickets, with_reasons=False))
    assert (first == pytest.approx(second)) is not is_learned


def test_costs_are_carried_with_the_target(tmp_path: Path) -> None:
    """A loaded model weighs mistakes as its recipe did."""
    fit_bundle(_history(_rows()), None, recipe=RECIPE, seed=1, given_split=PARTS).bundle.save(tmp_path / "bundle")
    loaded = ModelBundle.load(tmp_path / "bundle")
    assert loaded.classifiers["priority"].target.costs == RECIPE.costs["priority"]
    assert loaded.classifiers["category"].target.costs is None
