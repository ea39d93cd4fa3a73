"""The audit of a history's labels finds wrong ones that are known, and says what it comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import hypergeom
from threadpoolctl import threadpool_limits

from features.errors import HistoryError, RecipeError
from features.history import HistoryRow
from features.tone import POLITE, TONE
from training.datasets import read_history
from training.encoder_choice import ChosenEncoder
from training.label_audit import LabelAudit, LabelledTickets, audit_labels, judge, labelled_tickets
from training.label_effect import FaultsEffect, effect_of_faults
from training.progress import Progress
from training.recipe import BoostedRecipe, Recipe, SplitRecipe

_DATA = Path(__file__).parents[2] / "data"
_SILENT = Progress(is_shown=False)
# Trains in a second or two: linear models and few trees.
_TINY = Recipe(
    neighbours=False, boosted=BoostedRecipe(rounds=10), split=SplitRecipe(folds=3), least_tickets_per_label=5
)
_TOPICS = {
    "network": ("vpn", "tunnel", "wifi", "접속이"),
    "printer": ("paper", "toner", "tray", "용지가"),
    "account": ("password", "login", "locked", "비밀번호가"),
}
_FILLERS = ("please", "again", "오늘", "자꾸", "the", "at", "my", "desk", "since", "안돼요", "help", "now")


def _rows(count: int, *, wrong: float, seed: int = 4, repeated: int = 0) -> tuple[list[HistoryRow], set[str]]:
    """Return tickets of three topics of which a share bears another label, and the ids of those.

    The last `repeated` tickets have the text of the first one.
    """
    random = np.random.default_rng(seed)
    rows, changed = [], set()
    for number in range(count):
        topic = list(_TOPICS)[number % 3]
        words = [*random.choice(_TOPICS[topic], 3), *random.choice(_FILLERS, 5)]
        label = topic
        if random.random() < wrong:
            label = str(random.choice([other for other in _TOPICS if other != topic]))
            changed.add(f"HD-{number}")
        rows.append(
            HistoryRow(id=f"HD-{number}", subject=" ".join(words[:3]), body=" ".join(words[3:]), category=label)
        )
    for number in range(repeated):
        place = count - 1 - number
        rows[place] = replace(rows[place], subject=rows[0].subject, body=rows[0].body, category="network")
        changed.discard(f"HD-{place}")
    return rows, changed


def _tickets(rows: list[HistoryRow], *, target: str = "category", recipe: Recipe = _TINY) -> LabelledTickets:
    return labelled_tickets(rows, target=target, recipe=recipe, progress=_SILENT)


def _audit(rows: list[HistoryRow]) -> LabelAudit:
    with threadpool_limits(limits=1):
        return audit_labels(_tickets(rows), recipe=_TINY, seed=0, progress=_SILENT)


@pytest.fixture(scope="module")
def sample_audit() -> LabelAudit:
    """The audit of the sample history, of whose labels 29 are known to be wrong."""
    return _audit(list(read_history(_DATA / "sample_tickets.jsonl").rows))


def test_known_wrong_labels_are_listed(sample_audit: LabelAudit) -> None:
    """A tenth of the tickets at most is listed, and holds at least 9 of the 29 labels known to be wrong.

    Chance would find three, and nine or more in one history of a thousand. Most suggestions are the right label.
    """
    known = json.loads((_DATA / "known_wrong_labels.json").read_text(encoding="utf-8"))
    labels, listed = sample_audit.target.labels, sample_audit.suspects
    assert len(listed) <= 0.1 * len(sample_audit.ticket_ids)
    hits = [suspect for suspect in listed if sample_audit.ticket_ids[suspect.place] in known]
    assert len(hits) >= 9
    assert hypergeom.sf(8, len(sample_audit.ticket_ids), len(known), len(listed)) < 0.005
    assert len(hits) / len(listed) > 3 * len(known) / len(sample_audit.ticket_ids)
    right = [labels[each.suggested] == known[sample_audit.ticket_ids[each.place]] for each in hits]
    assert np.mean(right) > 0.8


def test_the_share_of_known_wrong_labels_is_bounded(sample_audit: LabelAudit) -> None:
    """The estimates do not fall below the 3 % that are known, and that of the surest quarter is nearer."""
    assert 0.02 < sample_audit.noise.share.value < sample_audit.noise.confident_share
    assert sample_audit.noise.share.value < 0.09
    assert sample_audit.noise.ceiling.value > sample_audit.accuracy


def test_changed_labels_of_easy_tickets_are_found() -> None:
    """Where topics have their own words, most changed labels are listed first, with what they were."""
    rows, changed = _rows(300, wrong=0.08)
    found = _audit(rows)
    listed = {found.ticket_ids[suspect.place]: suspect for suspect in found.suspects}
    assert len(changed & set(listed)) >= 0.8 * len(changed)
    first = [found.ticket_ids[suspect.place] for suspect in found.suspects[: len(changed) // 2]]
    assert set(first) <= changed
    assert found.noise.share.low <= len(changed) / 300 <= found.noise.share.high


def test_repeats_outvote_a_label() -> None:
    """A ticket whose repeats all bear another label is listed, with what they bear."""
    rows, _ = _rows(240, wrong=0.0, repeated=6)
    rows[0] = replace(rows[0], category="printer")
    found = _audit(rows)
    (suspect,) = (each for each in found.suspects if found.ticket_ids[each.place] == "HD-0")
    vote = found.votes[suspect.place]
    assert found.target.labels[suspect.suggested] == "network"
    assert vote.agreeing == vote.others >= 6
    assert found.identical is not None
    assert found.identical.tickets == 7
    assert found.identical.differing.value == pytest.approx(12 / 42)


def test_near_duplicates_stay_on_one_side() -> None:
    """A ticket is judged by models that saw none of its repeats: whatever label these bear is not known of it."""
    rows, _ = _rows(120, wrong=0.05)
    for animal, label in zip(("zebra", "okapi", "quagga"), _TOPICS, strict=True):
        rows += [HistoryRow(id=f"{animal}-{number}", body=f"{animal} {animal}s", category=label) for number in range(9)]
    with threadpool_limits(limits=1):
        tickets = _tickets(rows)
        judged = judge(tickets, recipe=_TINY, seed=0, progress=_SILENT)
    assert len(set(tickets.groups[120:])) == 3
    guesses = judged.probabilities[120:].argmax(axis=1)
    # Of words that were not seen nothing is known, so that the same guess is made of all three.
    assert (guesses == tickets.given[120:]).sum() <= 9


def test_what_is_not_labelled_is_not_looked_at() -> None:
    """Tickets without the label, and labels that too few bear, are left out; places are those of the history."""
    rows, _ = _rows(90, wrong=0.0)
    rows[3] = replace(rows[3], category=None)
    rows[4] = replace(rows[4], category="rare")
    tickets = _tickets(rows)
    assert tickets.target.labels == ("account", "network", "printer")
    assert len(tickets.given) == 88
    assert 3 not in tickets.places
    assert [rows[place].id for place in tickets.places] == [row.id for row in tickets.rows]


def test_a_target_without_labels_is_refused() -> None:
    """What cannot be judged is refused with a sentence: no labels, a single one, an unknown target."""
    rows, _ = _rows(30, wrong=0.0)
    with pytest.raises(HistoryError, match="no ticket of the history has a label"):
        _tickets(rows, target="tier")
    with pytest.raises(HistoryError, match="single label"):
        _tickets([replace(row, category="network") for row in rows])
    with pytest.raises(RecipeError, match="Unknown target 'colour'"):
        _tickets(rows, target="colour")


# --- the effect of leaving them out -----------------------------------------------------------------------------------


def _effect(rows: list[HistoryRow]) -> FaultsEffect:
    split = ["test" if number % 3 == 2 else "train" for number in range(len(rows))]
    with threadpool_limits(limits=1):
        return effect_of_faults(_tickets(rows), recipe=_TINY, seed=0, given_split=split, progress=_SILENT)


def test_the_test_part_stays_as_it_was_given() -> None:
    """Only labels of the training part are left out or corrected; the others are what is compared on."""
    rows, changed = _rows(300, wrong=0.3)
    found = _effect(rows)
    assert found.train_count + found.test_count == 300
    assert found.test_count >= 100
    assert 0 < found.suspected_count < found.train_count / 2
    # Nobody can be right about labels that were changed at random.
    assert found.accuracy < 1 - 0.8 * len(changed) / 300
    assert [treatment.name for treatment in found.treatments] == ["left out", "corrected"]


def test_intervals_hold_the_differences() -> None:
    """Each difference lies in its interval, and one that cannot be told from chance has zero in it."""
    found = _effect(_rows(240, wrong=0.05)[0])
    for treatment in found.treatments:
        for moved in (treatment.accuracy, treatment.macro_f1):
            assert moved.low <= moved.value <= moved.high
            assert moved.low <= 0.02


def test_leaving_out_helps_where_much_is_wrong() -> None:
    """Where two of five training labels were drawn at random, the tickets whose labels are right are told better."""
    rows, _ = _rows(600, wrong=0.0)
    random = np.random.default_rng(0)
    split = ["test" if number // 3 % 3 == 2 else "train" for number in range(len(rows))]
    for number, row in enumerate(rows):
        if split[number] == "train" and random.random() < 0.6:
            rows[number] = replace(row, category=str(random.choice(list(_TOPICS))))
    with threadpool_limits(limits=1):
        found = effect_of_faults(_tickets(rows), recipe=_TINY, seed=0, given_split=split, progress=_SILENT)
    assert found.suspected_count > 60
    assert max(treatment.accuracy.value for treatment in found.treatments) > 0.005


def test_a_scale_is_judged_by_its_order_too() -> None:
    """Three steps of a scale are judged by the ordinal family as in training, two labels or names are not."""
    rows, _ = _rows(120, wrong=0.1)
    steps = {"network": "high", "printer": "normal", "account": "low"}
    rows = [replace(row, body=f"{row.body} 부탁드립니다", priority=steps[str(row.category)]) for row in rows]
    heard = {}
    for target in ("priority", "category"):
        judged = judge(_tickets(rows, target=target), recipe=_TINY, seed=0, progress=_SILENT)
        polite = judged.vectorizer.field_id(TONE, POLITE)
        assert polite is not None
        sees_tone = polite in judged.matrices.values.indices
        heard[target] = ("ordinal" in {candidate.name for candidate in judged.candidates}, sees_tone)
    assert heard == {"priority": (True, False), "category": (False, True)}


def test_the_chosen_encoder_is_heard(tiny_encoder: Path, tmp_path: Path) -> None:
    """With an encoder the tickets are embedded for the judging models; tickets without a text have nothing to embed."""
    rows, _ = _rows(60, wrong=0.1)
    chosen = ChosenEncoder(tiny_encoder, is_distilled=False, var_dir=tmp_path)
    embeddings = [
        labelled_tickets(each, target="category", recipe=_TINY, chosen_encoder=chosen, progress=_SILENT).embeddings
        for each in (rows, [replace(row, subject="", body="") for row in rows])
    ]
    assert embeddings[0] is not None
    assert len(embeddings[0]) == 60
    assert embeddings[1] is None
