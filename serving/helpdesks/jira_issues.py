"""Jira's issues read as tickets, and values in the shape that each of a site's fields wants. Calls nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from features.errors import HelpdeskRefusedError
from features.tickets import AttributeValue, Requester, Ticket
from serving.connections import Connection
from serving.helpdesks.atlassian_documents import text_of_document
from serving.helpdesks.payload_values import Table, as_attribute, as_moment, as_table, as_tables, as_text
from serving.helpdesks.transcripts import customer_turns

REQUEST_TYPE = "com.atlassian.servicedesk:vp-origin"
ORGANIZATIONS = "com.atlassian.servicedesk:sd-customer-organizations"
SATISFACTION = "com.atlassian.servicedesk:sd-request-feedback"
CHANNEL_PROPERTY = "request.channel.type"

_NAMED_KINDS = frozenset({"priority", "issuetype", "component", "group", "version"})
_CHANNELS: Mapping[str, str] = {
    "email": "email",
    "portal": "portal",
    "anonymousportal": "portal",
    "widget": "portal",
    "chat": "chat",
    "slack": "messenger",
    "msteams": "messenger",
    "phone": "phone",
    "api": "api",
}
_SPOKEN = frozenset({"chat", "phone", "messenger"})


@dataclass(frozen=True, slots=True)
class SiteField:
    """A field of a Jira site: `kind` and, for a list, the kind of its `items`; `custom` tells what made it."""

    id: str
    name: str
    kind: str = ""
    items: str = ""
    custom: str = ""

    def written(self, native: str) -> object:
        """Return a value as the field wants it written; "" empties it."""
        if not native:
            return [] if self.kind == "array" else None
        return [_written(native, kind=self.items)] if self.kind == "array" else _written(native, kind=self.kind)


def _written(native: str, *, kind: str) -> object:
    if kind in _NAMED_KINDS:
        return {"id" if native.isdigit() else "name": native}
    if kind == "option":
        return {"value": native}
    if kind == "number":
        with suppress(ValueError):
            return float(native)
    return native


@dataclass(frozen=True, slots=True)
class SiteFields:
    """The fields of a site, whose ids differ from site to site."""

    by_id: Mapping[str, SiteField] = field(default_factory=dict)

    @classmethod
    def from_answer(cls, answer: object) -> SiteFields:
        """Return the fields that Jira lists."""
        found = {}
        for one in as_tables(answer):
            schema = as_table(one.get("schema"))
            kind, items, custom = (as_text(schema.get(name)) for name in ("type", "items", "custom"))
            found[as_text(one.get("id"))] = SiteField(
                as_text(one.get("id")), as_text(one.get("name")), kind, items, custom
            )
        return cls(found)

    def made_by(self, custom: str) -> str:
        """Return the id of the field that a part of Jira made, "" where there is none."""
        return next((one.id for one in self.by_id.values() if one.custom == custom), "")

    def named(self, name: str) -> SiteField | None:
        """Return a field by its id or, as people see it, its name."""
        by_name = (one for one in self.by_id.values() if one.name.casefold() == name.casefold())
        return self.by_id.get(name) or next(by_name, None)

    def of_targets(self, connection: Connection) -> dict[str, SiteField]:
        """Return the field of each target; raise HelpdeskRefusedError for a field that the site does not have.

        A target that the connection does not map is kept where Jira keeps such: the kind is the request type, the
        group a component.
        """
        kind = self.made_by(REQUEST_TYPE) or "issuetype"
        names = {"priority": "priority", "kind": kind, "group": "components", **connection.fields}
        found = {}
        for target, name in names.items():
            site_field = self.named(name)
            if site_field is not None:
                found[target] = site_field
            elif target in connection.fields:
                raise HelpdeskRefusedError(
                    f"Jira has no field '{name[:60]}'. State the name or id of a field that it has under "
                    f"fields.{target} of the connection '{connection.name}'."
                )
        return found


def ticket_from(issue: Table, connection: Connection, *, site: SiteFields) -> Ticket:
    """Return the ticket at intake that an issue tells of; its product is not known to Jira."""
    fields = as_table(issue.get("fields"))
    reporter = as_table(fields.get("reporter"))
    channel = channel_of(issue)
    body = text_of_document(fields.get("description"))
    if channel in _SPOKEN and body:
        body = customer_turns(body, customer_names=[name for name in (as_text(reporter.get("displayName")),) if name])
    organization = next(iter(as_tables(fields.get(site.made_by(ORGANIZATIONS)))), {})
    return Ticket(
        id=as_text(issue.get("key")) or as_text(issue.get("id")),
        subject=as_text(fields.get("summary")),
        body=body,
        channel=channel,
        requester=Requester(
            id=as_text(reporter.get("accountId")),
            email=as_text(reporter.get("emailAddress")),
            organization=as_text(organization.get("name")),
        ),
        created_at=as_moment(fields.get("created")),
        attributes=_attributes(fields, connection, site=site),
    )


def channel_of(issue: Table) -> str:
    """Return the channel by which a request came, "" where Jira does not say."""
    told = as_table(as_table(issue.get("properties")).get(CHANNEL_PROPERTY))
    return _CHANNELS.get(as_text(told.get("value")).casefold(), "")


def _attributes(fields: Table, connection: Connection, *, site: SiteFields) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    for name, of_site in connection.attributes.items():
        site_field = site.named(of_site)
        value = fields.get(site_field.id if site_field else of_site)
        shown = value if isinstance(value, bool | int | float) else native_of(value)
        if value is not None and shown != "":
            found[name] = as_attribute(shown)
    return found


def native_of(value: object, *, mapped: Collection[str] = ()) -> str:
    """Return a field's value as text: of what Jira calls it, the name that the connection maps, else the name."""
    if isinstance(value, list):
        return native_of(value[0], mapped=mapped) if value and not isinstance(value[0], list) else ""
    if not isinstance(value, dict):
        return as_text(value)
    table = as_table(value.get("requestType")) or value
    names = [as_text(table.get(name)) for name in ("name", "value", "id")]
    known = {one.casefold() for one in mapped}
    return next((name for name in names if name and name.casefold() in known), next(filter(None, names), ""))


def is_closed(issue: Table) -> bool:
    """Tell whether an issue is done, whatever its site calls that."""
    status = as_table(as_table(issue.get("fields")).get("status"))
    return as_text(as_table(status.get("statusCategory")).get("key")) == "done"


def changed_items(issue: Table) -> list[Table]:
    """Return what was changed in an issue, item by item, by its changelog or that of a webhook."""
    changelog = as_table(issue.get("changelog"))
    histories = [*as_tables(changelog.get("histories")), changelog]
    return [item for history in histories for item in as_tables(history.get("items"))]


def is_reopening(item: Table) -> bool:
    """Tell whether a change took a resolution away."""
    return as_text(item.get("field")) == "resolution" and bool(as_text(item.get("from"))) and not item.get("to")


def is_public(comment: Table) -> bool:
    """Tell whether the requester reads a comment; one that does not say is public."""
    return comment.get("jsdPublic") is not False


def is_requesters(comment: Table, *, issue: Table) -> bool:
    """Tell whether a comment is by the one who asked, or by another customer."""
    author = as_table(comment.get("author"))
    reporter = as_table(as_table(issue.get("fields")).get("reporter"))
    account = as_text(author.get("accountId"))
    is_reporter = bool(account) and account == as_text(reporter.get("accountId"))
    return is_reporter or as_text(author.get("accountType")) == "customer"
