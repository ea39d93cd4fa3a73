"""Finds what gives a model the answer: features that nobody knows when a ticket arrives, texts that state the label.

Being predictive is no crime: the product named in a form may settle the category, and the model should use it. So a
history is refused only where a feature is more than predictive:

- its name, or the states it holds, say that it is known once the ticket was worked on;
- it is the label over again: the same column, the same words, or a code of the customer's own with one value for each
  label, where a product or a channel would have several for some labels and share others;
- it is named after the target and tells it nearly always, as a subcategory does, which is chosen with the category;
- the text states the label behind a key, `Assigned to: Network`, and is nearly always right.

A column of the customer's own that nearly always tells the label, or that is filled in for one label alone, may be a
form's or may be filled in afterwards: no figure tells one from the other, so it is named, and used. What the recipe
allows is neither refused nor named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from features.errors import HistoryError
from features.history import HistoryRow
from features.tickets import AttributeValue
from training.columns import ATTRIBUTE_PREFIX
from training.outcome_names import holds_end_states, names_an_outcome, words_of
from training.single_features import Telling, telling
from training.stated_labels import TAG, stated_labels

_TEXTS = ("subject", "body")
# What the product defines as known at intake: such a field may be one to one with a label for good reason.
_OF_INTAKE = ("channel", "product", "organization")
_LEAST_TICKETS, _LEAST_OTHERS = 50, 20
_NEARLY_ALWAYS = 0.98
# Most labels of a lopsided target are told by naming the most frequent one: of the rest nearly all must be told too.
_LEAST_SHARE_OF_OTHERS_TOLD = 0.9
_MOST_SHARE_ELSEWHERE = 0.5
_MOST_DISTINCT_NUMBERS, _NUMBER_RANGES = 50, 32
_MOST_NAMED = 8

ByPlace: TypeAlias = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Leak:
    """A feature that probably tells what is not known at intake: its name, why, and whether that is beyond doubt.

    `name` is the file's column, or the key in the text behind which the label stands.
    """

    name: str
    reason: str
    is_clear: bool


def refuse_leaks(
    rows: Sequence[HistoryRow],
    *,
    texts: Sequence[str],
    columns: Mapping[str, str],
    targets: Sequence[str],
    allowed: Collection[str] = (),
) -> tuple[str, ...]:
    """Return sentences on suspicious features; raise HistoryError where a feature leaks beyond doubt.

    `texts` are the tickets' texts as the model sees them, `columns` the file's column of each field, `allowed` the
    names of leaks that are none.
    """
    accepted = {_plain(name) for name in allowed}
    found = find_leaks(rows, texts=texts, columns=columns, targets=targets)
    leaks = [leak for leak in found if _plain(leak.name) not in accepted]
    clear = [leak for leak in leaks if leak.is_clear]
    if clear:
        reasons = " ".join(leak.reason for leak in clear[:_MOST_NAMED])
        more = f" And {len(clear) - _MOST_NAMED:,} more." if len(clear) > _MOST_NAMED else ""
        options = " ".join(f"--allow-leak {_quoted(leak.name)}" for leak in clear)
        raise HistoryError(
            f"The history tells the model what nobody knows when a ticket arrives. {reasons}{more} "
            "Leave it out of the mapping, or strip it from the text; "
            f"if it is known at intake after all, say so with {options}"
        )
    return tuple(
        f"{leak.reason} If that is filled in later, leave it out; if not, --allow-leak {_quoted(leak.name)} says so."
        for leak in leaks[:_MOST_NAMED]
    )


def find_leaks(
    rows: Sequence[HistoryRow], *, texts: Sequence[str], columns: Mapping[str, str], targets: Sequence[str]
) -> tuple[Leak, ...]:
    """Return the leaks of a history, those beyond doubt first, one a feature."""
    features = _features(rows)
    found = [*_by_name(features, columns)]
    for target in targets:
        labels = {place: label for place, row in enumerate(rows) if (label := getattr(row, target)) is not None}
        for field, values in features.items():
            found += _by_figures(field, values, labels, target=target, columns=columns)
        for key in stated_labels(texts, labels):
            shown = key.key if key.key == TAG else f"{key.key}: ..."
            reason = f"Of {key.tickets:,} tickets with '{shown}' in their text {key.right:,} have there what their "
            found.append(Leak(key.key, f"{reason}'{target}' is.", True))
    first: dict[str, Leak] = {}
    for leak in sorted(found, key=lambda leak: not leak.is_clear):
        first.setdefault(_plain(leak.name), leak)
    return tuple(first.values())


def _features(rows: Sequence[HistoryRow]) -> dict[str, dict[int, AttributeValue]]:
    """Return for each field that becomes a feature its values, by the places of the tickets that have one."""
    features: dict[str, dict[int, AttributeValue]] = {name: {} for name in (*_TEXTS, *_OF_INTAKE)}
    for place, row in enumerate(rows):
        for field in _OF_INTAKE:
            if value := getattr(row, field):
                features[field][place] = value
        for name, own in row.attributes.items():
            features.setdefault(f"{ATTRIBUTE_PREFIX}{name}", {})[place] = own
    return features


def _by_name(features: Mapping[str, Mapping[int, AttributeValue]], columns: Mapping[str, str]) -> Iterator[Leak]:
    for field, values in features.items():
        column = columns.get(field, field)
        if names_an_outcome(column) or names_an_outcome(field):
            yield Leak(column, f"By its name, the column '{column}' is filled in after a ticket has arrived.", True)
        elif holds_end_states(column, [str(value) for value in values.values()]):
            yield Leak(column, f"The column '{column}' holds the states of tickets that are done with.", True)


def _by_figures(
    field: str, values: Mapping[int, AttributeValue], labels: ByPlace, *, target: str, columns: Mapping[str, str]
) -> Iterator[Leak]:
    column = columns.get(field, field)
    both = [place for place in values if place in labels]
    if field in columns and columns.get(target) == column:
        yield Leak(column, f"The column '{column}' is both the label of '{target}' and a feature.", True)
    elif len(both) >= _LEAST_TICKETS:
        inside = {place: labels[place] for place in both}
        compared = _comparable([values[place] for place in both])
        found = telling(compared, list(inside.values()))
        if _is_told(found):
            same = sum(str(values[place]).strip().casefold() == label.casefold() for place, label in inside.items())
            is_copy, is_code = same >= _NEARLY_ALWAYS * len(both), _is_told(telling(list(inside.values()), compared))
            yield from _of_telling(field, column, found, target=target, is_copy=is_copy, is_code=is_code)
        elif field not in _OF_INTAKE:
            yield from _of_filling(column, inside, labels, target=target)


def _is_told(found: Telling) -> bool:
    missed = 1 - found.told
    return (
        (1 - found.majority) * found.tickets >= _LEAST_OTHERS
        and missed <= 1 - _NEARLY_ALWAYS
        and missed <= (1 - _LEAST_SHARE_OF_OTHERS_TOLD) * (1 - found.majority)
    )


def _of_telling(
    field: str, column: str, found: Telling, *, target: str, is_copy: bool, is_code: bool
) -> Iterator[Leak]:
    """Yield what to say of a field that nearly always tells the label."""
    figures = (
        f"alone tells '{target}' in {found.told:.1%} of {found.tickets:,} tickets, each told from the others "
        f"(the most frequent label: {found.majority:.1%})"
    )
    is_own = field not in _OF_INTAKE
    if is_copy:
        yield Leak(column, f"The column '{column}' holds the label itself: it {figures}.", is_own)
    elif is_own and is_code:
        yield Leak(column, f"The column '{column}' has one value for each label: it {figures}.", True)
    elif is_own:
        is_named_after = target in words_of(column)
        named_after = f", which is named after '{target}'," if is_named_after else ""
        yield Leak(column, f"The column '{column}'{named_after} {figures}.", is_named_after)


def _of_filling(column: str, inside: ByPlace, labels: ByPlace, *, target: str) -> Iterator[Leak]:
    """Yield what to say of a column that is filled in where tickets have one label, which most others have not."""
    label, count = Counter(inside.values()).most_common(1)[0]
    elsewhere = Counter(labels.values())[label] / len(labels)
    if count >= _NEARLY_ALWAYS * len(inside) and elsewhere <= _MOST_SHARE_ELSEWHERE:
        reason = f"The column '{column}' is filled in {len(inside):,} tickets, of which {count / len(inside):.1%} have "
        yield Leak(column, f"{reason}the label '{label}' of '{target}' (of all tickets {elsewhere:.1%}).", False)


def _comparable(values: Sequence[AttributeValue]) -> list[object]:
    """Return values of which several tickets can have one: of many different numbers the range that each is in."""
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) < len(values) or len(set(numbers)) <= _MOST_DISTINCT_NUMBERS:
        return [value.strip().casefold() if isinstance(value, str) else value for value in values]
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, _NUMBER_RANGES + 1)[1:-1]))
    return [int(place) for place in np.searchsorted(edges, numbers, side="right")]


def _plain(name: str) -> str:
    return name.casefold().removeprefix(ATTRIBUTE_PREFIX)


def _quoted(name: str) -> str:
    return f'"{name}"' if re.search(r"[^\w.-]", name) else name
