"""Character n-grams, Kiwi's morphemes or subword tokens: what Korean is best cut into, and what that costs.

    python benchmarks/korean_tokens.py [--tokenizer FOLDER] [--seeds 3] [--first-seed 1] [--sets NAMES] [--json]

Classification is aivle_inquiry_ko in five stratified folds, by default with other seeds than the 0 that is reported
elsewhere: tf-idf and a linear support-vector machine over each kind of token, single and added to ours. Retrieval is
smartstore_faq_ko (title to body) and aivle_faq_ko (question to answer): BM25 over the same, added as sums of scores.
Differences are paired, to our characters, with 95 % intervals bootstrapped over tickets or questions; microseconds
are of one core for one ticket or question.

Needs kiwipiepy, and for subwords tokenizers and a folder with a tokenizer.json; none of them is part of the product,
and what is missing is left out. Texts are cleaned and redacted as the product does. Reads ../shared/datasets.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

# First of all, since a file of this folder has the name of a package there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from head_to_head.question_sets import QuestionSet, read_aivle, read_smartstore

from features.glossary import Glossary
from features.lexical_terms import TermRules, lexical_terms
from features.preparation import Preparer
from features.token_features import token_features, words_of

DATASETS = Path(__file__).resolve().parents[2] / "shared" / "datasets"
INQUIRIES = "aivle_inquiry_ko"
QUESTIONS: Mapping[str, Callable[[Path], QuestionSet]] = {
    "smartstore_faq_ko": read_smartstore,
    "aivle_faq_ko": read_aivle,
}
OURS = "characters"
FOLDS, DRAWS, MOST_FEATURES = 5, 1_000, 150_000
K1, LENGTH_SHARE = 2.0, 0.75
# What a search is made of: nouns, verbs, adjectives, adverbs, roots, foreign words and numbers.
_CONTENT = re.compile("N|V[VA]|MA|XR|SL|SN|SH")

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = Mapping[str, float]


@dataclass(frozen=True)
class Kind:
    """One kind of token: what a classifier counts in a text, and what a search looks for."""

    name: str
    features: Callable[[str], Counts]
    terms: Callable[[str], Counts]
    loading: Mapping[str, float] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, help="folder of the tokenizer.json that cuts subwords")
    parser.add_argument("--seeds", type=int, default=3, help="how many times the inquiries are folded (default: 3)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--sets", default=",".join((INQUIRIES, *QUESTIONS)), help="comma-separated; all by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not DATASETS.is_dir():
        sys.exit("The datasets are not here: they are expected in ../shared/datasets, beside the repository.")
    unknown = [name for name in options.sets.split(",") if name not in (INQUIRIES, *QUESTIONS)]
    if unknown:
        sys.exit(f"Unknown set '{unknown[0]}'. The sets are: {', '.join((INQUIRIES, *QUESTIONS))}.")
    kinds = [_characters(), *_morphemes(), *_subwords(options.tokenizer)]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    report = {
        name: classify(kinds, seeds) if name == INQUIRIES else search(kinds, QUESTIONS[name](DATASETS / name))
        for name in options.sets.split(",")
    }
    report["loading"] = {kind.name: dict(kind.loading) for kind in kinds if kind.loading}
    print(json.dumps(report, ensure_ascii=False, indent=2) if options.json else as_markdown(report))


# --- the kinds of token -------------------------------------------------------------------------------------------


def _characters() -> Kind:
    """What the product counts: words, pairs of words, and n-grams; for a search pairs of syllables and syllables."""

    def features(text: str) -> Counts:
        counts = Counter(name for token in text.split() for name in token_features(token))
        words = [word for token in text.split() for word in words_of(token)]
        counts.update(f"p {first} {second}" for first, second in itertools.pairwise(words))
        return counts

    rules = TermRules(word_pair_weight=0.5, syllable_weight=0.5)
    return Kind(OURS, features, lambda text: lexical_terms(text, rules=rules))


def _morphemes() -> list[Kind]:
    try:
        from kiwipiepy import Kiwi
    except ImportError:
        print("kiwipiepy is not installed: morphemes are left out.", file=sys.stderr)
        return []
    resident, started = _resident_mib(), time.process_time()
    kiwi = Kiwi(num_workers=1)
    kiwi.tokenize("로그인이 안 됩니다")
    loading = {"seconds": time.process_time() - started, "MiB": _resident_mib() - resident}

    def features(text: str) -> Counts:
        return _with_pairs([f"{token.form.lower()}/{token.tag}" for token in kiwi.tokenize(text)])

    def terms(text: str) -> Counts:
        return Counter(token.form.lower() for token in kiwi.tokenize(text) if _CONTENT.match(token.tag))

    return [Kind("morphemes", features, terms, loading)]


def _subwords(folder: Path | None) -> list[Kind]:
    if folder is None:
        print("No --tokenizer: subwords are left out.", file=sys.stderr)
        return []
    from tokenizers import Tokenizer

    resident, started = _resident_mib(), time.process_time()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    loading = {"seconds": time.process_time() - started, "MiB": _resident_mib() - resident}

    def pieces(text: str) -> list[str]:
        return list(tokenizer.encode(text.lower(), add_special_tokens=False).tokens)

    return [Kind("subwords", lambda text: _with_pairs(pieces(text)), lambda text: Counter(pieces(text)), loading)]


def _with_pairs(tokens: Sequence[str]) -> Counts:
    counts: Counter[str] = Counter(tokens)
    counts.update(f"{first} {second}" for first, second in itertools.pairwise(tokens))
    return counts


def _resident_mib() -> float:
    """Return the memory that this process holds now, where the system tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return float("nan")
    return pages * 4096 / 2**20


def _combinations(kinds: Sequence[Kind]) -> list[tuple[str, ...]]:
    """Return every kind by itself, and what is added to the first."""
    first, *others = (kind.name for kind in kinds)
    together = [(first, *others)] if len(others) > 1 else []
    return [(first,), *((other,) for other in others), *((first, other) for other in others), *together]


def _counted(texts: Sequence[str], count: Callable[[str], Counts]) -> tuple[list[Counts], float]:
    """Return the counts of each text, and the median microseconds that one took."""
    counted, spent = [], []
    for text in texts:
        started = time.process_time_ns()
        counted.append(count(text))
        spent.append((time.process_time_ns() - started) / 1e3)
    return counted, float(np.median(spent))


def _matrix(rows: Sequence[Counts], columns: dict[str, int]) -> sparse.csr_matrix:
    """Return the counts as a matrix; names that are new get a column."""
    indices, data, starts = [], [], [0]
    for row in rows:
        indices += [columns.setdefault(name, len(columns)) for name in row]
        data += list(row.values())
        starts.append(len(indices))
    return sparse.csr_matrix((np.array(data, np.float64), indices, starts), shape=(len(rows), len(columns)))


# --- classification -----------------------------------------------------------------------------------------------


def classify(kinds: Sequence[Kind], seeds: Sequence[int]) -> dict[str, Any]:
    """Return accuracy and macro-F1 of each combination, and how far they are above those of our characters."""
    with (DATASETS / INQUIRIES / "inquiries.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    preparer = Preparer(Glossary())
    texts = [preparer.prepare_text(row["text"]) for row in rows]
    actual = np.unique([row["label"] for row in rows], return_inverse=True)[1]
    microseconds, matrices = {}, {}
    for kind in kinds:
        counted, microseconds[kind.name] = _counted(texts, kind.features)
        matrices[kind.name] = _matrix(counted, {})
    found = {
        names: np.stack([_predicted([matrices[name] for name in names], actual, seed=seed) for seed in seeds])
        for names in _combinations(kinds)
    }
    draws = np.random.default_rng(0).integers(len(actual), size=(DRAWS, len(actual)))
    drawn = {names: np.array([_figures(each, actual, draw) for draw in draws]) for names, each in found.items()}
    everything = np.arange(len(actual))
    whole = {names: _figures(each, actual, everything) for names, each in found.items()}
    return {
        " + ".join(names): {
            **_beside(whole[names], whole[(OURS,)], drawn[names] - drawn[(OURS,)], ("accuracy", "macro_f1")),
            "microseconds": sum(microseconds[name] for name in names),
        }
        for names in found
    }


def _predicted(matrices: Sequence[sparse.csr_matrix], actual: NDArray[Any], *, seed: int) -> NDArray[Any]:
    predicted = np.zeros_like(actual)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(actual, actual)
    for inside, outside in folds:
        weighed = [_weighed(matrix, inside) for matrix in matrices]
        # Each kind weighs the same: what is added does not drown what was there.
        values = sparse.hstack(weighed, format="csr") / np.sqrt(len(weighed))
        model = LinearSVC(C=0.5).fit(values[inside], actual[inside])
        predicted[outside] = model.predict(values[outside])
    return predicted


def _weighed(counts: sparse.csr_matrix, inside: NDArray[Any]) -> sparse.csr_matrix:
    """Return tf-idf of unit length, the frequencies taken from the training part alone."""
    documents = np.asarray((counts[inside] > 0).sum(axis=0)).ravel()
    kept = np.sort(np.argsort(-documents, kind="stable")[: min(MOST_FEATURES, int((documents > 0).sum()))])
    values = counts[:, kept]
    values.data = 1 + np.log(values.data)
    values = (values @ sparse.diags(np.log((1 + len(inside)) / (1 + documents[kept])) + 1)).tocsr()
    lengths = np.sqrt(np.asarray(values.multiply(values).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ values).tocsr()


def _figures(predicted: NDArray[Any], actual: NDArray[Any], draw: NDArray[Any]) -> Floats:
    """Return accuracy and macro-F1 over the drawn tickets, every seed's predictions pooled."""
    labels = int(actual.max()) + 1
    pairs = (actual[draw] * labels + predicted[:, draw]).ravel()
    confusion = np.bincount(pairs, minlength=labels**2).reshape(labels, labels)
    right = np.diag(confusion)
    f1 = 2 * right / np.maximum(confusion.sum(axis=0) + confusion.sum(axis=1), 1)
    return np.array([right.sum() / confusion.sum(), f1.mean()])


# --- retrieval ----------------------------------------------------------------------------------------------------


def search(kinds: Sequence[Kind], questions: QuestionSet) -> dict[str, Any]:
    """Return recall and reciprocal rank of each combination, and how far they are above those of our characters."""
    preparer = Preparer(Glossary())
    articles = [preparer.prepare_text(text) for text in questions.article_texts]
    asked = [preparer.prepare_text(text) for text in questions.questions]
    microseconds, scores = {}, {}
    for kind in kinds:
        columns: dict[str, int] = {}
        held = _matrix(_counted(articles, kind.terms)[0], columns)
        counted, microseconds[kind.name] = _counted(asked, kind.terms)
        wanted = _matrix(counted, columns)
        held.resize(held.shape[0], len(columns))
        scores[kind.name] = np.asarray((wanted @ _bm25(held).T).todense())
    measured = {
        names: _measures(sum(scores[name] for name in names), questions.relevant) for names in _combinations(kinds)
    }
    draws = np.random.default_rng(0).integers(len(asked), size=(DRAWS, len(asked)))
    return {
        " + ".join(names): {
            **_beside(
                rows.mean(axis=0),
                measured[(OURS,)].mean(axis=0),
                (rows - measured[(OURS,)])[draws].mean(axis=1),
                ("recall_at_1", "recall_at_5", "mrr_at_10"),
            ),
            "microseconds": sum(microseconds[name] for name in names),
        }
        for names, rows in measured.items()
    }


def _bm25(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    holding = np.asarray((counts > 0).sum(axis=0)).ravel()
    rarity = np.log(1 + (counts.shape[0] - holding + 0.5) / (holding + 0.5))
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    damping = K1 * (1 - LENGTH_SHARE + LENGTH_SHARE * lengths / lengths.mean())
    weights = counts.tocoo()
    weights.data = weights.data * (K1 + 1) / (weights.data + damping[weights.row]) * rarity[weights.col]
    return weights.tocsr()


def _measures(scores: Floats, relevant: Sequence[frozenset[int]]) -> Floats:
    """Return recall at 1 and 5 and the reciprocal rank at 10 of each question, equal scores in the articles' order."""
    rows = []
    for own, answers in zip(scores, relevant, strict=True):
        best = np.argsort(-own, kind="stable")[:10].tolist()
        rank = next((place for place, article in enumerate(best) if article in answers and own[article] > 0), 10)
        rows.append([rank < 1, rank < 5, 1 / (rank + 1) if rank < 10 else 0.0])
    return np.array(rows, np.float64)


# --- the report ---------------------------------------------------------------------------------------------------


def _beside(whole: Floats, ours: Floats, differences: Floats, names: Sequence[str]) -> dict[str, Any]:
    low, high = np.quantile(differences, (0.025, 0.975), axis=0)
    return {
        name: {
            "value": float(whole[column]),
            "difference": float(whole[column] - ours[column]),
            "interval": [float(low[column]), float(high[column])],
        }
        for column, name in enumerate(names)
    }


def as_markdown(report: Mapping[str, Any]) -> str:
    lines = []
    for name, rows in report.items():
        if name == "loading":
            lines += [f"{kind}: {cost['seconds']:.1f} s to load, {cost['MiB']:.0f} MiB." for kind, cost in rows.items()]
            continue
        measures = [measure for measure in rows[OURS] if measure != "microseconds"]
        lines += [f"### {name}", "", f"| | {' | '.join(measures)} | µs |", f"|---|{'---:|' * (len(measures) + 1)}"]
        for kind, row in rows.items():
            cells = [_cell(row[measure]) if kind != OURS else f"{row[measure]['value']:.3f}" for measure in measures]
            lines.append(f"| {kind} | {' | '.join(cells)} | {row['microseconds']:.0f} |")
        lines.append("")
    return "\n".join(lines)


def _cell(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:.3f} ({figure['difference']:+.3f}, {low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
