"""How satisfied callers were with their incidents, from the surveys that ServiceNow sent of them."""

from __future__ import annotations

import math
from contextlib import suppress
from statistics import fmean

from features.errors import HelpdeskRefusedError, TicketGoneError
from serving.helpdesks.servicenow_rows import Row, value_of
from serving.helpdesks.servicenow_tables import Tables

_FIELDS = "instance.task_id,actual_value,metric.datatype,metric.min,metric.max,metric.scale_definition"
_MOST_ANSWERS_A_PAGE = 10_000
# Questions whose answers lie on no scale, which ServiceNow's own score leaves out too.
_UNSCALED = frozenset({"string", "date", "datetime", "reference", "attachment", "ranking"})


def satisfaction(tables: Tables, ids: str) -> dict[str, float]:
    """Return the mean answer to the surveys of incidents, between 0 and 1, by sys_id; `ids` are parted by commas.

    Incidents without an answered survey are left out, all of them where our user may not read surveys.
    """
    answers: dict[str, list[float]] = {}
    query = f"instance.task_idIN{ids}^instance.state=complete"
    with suppress(HelpdeskRefusedError, TicketGoneError):
        for row in tables.some("asmt_metric_result", query, fields=_FIELDS, most=_MOST_ANSWERS_A_PAGE):
            share = _share(row)
            if share is not None:
                answers.setdefault(value_of(row, "instance.task_id"), []).append(share)
    return {sys_id: fmean(shares) for sys_id, shares in answers.items()}


def _share(row: Row) -> float | None:
    """Return where an answer lies on its question's scale, 1 at the better end; None where it lies on none."""
    answer, lowest, highest = (_number(value_of(row, name)) for name in ("actual_value", "metric.min", "metric.max"))
    if value_of(row, "metric.datatype").casefold() in _UNSCALED or answer is None or lowest is None or highest is None:
        return None
    if not lowest <= answer <= highest or lowest == highest:
        return None
    share = (answer - lowest) / (highest - lowest)
    return 1 - share if value_of(row, "metric.scale_definition").casefold() == "low" else share


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
