"""What a classifier says of the tickets set apart, and what that is worth beside the plain baseline."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.classifier import probabilities
from features.evidence import Evidence
from features.priority_matrix import Scorer
from features.taxonomy import Target, TargetKind
from features.vectorizer import FeatureRow
from training.evaluation import baseline_scores, evaluate
from training.ordinal_evaluation import evaluate_scale
from training.parts import LabelledPart


def evidence_of(classifier: Scorer, labelled: LabelledPart) -> Evidence:
    """Return what the classifier says of a part's labelled tickets, with the code that serves them."""
    part, inside = labelled.part, labelled.inside
    matrices = part.matrices.at(inside)
    starts = matrices.counts.indptr
    bounds = list(itertools.pairwise(starts))
    rows = [FeatureRow(matrices.counts.indices[low:high], matrices.counts.data[low:high]) for low, high in bounds]
    values = [matrices.values.data[low:high] for low, high in bounds]
    neighbours = [part.neighbours[place] for place in inside] if classifier.voting is not None else []
    embeddings = [] if matrices.embeddings is None else list(matrices.embeddings)
    scores = classifier.scores(rows, values, neighbours, embeddings)
    languages = np.array([part.tickets[place].language.value for place in inside], dtype=np.str_)
    return Evidence(classifier.target.labels, probabilities(scores), labelled.actual, languages)


def test_figures(
    target: Target, evidence: Evidence, labelled: Sequence[LabelledPart], *, is_repeated: NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """Return the test figures beside a baseline that saw the training and the evidence part."""
    train, held_out, test = labelled
    known = np.concatenate([train.actual, held_out.actual])
    texts = [*train.texts, *held_out.texts]
    scores = baseline_scores(texts, known, test.texts, label_count=len(target.labels), seed=seed)
    figures = evaluate(
        evidence,
        baseline=scores.argmax(axis=1).astype(np.int32),
        majority=int(np.bincount(known).argmax()),
        is_repeated=is_repeated[test.inside],
        seed=seed,
    )
    if target.kind is TargetKind.ORDINAL:
        figures["scale"] = evaluate_scale(target, evidence, baseline=scores)
    return figures
