"""Keeps mail that asks for no help out of the training part: automatic replies, alarms, newsletters and the like.

The evidence and the test part stay as they are, so that figures on a given split are those of all its tickets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from features.history import HistoryRow
from features.out_of_scope import out_of_scope
from training.splits import Split


def in_scope(split: Split, rows: Sequence[HistoryRow]) -> Split:
    """Return the split without such mail in its training part, and with a warning that counts what was left out.

    A history that holds nothing else is left as it is.
    """
    found = {place: kind for place in split.train.tolist() if (kind := out_of_scope(rows[place].ticket())) is not None}
    if not found or len(found) == len(split.train):
        return split
    counts = Counter(each.kind for each in found.values()).most_common()
    warning = (
        f"Mail that asks for no help, left out of the training part: {len(found):,} "
        f"({', '.join(f'{kind.value} {count:,}' for kind, count in counts)}). "
        "Where such mail is work to be done, set leave_out_of_scope = false in the recipe."
    )
    kept = split.train[~np.isin(split.train, list(found))]
    return replace(split, train=kept, warnings=(*split.warnings, warning))
