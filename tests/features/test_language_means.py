"""Means by language: what is taken off before texts are compared."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import BundleError
from features.language_means import LanguageMeans
from features.languages import Language

# The third dimension is nothing but the language; the first two are what a text is about.
KOREAN = np.array([[1, 0, 5], [0, 1, 5]] * 40, dtype=np.float32)
ENGLISH = np.array([[1, 0, -5], [0, 1, -5]] * 40, dtype=np.float32)
LANGUAGES = [Language.KO] * len(KOREAN) + [Language.EN] * len(ENGLISH)


def test_texts_of_two_languages_meet_once_their_means_are_off() -> None:
    """What differs by language alone is near afterwards, and what differs by subject is far."""
    means = LanguageMeans.of(np.concatenate([KOREAN, ENGLISH]), LANGUAGES)
    korean = means.without(KOREAN[0], Language.KO)
    same, other = (means.without(vector, Language.EN) for vector in ENGLISH[:2])
    assert KOREAN[0] @ ENGLISH[0] < 0
    assert korean @ same > korean @ other
    assert np.linalg.norm(korean) == pytest.approx(1.0, abs=1e-6)


def test_a_language_with_few_texts_keeps_near_to_the_mean_of_all() -> None:
    """One text is no mean: it would cancel itself."""
    means = LanguageMeans.of(np.concatenate([KOREAN, ENGLISH[:1]]), LANGUAGES[: len(KOREAN) + 1])
    assert means.means[1][2] > 0


def test_a_text_of_which_nothing_is_known_stays_zero() -> None:
    """A zero vector is near to nothing, also after centring."""
    means = LanguageMeans.of(KOREAN, [Language.KO] * len(KOREAN))
    assert not means.without(np.zeros(3, np.float32), Language.KO).any()


def test_stored_means_of_another_shape_are_refused() -> None:
    """Means of an encoder with other dimensions are a BundleError."""
    with pytest.raises(BundleError, match="Train the model again"):
        LanguageMeans.from_array(np.zeros((3, 4), np.float32), dimensions=5)
