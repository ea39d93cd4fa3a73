"""Makes the cells that are not there yet, one after the other, and says how far it is.

It may be ended at any moment and started again: what is made stays made. Two runs may share a folder.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping, Sequence

from features.errors import TriageError
from head_to_head.cells import CellKey, CellStore
from head_to_head.contests import Work
from head_to_head.tasks import UnavailableError


def make_missing(works: Sequence[Work], store: CellStore) -> Mapping[CellKey, str]:
    """Make every missing cell; return for those that could not be made why.

    A method that cannot run here is not tried again. KeyboardInterrupt passes through.
    """
    missing = [work for work in works if not store.has(work.key)]
    say(f"{len(works) - len(missing)} of {len(works)} cells are there.")
    reasons: dict[CellKey, str] = {}
    lacking: dict[str, str] = {}
    for number, work in enumerate(missing, start=1):
        method = work.key.method
        if method in lacking:
            reasons[work.key] = lacking[method]
            continue
        say(f"[{number}/{len(missing)}] {work.key} ...", end=" ")
        start = time.perf_counter()
        try:
            store.save(work.make())
            say(f"{time.perf_counter() - start:.0f} s")
        except UnavailableError as error:
            lacking[method] = reasons[work.key] = str(error)
            say(f"cannot run here: {error}")
        except Exception as error:  # One method's failure must not cost the others their night.
            reasons[work.key] = f"{type(error).__name__}: {error}"
            say(f"failed: {error}")
            if not isinstance(error, TriageError):
                traceback.print_exc()
    return reasons


def say(sentence: str, *, end: str = "\n") -> None:
    """Say something to the person who waits, apart from the report."""
    print(sentence, end=end, file=sys.stderr, flush=True)
