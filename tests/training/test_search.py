"""The search: within its time, never worse than the recipe as given, on the training part alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import RecipeError
from features.glossary import Glossary
from features.history import HistoryRow
from features.preparation import Preparer
from features.taxonomy import Target, TargetKind
from features.vectorizer import TicketVectorizer
from training.calibration import fit_pool, pool_loss
from training.datasets import HistoryTable
from training.fit import fit_bundle
from training.parts import make_part
from training.progress import Progress
from training.recipe import BoostedRecipe, LinearRecipe, Recipe, SplitRecipe
from training.search import Search, search_recipe
from training.search_space import values_of, with_values
from training.search_trials import LEAST_GAIN, Searched, Trial, TrialState
from training.target_fitting import candidates_of, folds_of, scores_outside

SILENT = Progress(is_shown=False)
LABELS = ("network", "printer", "account")
TARGET = Target("category", TargetKind.NOMINAL, LABELS)
RECIPE = Recipe(
    name="tiny/search",
    least_tickets_per_label=5,
    linear=LinearRecipe(margin_penalty=0.001, ratio_penalty=20.0),
    boosted=BoostedRecipe(rounds=40, learning_rate=0.5, columns=600),
    split=SplitRecipe(folds=3),
)
_TOPICS = (("vpn", "tunnel", "접속이"), ("printer", "toner", "용지가"), ("password", "login", "비밀번호가"))
_FILLERS = ("please", "again", "오늘", "자꾸", "desk", "since", "help", "the", "floor")


def _rows(count: int = 90) -> list[HistoryRow]:
    """Return tickets of three categories, some of which bear a wrong label, as in life."""
    random = np.random.default_rng(8)
    rows = []
    for number in range(count):
        words = [*random.choice(_TOPICS[number % 3], 2), *random.choice(np.ravel(_TOPICS), 1)]
        words += [*random.choice(_FILLERS, 4), str(number)]
        label = LABELS[number % 3] if random.random() > 0.2 else str(random.choice(LABELS))
        rows.append(HistoryRow(id=str(number), subject=words[0], body=" ".join(words[1:]), category=label))
    return rows


class Ticks:
    """A clock that goes on by one second whenever someone looks at it; at a moment it may be interrupted."""

    def __init__(self, *, interrupted_at: int | None = None) -> None:
        self._now, self._interrupted_at = 0, interrupted_at

    def __call__(self) -> float:
        self._now += 1
        if self._now == self._interrupted_at:
            raise KeyboardInterrupt
        return float(self._now)


def _search(
    folder: Path,
    *,
    budget: float,
    rows: Sequence[HistoryRow] | None = None,
    recipe: Recipe = RECIPE,
    seed: int = 0,
    clock: Callable[[], float] | None = None,
) -> Searched:
    rows = rows or _rows()
    prepared = [Preparer(Glossary(), ()).prepare(row.ticket()) for row in rows]
    vectorizer = TicketVectorizer().fit(prepared)
    part = make_part("training", np.arange(len(rows)), prepared, vectorizer, progress=SILENT)
    searched = search_recipe(
        *([TARGET], rows, part, vectorizer),
        recipe=recipe,
        search=Search(budget, folder),
        seed=seed,
        progress=SILENT,
        clock=clock or Ticks(),
    )
    assert searched is not None
    return searched


@pytest.fixture(scope="module")
def long_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the long search keeps its trials."""
    return tmp_path_factory.mktemp("searches")


@pytest.fixture(scope="module")
def searched(long_folder: Path) -> Searched:
    """A search of some dozens of trials."""
    return _search(long_folder, budget=900)


# --- what a trial is worth --------------------------------------------------------------------------------------------


def test_however_short_the_time_the_recipe_as_given_is_tried(tmp_path: Path) -> None:
    """A budget that is over at once still gives one complete trial, of the recipe's own numbers, and that recipe."""
    found = _search(tmp_path, budget=0.001)
    assert [trial.state for trial in found.trials] == [TrialState.COMPLETE]
    assert len(found.best.fold_losses) == 3
    assert found.recipe == RECIPE
    assert found.changes == {}
    assert "None beats the recipe as given" in found.sentence()


def test_a_trial_is_worth_the_log_loss_of_the_pool_out_of_fold(tmp_path: Path) -> None:
    """The loss of a trial is that of the pool which training fits for the same recipe, on the same folds."""
    rows = _rows()
    prepared = [Preparer(Glossary(), ()).prepare(row.ticket()) for row in rows]
    vectorizer = TicketVectorizer().fit(prepared)
    tickets = make_part("training", np.arange(len(rows)), prepared, vectorizer, progress=SILENT).matrices
    actual = np.array([LABELS.index(row.category or "") for row in rows], np.int32)
    out_of_fold = []
    for candidate in candidates_of(RECIPE, vectorizer, ticket_count=len(rows)):
        scores = np.zeros((len(rows), 3))
        for fold in folds_of(actual, split=RECIPE.split, seed=0):
            scores[fold.outside] = scores_outside(candidate, tickets, actual, fold, label_count=3, seed=0)
        out_of_fold.append(scores)
    pool = fit_pool(out_of_fold, actual)
    pulled, _ = pool_loss(np.concatenate([pool.weights, pool.bias]), np.stack(out_of_fold), actual)
    expected = pulled - (pool.bias**2).sum() / (2 * len(rows))
    assert _search(tmp_path, budget=0.001).first.loss == pytest.approx(expected, abs=1e-4)


def test_never_ends_worse_than_it_began(searched: Searched) -> None:
    """No complete trial is better than the best by as much as counts, and its numbers are those of the recipe."""
    complete = [trial for trial in searched.trials if trial.state is TrialState.COMPLETE]
    assert searched.best in complete
    assert searched.best.loss <= min(searched.first.loss, min(trial.loss for trial in complete) + LEAST_GAIN)
    assert searched.recipe == with_values(RECIPE, searched.best.values)


def test_bad_numbers_are_mended_and_the_change_is_told(searched: Searched) -> None:
    """Numbers far from any good are left behind; the sentence says which, and what was gained."""
    assert searched.best.loss < searched.first.loss - 0.01
    assert searched.changes
    for path, (given, chosen) in searched.changes.items():
        assert f"{path} {given:g} → {chosen:g}" in searched.sentence()
    assert f"as given {searched.first.loss:.4f}" in searched.sentence()
    printed = searched.as_json()
    assert printed["out_of_fold_log_loss"] < printed["out_of_fold_log_loss_as_given"]


def test_a_trial_redraws_one_family(searched: Searched) -> None:
    """Whatever a trial changes against the best one before it belongs to one family; all families have their turn."""
    best = searched.first
    for trial in searched.trials[1:]:
        changed = {path for path in trial.values if trial.values[path] != best.values[path]}
        assert changed
        paths = {"linear": {"linear.margin_penalty"}, "ratio": {"linear.ratio_penalty"}}
        assert changed <= paths.get(trial.redrawn, {path for path in trial.values if path.startswith("boosted.")})
        if trial.state is TrialState.COMPLETE and trial.loss < best.loss - LEAST_GAIN:
            best = trial
    assert {trial.redrawn for trial in searched.trials} == {"", "linear", "ratio", "boosted"}


def test_hopeless_trials_are_given_up(searched: Searched) -> None:
    """A trial that is worse than the median after a fold is not brought to its end, and never chosen."""
    pruned = [trial for trial in searched.trials if trial.state is TrialState.PRUNED]
    assert pruned
    for trial in pruned:
        fold = len(trial.fold_losses)
        before = searched.trials[: searched.trials.index(trial)]
        others = [each.fold_losses[fold - 1] for each in before if each.state is TrialState.COMPLETE]
        assert fold == 2
        assert trial.loss > np.median(others)
    assert searched.best not in pruned


def test_one_seed_gives_one_search(searched: Searched, tmp_path: Path) -> None:
    """The same tickets, recipe, seed and time give the same trials; another seed draws others."""
    again = _search(tmp_path, budget=150)
    assert _numbers(again.trials) == _numbers(searched.trials[: len(again.trials)])
    other = _search(tmp_path, budget=150, seed=1)
    assert other.earlier_count == 0
    assert _numbers(other.trials[1:]) != _numbers(again.trials[1 : len(other.trials)])


def _numbers(trials: Sequence[Trial]) -> list[tuple[int, dict[str, float]]]:
    return [(trial.number, dict(trial.values)) for trial in trials]


# --- within the time --------------------------------------------------------------------------------------------------


def test_a_trial_that_would_overrun_is_not_started(tmp_path: Path) -> None:
    """With less time left than any family took, nothing is begun; with as much, one more trial is."""
    alone = _search(tmp_path / "alone", budget=0.001)
    used = alone.seconds
    assert len(_search(tmp_path / "short", budget=used + 1).trials) == 1
    more = _search(tmp_path / "long", budget=3 * used)
    assert len(more.trials) > 1
    assert more.seconds < 3 * used + 10


def test_time_that_runs_out_within_a_trial_ends_it(tmp_path: Path) -> None:
    """A trial that takes longer than any before is dropped at the next fold: the recipe is the best of the others."""
    ticks: Iterator[float] = itertools.count(1.0)
    slow = iter([*itertools.islice(ticks, 60), *(1000.0 + number for number in range(1000))])
    found = _search(tmp_path, budget=900, clock=lambda: next(slow))
    assert found.seconds > 900
    assert {trial.state for trial in found.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert all(trial.seconds < 100 for trial in found.trials)


# --- going on ---------------------------------------------------------------------------------------------------------


def test_a_second_search_goes_on_from_the_first(tmp_path: Path) -> None:
    """What was tried counts, the numbering goes on, and nothing is tried twice."""
    first = _search(tmp_path, budget=150)
    second = _search(tmp_path, budget=150)
    assert second.earlier_count == len(first.trials) > 3
    assert _numbers(second.trials[: len(first.trials)]) == _numbers(first.trials)
    assert len(second.trials) > len(first.trials)
    assert [trial.number for trial in second.trials] == list(range(len(second.trials)))
    tried = [json.dumps(trial.values, sort_keys=True) for trial in second.trials]
    assert len(set(tried)) == len(tried)
    assert second.best.loss <= first.best.loss
    assert f"{len(first.trials)} of them from before" in second.sentence()


def test_going_on_without_time_gives_what_was_found(searched: Searched, long_folder: Path) -> None:
    """A search without time for a trial ends with the best of the trials before."""
    again = _search(long_folder, budget=0.001)
    assert again.recipe == searched.recipe
    assert len(again.trials) == again.earlier_count == len(searched.trials)


def test_what_is_interrupted_keeps_its_finished_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stopped by the keyboard, a search ends at once; the next one goes on from the trials that were finished."""
    with pytest.raises(KeyboardInterrupt):
        _search(tmp_path, budget=900, clock=Ticks(interrupted_at=120))
    found = _search(tmp_path, budget=0.001)
    assert found.earlier_count == len(found.trials) > 1


def test_a_line_cut_short_spoils_no_other(tmp_path: Path) -> None:
    """Where a crash left half a line, the trials before it count and the search goes on behind it."""
    first = _search(tmp_path, budget=150)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    second = _search(tmp_path, budget=150)
    assert second.earlier_count == len(first.trials) - 1
    third = _search(tmp_path, budget=0.001)
    assert third.earlier_count == len(second.trials) > second.earlier_count


@pytest.mark.parametrize("left", ["", "no trials at all", '{"number": 4}'])
def test_a_file_without_the_recipe_as_given_counts_for_nothing(tmp_path: Path, left: str) -> None:
    """Without a first trial there is nothing to compare with: the search begins anew."""
    _search(tmp_path, budget=0.001)
    (file,) = tmp_path.iterdir()
    file.write_text(left, encoding="utf-8")
    found = _search(tmp_path, budget=0.001)
    assert (found.earlier_count, len(found.trials)) == (0, 1)


def test_searches_of_other_data_or_recipes_are_kept_apart(tmp_path: Path) -> None:
    """Another label, another text, another number of the recipe: the search begins anew, in a file of its own."""
    rows = _rows()
    relabelled = [replace(rows[0], category="account"), *rows[1:]]
    reworded = [replace(rows[0], body="zebra"), *rows[1:]]
    assert rows[0].category != "account"
    changed = replace(RECIPE, boosted=replace(RECIPE.boosted, most_trees=50))
    for other in ({}, {"rows": relabelled}, {"rows": reworded}, {"recipe": changed}, {"seed": 5}):
        assert _search(tmp_path, budget=0.001, **other).earlier_count == 0  # type: ignore[arg-type]
    assert len(list(tmp_path.iterdir())) == 5
    assert all(file.name.startswith("tiny_search-") for file in tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error says where trials were to be kept and how to name another place."""
    (tmp_path / "var").write_text("a file", encoding="utf-8")
    with pytest.raises(RecipeError, match="Name a folder that may be written to with TRIAGE_VAR_DIR"):
        _search(tmp_path / "var" / "searches", budget=0.001)


# --- the training part alone ------------------------------------------------------------------------------------------

PARTS = ["train"] * 60 + ["evidence"] * 15 + ["test"] * 15


def _bundle(rows: Sequence[HistoryRow], folder: Path) -> Searched:
    table = HistoryTable(tuple(rows), tuple(range(len(rows))), len(rows), 0, 0, (), ("category",), ())
    trained = fit_bundle(table, None, recipe=RECIPE, seed=2, given_split=PARTS, search=Search(0.001, folder))
    assert trained.searched is not None
    assert trained.bundle.manifest.recipe == trained.searched.recipe.as_json()
    return trained.searched


def _rolled(rows: Sequence[HistoryRow], part: slice) -> list[HistoryRow]:
    """Return the rows with the labels of a part handed on by one: each is as frequent as before."""
    changed, source = list(rows), list(rows[part])
    changed[part] = [replace(row, category=source[number - 1].category) for number, row in enumerate(source)]
    return changed


def test_held_out_labels_and_texts_change_no_trial(tmp_path: Path) -> None:
    """Other labels and words in the parts that are held out change neither a trial nor what it goes on from.

    The same change in the training part does both.
    """
    rows = _rows()
    plain = _bundle(rows, tmp_path / "plain")
    for part in (slice(60, 75), slice(75, 90)):
        for other in (_rolled(rows, part), [*rows[:75], *(replace(row, body="quagga") for row in rows[75:])]):
            assert other != rows
            assert _bundle(other, tmp_path / str(part.start)).first.fold_losses == plain.first.fold_losses
            assert _bundle(other, tmp_path / "plain").earlier_count == 1
    learned = _bundle(_rolled(rows, slice(0, 60)), tmp_path / "plain")
    assert learned.earlier_count == 0
    assert learned.first.fold_losses != plain.first.fold_losses


def test_a_target_that_cannot_be_folded_is_not_searched(tmp_path: Path) -> None:
    """A label with one ticket in the training part leaves nothing to search, and training says why."""
    rows = [replace(row, category="network" if number else "account") for number, row in enumerate(_rows(12))]
    prepared = [Preparer(Glossary(), ()).prepare(row.ticket()) for row in rows]
    vectorizer = TicketVectorizer().fit(prepared)
    part = make_part("training", np.arange(len(rows)), prepared, vectorizer, progress=SILENT)
    target = Target("category", TargetKind.NOMINAL, ("network", "account"))
    found = search_recipe(
        *([target], rows, part, vectorizer),
        recipe=RECIPE,
        search=Search(1, tmp_path),
        seed=0,
        progress=SILENT,
    )
    assert found is None


def test_the_numbers_as_given_come_first(searched: Searched) -> None:
    """The first trial holds the recipe's own numbers, those outside the usual ranges too."""
    assert searched.first.values["linear.margin_penalty"] == 0.001
    assert searched.first.values["linear.ratio_penalty"] == 20.0
    assert with_values(RECIPE, searched.first.values) == RECIPE
    assert values_of(RECIPE, ()) == {}
