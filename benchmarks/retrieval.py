"""Do we find the right article at least as often as BM25 does, and how long do articles and neighbours take?

Run from the repository: `python benchmarks/retrieval.py [--json] [--similar] [--encoder FOLDER]`. The sets lie in
../shared/datasets; a set that is missing is said so and left out. The English choices (stop words, stemming, pairs of
words, saturation) were made on wixqa_en and confirmed on openoffice_duplicates_en; the Korean ones (syllables beside
pairs of syllables, no whole words) on smartstore_faq_ko and aivle_faq_ko together: of its own choices a set's figure
is flattered. The signals taken from past tickets were compared on aivle_faq_ko, whose paraphrases stand on both sides
of a fold. Centring by language, passages and the plain sum of words and meaning were looked at on all three sets; how
many past tickets are learned from as if their articles were new was chosen on banking77_en. Of copies one is shown:
where a set asks for another one, that counts as a miss.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# First of all, since a file of this folder has the name of a package there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from head_to_head.question_sets import FOLDS, QuestionSet, over_questions, read_aivle, read_smartstore, read_wixqa
from head_to_head.rivals.bm25 import PlainBm25, character_pairs, expanded_texts, words
from head_to_head.tasks import DEPTH

from features.article_ranker import ArticleRanker
from features.encoder import TextEncoder, load_encoder
from features.similar_tickets import SimilarTickets

DATASETS = Path(__file__).resolve().parents[2] / "shared" / "datasets"
BOOTSTRAP_DRAWS = 2_000
MEASURES = ("recall@1", "recall@5", "recall@10", "MRR@10")

Floats = NDArray[np.float64]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    arguments.add_argument("--similar", action="store_true", help="time SimilarTickets over it_service_tickets_en only")
    arguments.add_argument("--encoder", type=Path, help="the folder of an exported text encoder; without, words alone")
    arguments.add_argument("--datasets", type=Path, default=DATASETS)
    options = arguments.parse_args()
    encoder = None if options.encoder is None else load_encoder(options.encoder)
    report: dict[str, Any] = {}
    if not options.similar:
        readers = {"wixqa_en": read_wixqa, "smartstore_faq_ko": read_smartstore, "aivle_faq_ko": read_aivle}
        for folder, read in readers.items():
            if not (options.datasets / folder).is_dir():
                print(f"{folder}: not found under {options.datasets}, left out.", file=sys.stderr)
                continue
            questions = read(options.datasets / folder)
            report[folder] = compare_articles_alone(questions, encoder=encoder)
            if folder == "aivle_faq_ko":
                report[f"{folder}, {FOLDS} folds with links"] = compare_with_links(questions, encoder=encoder)
    tickets = options.datasets / "it_service_tickets_en" / "tickets.csv.gz"
    if tickets.is_file():
        report["similar tickets"] = time_similar_tickets(tickets)
    else:
        print(f"it_service_tickets_en: not found under {options.datasets}, left out.", file=sys.stderr)
    print(json.dumps(report, ensure_ascii=False, indent=2) if options.json else as_tables(report))


# --- the rival ----------------------------------------------------------------------------------------------------


def rivals(questions: QuestionSet, *, texts: Sequence[str]) -> dict[str, PlainBm25]:
    tokenizers = {"words": words, "character pairs": character_pairs} if questions.korean else {"words": words}
    return {
        f"BM25 {name}, k1={k1}": PlainBm25(texts, tokenizer=tokenizer, k1=k1)
        for name, tokenizer in tokenizers.items()
        for k1 in (1.2, 1.5)
    }


# --- the comparisons ----------------------------------------------------------------------------------------------


def compare_articles_alone(questions: QuestionSet, *, encoder: TextEncoder | None) -> dict[str, Any]:
    found = {
        name: [rival.best(question) for question in questions.questions]
        for name, rival in rivals(questions, texts=questions.article_texts).items()
    }
    ranker = ArticleRanker.fit(questions.articles, encoder=encoder)
    ours, milliseconds = timed([partial(ranked, ranker, encoder)] * len(questions.questions), questions.questions)
    return beside(questions, ours=ours, rivals=found, milliseconds=milliseconds)


def compare_with_links(questions: QuestionSet, *, encoder: TextEncoder | None) -> dict[str, Any]:
    """Each fifth of the questions, with the links of the other four. Paraphrases stand on both sides."""
    searches: list[Callable[[str], list[int]]] = [lambda _text: []] * len(questions.questions)
    found: dict[str, list[list[int]]] = {}
    for fold in over_questions(questions):
        past_texts = [questions.questions[number] for number in fold.past]
        links = [sorted(questions.relevant[number]) for number in fold.past]
        ids = [tuple(map(str, places)) for places in links]
        ranker = ArticleRanker.fit(questions.articles, past_texts=past_texts, past_links=ids, encoder=encoder)
        expanded = expanded_texts(questions.article_texts, past_texts=past_texts, past_links=links)
        fold_rivals = {
            **rivals(questions, texts=questions.article_texts),
            **{f"{name}, past questions appended": rival for name, rival in rivals(questions, texts=expanded).items()},
        }
        for number in fold.asked.tolist():
            searches[number] = partial(ranked, ranker, encoder)
            for name, rival in fold_rivals.items():
                found.setdefault(name, [[] for _ in searches])[number] = rival.best(questions.questions[number])
    ours, milliseconds = timed(searches, questions.questions)
    return beside(questions, ours=ours, rivals=found, milliseconds=milliseconds)


def ranked(ranker: ArticleRanker, encoder: TextEncoder | None, text: str) -> list[int]:
    embedding = None if encoder is None else encoder.encode(" ".join(text.split()))
    return [int(article.id) for article in ranker.rank(text, embedding=embedding, count=DEPTH)]


def timed(
    searches: Sequence[Callable[[str], list[int]]], texts: Sequence[str]
) -> tuple[list[list[int]], dict[str, float]]:
    found, milliseconds = [], []
    for search, text in zip(searches, texts, strict=True):
        start = time.perf_counter()
        found.append(search(text))
        milliseconds.append((time.perf_counter() - start) * 1e3)
    return found, percentiles(milliseconds)


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(milliseconds, share)), 3) for share in (50, 95, 99)}


def measures_of(found: Sequence[Sequence[int]], relevant: Sequence[frozenset[int]]) -> Floats:
    """Return the measures of every question, of shape (questions, measures)."""
    rows = []
    for places, answers in zip(found, relevant, strict=True):
        rank = next((number for number, place in enumerate(places) if place in answers), DEPTH)
        rows.append([rank < 1, rank < 5, rank < DEPTH, 1 / (rank + 1) if rank < DEPTH else 0])
    return np.array(rows, dtype=np.float64)


def beside(
    questions: QuestionSet,
    *,
    ours: Sequence[Sequence[int]],
    rivals: dict[str, list[list[int]]],
    milliseconds: dict[str, float],
) -> dict[str, Any]:
    """Set our measures beside those of the rival with the highest recall@5."""
    measured = {name: measures_of(found, questions.relevant) for name, found in rivals.items()}
    name = max(measured, key=lambda rival: float(measured[rival].mean(axis=0)[1]))
    mine = measures_of(ours, questions.relevant)
    draws = np.random.default_rng(0).integers(len(mine), size=(BOOTSTRAP_DRAWS, len(mine)))
    differences = (mine - measured[name])[draws].mean(axis=1)
    low, high = np.percentile(differences, [2.5, 97.5], axis=0)
    table = {
        measure: {
            "ours": round(float(mine[:, column].mean()), 3),
            "rival": round(float(measured[name][:, column].mean()), 3),
            "difference": round(float((mine - measured[name])[:, column].mean()), 3),
            "interval": [round(float(low[column]), 3), round(float(high[column]), 3)],
        }
        for column, measure in enumerate(MEASURES)
    }
    others = {rival: round(float(rows[:, 1].mean()), 3) for rival, rows in measured.items()}
    sizes = {"questions": len(questions.questions), "articles": len(questions.articles)}
    return {**sizes, "rival": name, "measures": table, "every rival's recall@5": others, "ms per query": milliseconds}


# --- neighbours ---------------------------------------------------------------------------------------------------


def time_similar_tickets(path: Path, *, queries: int = 2_000) -> dict[str, Any]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["Document"] for row in rows]
    start = time.perf_counter()
    similar = SimilarTickets.fit(
        texts,
        ids=[str(number) for number in range(len(rows))],
        labels=[{"category": row["Topic_group"]} for row in rows],
        article_ids=[()] * len(rows),
        groups=[""] * len(rows),
    )
    fitting_seconds = time.perf_counter() - start
    asked = np.random.default_rng(0).choice(len(rows), queries, replace=False).tolist()
    milliseconds, agreements = [], []
    for number in asked:
        start = time.perf_counter()
        shown = similar.nearest(texts[number], excluding=str(number))
        milliseconds.append((time.perf_counter() - start) * 1e3)
        agreements += [ticket.labels["category"] == rows[number]["Topic_group"] for ticket in shown]
    recalls = [recall_of_pruning(similar, texts[number]) for number in asked[:200]]
    return {
        "tickets": len(rows),
        "fitting seconds": round(fitting_seconds, 1),
        "ms per query": percentiles(milliseconds),
        "recall@5 of the pruned search against the full one": round(float(np.mean(recalls)), 4),
        "share of neighbours with the ticket's own label": round(float(np.mean(agreements)), 3),
    }


def recall_of_pruning(similar: SimilarTickets, text: str) -> float:
    """Return which share of the five nearest texts by every term is among the candidates of the pruned search."""
    query = similar.index.query(text)
    full = similar.index.exact_scores(query, np.arange(len(similar.index)))
    nearest = [place for place in np.argsort(-full, kind="stable")[:5].tolist() if full[place] > 0]
    candidates = set(similar.nearest_texts(text, count=5)[0].tolist())
    return float(np.mean([place in candidates for place in nearest])) if nearest else 1.0


def as_tables(report: dict[str, Any]) -> str:
    lines = []
    for name, part in report.items():
        lines.append(f"\n{name}")
        for measure, row in part.get("measures", {}).items():
            low, high = row["interval"]
            lines.append(
                f"  {measure:10} ours {row['ours']:.3f}  rival {row['rival']:.3f}  "
                f"difference {row['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
            )
        lines += [f"  {key}: {value}" for key, value in part.items() if key != "measures"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
