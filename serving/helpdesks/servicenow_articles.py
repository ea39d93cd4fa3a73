"""The articles of ServiceNow's knowledge bases, each with who may read it.

Where a user criterion says more than one group, nobody is taken to be meant: an article too few see does no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from features.articles import EVERYONE
from features.history import ArticleRow
from serving.connections import Connection
from serving.helpdesks.servicenow_rows import Row, moment_of, shown_of, value_of
from serving.helpdesks.servicenow_tables import Tables

#: The audience that no group has.
NOBODY = "restricted"

_ARTICLE_FIELDS = (
    "sys_id,number,short_description,text,language,meta,kb_knowledge_base,can_read_user_criteria,roles,"
    "sys_created_on,sys_updated_on"
)
_CRITERION_FIELDS = "sys_id,name,active,group,role,user,company,department,location,advanced,match_all,sys_created_on"
_FURTHER_CONDITIONS = ("role", "user", "company", "department", "location")


def published_articles(tables: Tables, *, connection: Connection) -> Iterator[ArticleRow]:
    """Yield the published articles; their ids are the numbers, which new versions of an article keep."""
    audiences = _audiences(tables, connection)
    of_bases = _criteria_of_bases(tables)
    where = "workflow_state=published^active=true"
    for page in tables.pages("kb_knowledge", where, fields=_ARTICLE_FIELDS, by="sys_created_on"):
        for row in page:
            yield _article(row, audiences=audiences, of_bases=of_bases, base_url=connection.base_url)


def _article(
    row: Row, *, audiences: Mapping[str, str], of_bases: Mapping[str, Collection[str]], base_url: str
) -> ArticleRow:
    own = {one.strip() for one in value_of(row, "can_read_user_criteria").split(",") if one.strip()}
    base = of_bases.get(value_of(row, "kb_knowledge_base"), ())
    # The base and the article are two doors, one behind the other; roles on the article are a third, of old.
    doors = {_audience(criteria, audiences) for criteria in (own, base)} - {EVERYONE}
    if value_of(row, "roles") not in ("", "public"):
        doors.add(NOBODY)
    return ArticleRow(
        id=value_of(row, "number") or value_of(row, "sys_id"),
        title=value_of(row, "short_description"),
        body=value_of(row, "text"),
        language=value_of(row, "language"),
        url=f"{base_url}/kb_view.do?sys_kb_id={value_of(row, 'sys_id')}",
        tags=tuple(tag.strip() for tag in value_of(row, "meta").split(",") if tag.strip()),
        audience=EVERYONE if not doors else doors.pop() if len(doors) == 1 else NOBODY,
        updated_at=moment_of(row, "sys_updated_on"),
    )


def _audience(criteria: Collection[str], audiences: Mapping[str, str]) -> str:
    """Return whom any of several criteria lets in: none at all shuts nobody out."""
    meant = {audiences.get(criterion, NOBODY) for criterion in criteria}
    if not meant or EVERYONE in meant:
        return EVERYONE
    meant.discard(NOBODY)
    return meant.pop() if len(meant) == 1 else NOBODY


def _audiences(tables: Tables, connection: Connection) -> dict[str, str]:
    pages = tables.pages("user_criteria", "active=true", fields=_CRITERION_FIELDS, by="sys_created_on")
    return {value_of(row, "sys_id"): _audience_of_criterion(row, connection) for page in pages for row in page}


def _audience_of_criterion(row: Row, connection: Connection) -> str:
    """Return the one group of a criterion; a criterion that `values.group` names by its own name is what that says."""
    name = value_of(row, "name")
    stated = connection.label("group", name)
    if stated != name:
        return stated
    groups = [group for group in value_of(row, "group").split(",") if group.strip()]
    is_narrower = value_of(row, "match_all") == "true" and any(value_of(row, one) for one in _FURTHER_CONDITIONS)
    if len(groups) != 1 or is_narrower or value_of(row, "advanced") == "true":
        return NOBODY
    by_id = connection.label("group", groups[0])
    return by_id if by_id != groups[0] else connection.label("group", shown_of(row, "group")) or NOBODY


def _criteria_of_bases(tables: Tables) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    fields = "sys_id,kb_knowledge_base,user_criteria,sys_created_on"
    for page in tables.pages("kb_uc_can_read_mtom", "sys_idISNOTEMPTY", fields=fields, by="sys_created_on"):
        for row in page:
            found.setdefault(value_of(row, "kb_knowledge_base"), set()).add(value_of(row, "user_criteria"))
    return found
