"""The figures of a run: what they show, and that they can be drawn for any history."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from features.evidence import Evidence
from training import plots
from training.calibration import calibration_error
from training.fit import Trained
from training.plot_data import equal_mass_bins, label_shares, most_confused, precision_by_coverage, wilson_interval
from training.plot_labels import korean_font, legible


def evidence_of(labels: tuple[str, ...], *, tickets: int, seed: int = 0) -> Evidence:
    """Made-up predictions that are mostly right."""
    random = np.random.default_rng(seed)
    actual = random.integers(0, len(labels), tickets).astype(np.int32)
    scores = random.normal(size=(tickets, len(labels)))
    scores[np.arange(tickets), actual] += 2
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return Evidence(labels, probabilities, actual, random.choice(np.array(["en", "ko"]), tickets))


def test_draws_four_figures_for_each_target_of_a_dated_history(sample_trained: Trained) -> None:
    """Every target gets a confusion matrix, a reliability diagram, precision by coverage and labels over time."""
    drawn = plots.figures(sample_trained)

    kinds = ("confusion_matrix", "reliability", "precision_and_coverage", "labels_over_time")
    assert list(drawn) == [f"{target}/{kind}" for target in sample_trained.test_evidence for kind in kinds]


def test_png_is_wide_enough_to_read_and_no_wider_than_a_page(sample_trained: Trained) -> None:
    """A figure is an image 600 to 1,000 pixels wide, drawn without any warning."""
    for name, figure in plots.figures(sample_trained).items():
        if name.startswith("category/"):
            with Image.open(io.BytesIO(plots.png(figure))) as image:
                assert image.format == "PNG"
                assert 600 <= image.width <= 1000


def test_leaves_matplotlib_as_it_was(sample_trained: Trained) -> None:
    """Drawing changes no setting that other code in the process sees."""
    before = dict(mpl.rcParams)

    plots.png(plots.confusion_matrix(sample_trained.test_evidence["category"], target="category"))

    assert dict(mpl.rcParams) == before


def test_leaves_out_labels_over_time_where_there_are_no_dates(sample_trained: Trained) -> None:
    """A history without dates has no figure over time, and the others all the same."""
    undated = Trained(sample_trained.bundle, sample_trained.test_evidence, (), ())

    assert {name.split("/")[1] for name in plots.figures(undated)} == {
        "confusion_matrix",
        "reliability",
        "precision_and_coverage",
    }


@pytest.mark.parametrize("tickets", [1, 2, 11, 300])
def test_draws_however_few_tickets_there_are(tickets: int) -> None:
    """One ticket is enough for every figure, and labels may hold dollars, Korean, emoji and very long names."""
    evidence = evidence_of(("$a$", "비밀번호 재설정", "🙂", "x" * 200), tickets=tickets)

    for draw in (plots.confusion_matrix, plots.reliability, plots.precision_and_coverage):
        assert plots.png(draw(evidence, target="category")).startswith(b"\x89PNG")


def test_confusion_of_many_labels_keeps_the_most_confused_and_every_ticket() -> None:
    """Of 40 labels the 19 most confused stand alone, the rest as one, and no ticket is lost."""
    evidence = evidence_of(tuple(f"label {number}" for number in range(40)), tickets=2000)
    mistaken = evidence.actual[~evidence.right].tolist() + evidence.predicted[~evidence.right].tolist()
    worst = max(set(mistaken), key=mistaken.count)

    confusion = most_confused(evidence)

    assert len(confusion.labels) == 20
    assert evidence.labels[worst] in confusion.labels
    assert confusion.labels[-1] == "21 other labels"
    assert confusion.counts.sum() == 2000
    assert confusion.shares.sum(axis=1) == pytest.approx(np.ones(20))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.booleans()), min_size=1, max_size=400))
def test_bins_hold_every_ticket_about_equally(pairs: list[tuple[float, bool]]) -> None:
    """Bins differ by one ticket at most, rise in confidence, and together hold all tickets that were right."""
    confidence, right = np.array([each for each, _ in pairs]), np.array([each for _, each in pairs])

    bins = equal_mass_bins(confidence, right)

    assert bins.tickets.sum() == len(pairs)
    assert np.ptp(bins.tickets) <= 1
    assert len(bins.tickets) <= 15
    assert (np.diff(bins.confidence) >= -1e-12).all()
    assert bins.right.sum() == right.sum()
    assert bins.calibration_error == calibration_error(confidence, right)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=60))
def test_precision_is_that_of_all_tickets_at_least_as_sure(pairs: list[tuple[float, bool]]) -> None:
    """Each step of the curve counts every ticket down to some confidence, equally sure ones together."""
    confidence, right = np.array([each for each, _ in pairs]), np.array([each for _, each in pairs])

    curve = precision_by_coverage(confidence, right)

    for place, threshold in enumerate(sorted(set(confidence), reverse=True)):
        chosen = confidence >= threshold
        assert curve.coverage[place] == pytest.approx(chosen.mean())
        assert curve.precision[place] == pytest.approx(right[chosen].mean())
    assert len(curve.taken) == len(set(confidence))


def test_wilson_interval_is_the_known_one() -> None:
    """For 8 of 10 the interval after Wilson is .490 to .943; it never leaves 0 to 1."""
    low, high = wilson_interval(np.array([8, 0, 5]), np.array([10, 4, 5]))

    assert low == pytest.approx([0.4902, 0.0, 0.5655], abs=1e-4)
    assert high == pytest.approx([0.9433, 0.4899, 1.0], abs=1e-4)


def test_labels_over_time_are_shares_by_month() -> None:
    """Shares of a month sum to one; labels beyond the seven most frequent are put together."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    names = [f"label {number}" for number in range(12)]
    dated = [(start + timedelta(days=day), names[day % 12]) for day in range(180)]

    shares = label_shares(dated, order=names)

    assert shares is not None
    assert shares.periods[0] == "2026-01"
    assert shares.labels[-1] == "5 other labels"
    assert shares.rest == 7
    assert shares.shares.sum(axis=0) == pytest.approx(np.ones(6))
    assert sum(shares.tickets) == 180


def test_labels_over_time_are_by_week_in_a_short_history() -> None:
    """A history of a few weeks is drawn by week, in the order of the scale."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    dated = [(start + timedelta(days=day), ("low", "high")[day % 2]) for day in range(28)]

    shares = label_shares(dated, order=("high", "low"))

    assert shares is not None
    assert shares.periods == ("2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26")
    assert shares.labels == ("high", "low")


def test_a_month_of_stray_tickets_is_left_out() -> None:
    """A single ticket before the history begins does not make a month of its own."""
    start = datetime(2026, 2, 1, tzinfo=UTC)
    dated = [(start - timedelta(hours=1), "a")] + [(start + timedelta(days=day), "ab"[day % 2]) for day in range(89)]

    shares = label_shares(dated, order=("a", "b"))

    assert shares is not None
    assert shares.periods == ("2026-02", "2026-03", "2026-04")


@pytest.mark.parametrize("moments", [[], [datetime(2026, 1, 5, tzinfo=UTC)] * 40])
def test_no_labels_over_time_without_time(moments: list[datetime]) -> None:
    """No dates, or a single day, make no figure over time."""
    assert label_shares([(moment, "a") for moment in moments], order=("a",)) is None


def test_korean_labels_are_written_in_latin_letters_where_no_font_holds_them() -> None:
    """Boxes tell nothing; letters after the Revised Romanization can at least be told apart."""
    assert legible("네트워크/VPN", font=None) == "neteuwokeu/VPN"
    assert legible("한글", font=None) == "hangeul"
    assert legible("값", font=None) == "gap"


def test_korean_labels_stay_korean_where_a_font_holds_them() -> None:
    """With a Korean font among those installed, the label is drawn as it is."""
    font = korean_font(["DejaVu Sans", "NanumGothic", "Noto Sans CJK KR"])

    assert font == "Noto Sans CJK KR"
    assert legible("네트워크", font=font) == "네트워크"
    assert korean_font(["DejaVu Sans"]) is None


def test_long_labels_are_shortened() -> None:
    """A label longer than a figure has room for ends in dots."""
    assert legible("a" * 60, font=None) == "a" * 27 + "…"
