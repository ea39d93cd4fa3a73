"""ServiceNow's tables as pages of rows, each row once. Knows the Table API's parameters, and no table's meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from features.errors import HelpdeskDownError, HelpdeskRefusedError, TicketGoneError
from serving.helpdesks.calls import Calls
from serving.helpdesks.servicenow_rows import Row, value_of

ROWS_A_PAGE = 100
# Of a part of a ticket, such as its comments: more than people write.
MOST_PARTS = 1_000


class Tables:
    """Reads and patches the tables of one instance; raises what `Calls.send` raises."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def record(self, table: str, sys_id: str, *, fields: str) -> Row:
        """Return one record."""
        answer = self._calls.get(_path(table, sys_id), params={"sysparm_fields": fields, **_SHOWN})
        rows = _rows(answer, asked=table)
        if not rows:
            raise TicketGoneError(f"ServiceNow shows us no {table} {sys_id}.")
        return rows[0]

    def patch(self, table: str, sys_id: str, *, values: Mapping[str, str]) -> None:
        """Set fields of one record, by their values and not as people see them."""
        params = {"sysparm_fields": "sys_id", "sysparm_input_display_value": "false"}
        self._calls.send("PATCH", _path(table, sys_id), json=dict(values), params=params)

    def some(self, table: str, query: str, *, fields: str, most: int = MOST_PARTS) -> list[Row]:
        """Return the first rows that a query finds."""
        params = {"sysparm_query": query, "sysparm_fields": fields, "sysparm_limit": str(most), **_SHOWN}
        return _rows(self._calls.get(_path(table), params=params), asked=table)

    def pages(self, table: str, where: str, *, fields: str, by: str) -> Iterator[list[Row]]:
        """Yield all rows that conditions find, in pages, by a moment and then by sys_id.

        Each page begins after the last row of the one before, so that rows which change meanwhile shift no others. A
        page may come short, as ServiceNow takes out what we may not see; only an empty one is the end.
        """
        query, last = where, ("", "")
        while rows := self.some(table, f"{query}^ORDERBY{by}^ORDERBYsys_id", fields=fields, most=ROWS_A_PAGE):
            reached = (value_of(rows[-1], by), value_of(rows[-1], "sys_id"))
            if reached <= last:
                raise HelpdeskRefusedError(
                    f"ServiceNow's table {table} does not move on from {by} {last[0]}: it reads our moments in another "
                    "time zone. Set the time zone of the connection's user to UTC (GMT)."
                )
            yield rows
            last = reached
            query = f"{where}^{by}={last[0]}^sys_id>{last[1]}^NQ{where}^{by}>{last[0]}"


def is_safe_in_query(text: str) -> bool:
    """Tell whether a text can stand in a query as itself: ServiceNow has no escape for what parts conditions."""
    return bool(text) and "^" not in text and not text.lower().startswith("javascript:")


def _path(table: str, *parts: str) -> str:
    return "/".join(("/api/now/table", table, *(quote(part, safe="") for part in parts)))


def _rows(answer: object, *, asked: str) -> list[Row]:
    result = answer.get("result") if isinstance(answer, Mapping) else None
    if isinstance(result, list):
        return [row for row in result if isinstance(row, Mapping)]
    if isinstance(result, Mapping):
        return [result]
    raise HelpdeskDownError(f"ServiceNow answered a question to the table {asked} without a result.")


_SHOWN = {"sysparm_display_value": "all", "sysparm_exclude_reference_link": "true"}
