"""Recall and precision of redaction, for each kind of personal data, on the table of sentences that the tests keep.

    python benchmarks/redaction.py [--json] [--mistakes]

A finding counts as right where kind and place are exactly those that the table names.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# First of all, since files of this folder have the names of packages there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from features.redaction import PersonalData, find_personal_data
from tests.features.test_redaction import SENTENCES

OVERALL = "all"


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one kind is found."""

    kind: str
    expected: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        """The share of what was to be found that was."""
        return self.right / self.expected if self.expected else 1.0

    @property
    def precision(self) -> float:
        """The share of what was found that was to be."""
        return self.right / self.found if self.found else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mistakes", action="store_true", help="show what was missed and what was taken for more")
    options = parser.parse_args()
    told = qualities()
    if options.json:
        rows = [asdict(one) | {"recall": round(one.recall, 4), "precision": round(one.precision, 4)} for one in told]
        print(json.dumps({"sentences": len(SENTENCES), "kinds": rows}))
        return
    print(f"# Redaction on {len(SENTENCES)} sentences\n")
    print("| kind | to be found | found | right | recall | precision |\n|---|---|---|---|---|---|")
    for one in told:
        print(f"| {one.kind} | {one.expected} | {one.found} | {one.right} | {one.recall:.3f} | {one.precision:.3f} |")
    if options.mistakes:
        show_mistakes()


def qualities() -> Sequence[Quality]:
    """Return how well each kind is found, and all of them together."""
    expected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for text, wanted in SENTENCES:
        got = findings(text)
        expected.update(kind.value for kind, _ in wanted)
        found.update(kind.value for kind, _ in got)
        right.update(kind.value for kind, _ in (Counter(got) & Counter(wanted)).elements())
    each = [Quality(kind, expected[kind], found[kind], right[kind]) for kind in sorted(expected | found)]
    return [*each, Quality(OVERALL, expected.total(), found.total(), right.total())]


def findings(text: str) -> list[tuple[PersonalData, str]]:
    return [(one.kind, text[one.start : one.end]) for one in find_personal_data(text)]


def show_mistakes() -> None:
    for text, wanted in SENTENCES:
        got = Counter(findings(text))
        for kind, said in (Counter(wanted) - got).elements():
            print(f"missed {kind.value} '{said}' in: {text}")
        for kind, said in (got - Counter(wanted)).elements():
            print(f"taken for {kind.value} '{said}' in: {text}")


if __name__ == "__main__":
    main()
