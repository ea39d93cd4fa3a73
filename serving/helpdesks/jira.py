"""Jira Service Management Cloud: its issues read, written and exported through Jira's and the service desk's API.

Fields and labels are one request, the internal note a second one: it comes last and carries the marker. Jira offers no
lock. Its articles lie in Confluence, which lists them through another product's API only; a row of history names those
that people of the helpdesk linked to by the ids of their pages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from features.errors import AuthenticationError, DeliveryError, HelpdeskRefusedError, TicketGoneError
from features.history import ArticleRow, HistoryRow
from serving.connections import Connection
from serving.helpdesks.atlassian_documents import links_of_document, text_of_document
from serving.helpdesks.calls import Calls, Throttle
from serving.helpdesks.history_rows import labelled_row, linked_articles
from serving.helpdesks.interface import Capabilities, Delivery, Pace, TicketChange, TicketState, Understood
from serving.helpdesks.jira_events import understand
from serving.helpdesks.jira_issues import (
    CHANNEL_PROPERTY,
    ORGANIZATIONS,
    REQUEST_TYPE,
    SATISFACTION,
    SiteField,
    SiteFields,
    changed_items,
    is_closed,
    is_public,
    is_reopening,
    is_requesters,
    native_of,
    ticket_from,
)
from serving.helpdesks.payload_values import (
    Table,
    as_count,
    as_moment,
    as_table,
    as_tables,
    as_text,
    as_texts,
    read_object,
)
from serving.helpdesks.signatures import (
    header_bytes,
    hmac_digest,
    is_any_equal,
    no_secret,
    require_basic_or_header,
)

# Jira states no number for writing; this stays far below what its burst limit was seen to allow.
_CALLS_PER_MINUTE = 300
_ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})
_ROWS_A_PAGE = 100
_KEY = re.compile(r"(?:[A-Za-z][A-Za-z0-9_]{0,60}-)?\d{1,18}")
# An article of the knowledge base, as the portal and as Confluence show it.
_ARTICLE_LINK = re.compile(
    r"/(?:servicedesk/customer/(?:portal/\d{1,10}/article|kb/view)|wiki/spaces/[^/\s]{1,255}/pages)/(\d{1,20})"
)
_ASKED = (
    *("summary", "description", "status", "resolution", "resolutiondate", "issuetype", "project", "labels"),
    *("reporter", "created", "updated", "issuelinks"),
)
_PERMISSIONS = {"BROWSE_PROJECTS": "read", "EDIT_ISSUES": "write", "ADD_COMMENTS": "write"}


class Jira:
    """One connection to a site; `user` and `token` are an account's e-mail and API token, or a token of OAuth alone."""

    def __init__(
        self, connection: Connection, *, clock: Callable[[], datetime], throttle: Throttle | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        token = connection.token.get_secret_value()
        self._calls = Calls(
            connection.base_url,
            headers={} if connection.user else {"Authorization": f"Bearer {token}"},
            auth=(connection.user, token) if connection.user else None,
            timeout_seconds=connection.timeout_seconds,
            throttle=throttle,
        )
        self._known_site: SiteFields | None = None
        self._request_types: dict[str, dict[str, str]] = {}

    @property
    def pace(self) -> Pace:
        """How often issues may be written."""
        return Pace(self._connection.calls_per_minute or _CALLS_PER_MINUTE, 60)

    def verify(self, delivery: Delivery) -> None:
        """Raise AuthenticationError unless the body is signed by one of our secrets.

        A rule of the automation signs nothing: it carries the connection's password or secret header.
        """
        stated = header_bytes(delivery, "x-hub-signature")
        if not stated:
            require_basic_or_header(delivery, self._connection)
            return
        secrets = [one.get_secret_value().encode() for one in self._connection.signing_secrets]
        if not any(secrets):
            raise no_secret(self._connection, expected="signing_secrets to the secret of Jira's webhook")
        algorithm, _, presented = stated.partition(b"=")
        name = algorithm.decode("ascii", "replace").lower()
        if name not in _ALGORITHMS:
            raise AuthenticationError(f"The webhook's signature is by '{name[:20]}'; sha256 was expected.")
        digests = (hmac_digest(secret, delivery.body, algorithm=name).hex().encode() for secret in secrets if secret)
        if not is_any_equal(presented.strip().lower(), digests):
            raise AuthenticationError(
                f"The webhook's signature fits no secret of the connection '{self._connection.name}'. Enter the same "
                "secret in Jira's webhook and in signing_secrets."
            )

    def delivery_key(self, delivery: Delivery) -> str:
        """Return Jira's id of the delivery; for the automation's, a key over issue and body."""
        identifier = delivery.headers.get("x-atlassian-webhook-identifier", "").strip()
        if identifier:
            return identifier[:200]
        try:
            key = as_text(as_table(read_object(delivery.body).get("issue")).get("key"))
        except DeliveryError:
            key = ""
        return sha256(key.encode() + b"\0" + delivery.body).hexdigest()

    def understand(self, delivery: Delivery) -> Understood:
        """Return what a delivery says; raise DeliveryError where its body is no JSON object."""
        return understand(read_object(delivery.body), connection=self._connection)

    def check(self) -> Capabilities:
        """Ask who we are and what we may do in the projects that we see."""
        try:
            me = as_table(self._calls.get("/rest/api/3/myself"))
            names = ",".join(_PERMISSIONS)
            answer = as_table(self._calls.get("/rest/api/3/mypermissions", params={"permissions": names}))
            self._targets()
        except (HelpdeskRefusedError, TicketGoneError) as error:
            return Capabilities(self._connection.user, problems=(str(error),))
        granted = as_table(answer.get("permissions"))
        missing = [name for name in _PERMISSIONS if not as_table(granted.get(name)).get("havePermission")]
        return Capabilities(
            user=as_text(me.get("displayName")),
            user_id=as_text(me.get("accountId")),
            may_read="BROWSE_PROJECTS" not in missing,
            may_write=not missing,
            problems=tuple(f"Our user lacks the permission {name}. Grant it in the project." for name in missing),
        )

    def read(self, ticket_id: str) -> TicketState:
        """Return an issue with its comments."""
        path = f"/rest/api/3/issue/{_checked(ticket_id)}"
        params = {"fields": self._asked(), "expand": "changelog", "properties": CHANNEL_PROPERTY}
        issue = as_table(self._calls.get(path, params=params))
        return self._state(issue, comments=list(self._comments(path)))

    def write(self, state: TicketState, change: TicketChange) -> None:
        """Write fields and labels without notifying anybody, then the note, which people of the helpdesk read."""
        key = _checked(state.ticket.id)
        fields = self._fields(change.fields, project=key.rpartition("-")[0])
        labels = [{"add": _label(tag)} for tag in change.tags] + [
            {"remove": _label(tag)} for tag in change.removed_tags
        ]
        if fields or labels:
            body = {"fields": fields, **({"update": {"labels": labels}} if labels else {})}
            self._calls.send("PUT", f"/rest/api/3/issue/{key}", json=body, params={"notifyUsers": "false"})
        if change.note:
            # A name in these brackets would tell that person of the note.
            note = {"body": change.note.replace("[~", "[ ~"), "public": False}
            self._calls.send("POST", f"/rest/servicedeskapi/request/{key}/comment", json=note)

    def changed_since(self, since: datetime) -> Iterator[TicketState]:
        """Yield requests created or changed since a moment, oldest first, without their conversation."""
        for issue in self._search(f"updated >= {self._ago(since)} ORDER BY updated ASC", fields=self._asked()):
            state = self._state(issue, comments=())
            if state.updated_at is None or state.updated_at >= since:
                yield state

    def history(self, since: datetime) -> Iterator[HistoryRow]:
        """Yield finished requests created since a moment with their final values."""
        query = f"created >= {self._ago(since)} AND statusCategory = Done ORDER BY created ASC"
        fields = f"{self._asked()},comment,{self._site().made_by(SATISFACTION)}"
        for issue in self._search(query, fields=fields, expand="changelog"):
            row = self._history_row(issue)
            if row.created_at is None or row.created_at >= since:
                yield row

    def articles(self) -> Iterator[ArticleRow]:
        """Yield nothing: the service desk's API finds articles by words, and lists none."""
        return iter(())

    def close(self) -> None:
        """Let go of the site."""
        self._calls.close()

    # --- the site ---------------------------------------------------------------------------------------------

    def _site(self) -> SiteFields:
        if self._known_site is None:
            self._known_site = SiteFields.from_answer(self._calls.get("/rest/api/3/field"))
        return self._known_site

    def _targets(self) -> dict[str, SiteField]:
        return self._site().of_targets(self._connection)

    def _asked(self) -> str:
        site = self._site()
        own = [site_field.id for site_field in self._targets().values()]
        mapped = [found.id for name in self._connection.attributes.values() if (found := site.named(name))]
        return ",".join(dict.fromkeys(name for name in (*_ASKED, *own, *mapped, site.made_by(ORGANIZATIONS)) if name))

    def _request_type_id(self, name: str, *, project: str) -> str:
        """Return the id of a request type: Jira takes no name for it."""
        if name.isdigit():
            return name
        if project not in self._request_types:
            path = f"/rest/servicedeskapi/servicedesk/{project}/requesttype"
            answer = as_table(self._calls.get(path, params={"limit": str(_ROWS_A_PAGE)}))
            types = as_tables(answer.get("values"))
            self._request_types[project] = {as_text(one.get("name")): as_text(one.get("id")) for one in types}
        found = self._request_types[project].get(name)
        if found is None:
            raise HelpdeskRefusedError(
                f"The project {project} has no request type '{name[:60]}'. Name one that it has under values.kind of "
                f"the connection '{self._connection.name}'."
            )
        return found

    # --- reading ----------------------------------------------------------------------------------------------

    def _comments(self, path: str) -> Iterator[Table]:
        start = 0
        while True:
            params = {"startAt": str(start), "maxResults": str(_ROWS_A_PAGE), "orderBy": "created"}
            answer = as_table(self._calls.get(f"{path}/comment", params=params))
            found = as_tables(answer.get("comments"))
            yield from found
            start += len(found)
            if not found or start >= (as_count(answer.get("total")) or 0):
                return

    def _search(self, query: str, *, fields: str, expand: str = "") -> Iterator[Table]:
        params = {
            "jql": f"projectType = service_desk AND {query}",
            "fields": fields,
            "properties": CHANNEL_PROPERTY,
            "maxResults": str(_ROWS_A_PAGE),
            **({"expand": expand} if expand else {}),
        }
        token = ""
        while True:
            page = {**params, "nextPageToken": token} if token else params
            answer = as_table(self._calls.get("/rest/api/3/search/jql", params=page))
            yield from as_tables(answer.get("issues"))
            token = as_text(answer.get("nextPageToken"))
            if not token:
                return

    def _ago(self, since: datetime) -> str:
        """Return a moment as JQL takes it in any time zone: how long ago, in whole minutes that are not too few."""
        minutes = math.ceil((self._clock() - since).total_seconds() / 60) + 1
        return f'"-{max(minutes, 1)}m"'

    def _natives(self, issue: Table) -> dict[str, str]:
        fields, values = as_table(issue.get("fields")), self._connection.values
        return {
            target: native_of(fields.get(site_field.id), mapped=values.get(target, {}).values())
            for target, site_field in self._targets().items()
        }

    def _is_answer(self, comment: Table, *, issue: Table) -> bool:
        is_ours = as_text(as_table(comment.get("author")).get("accountId")) == self._connection.own_user_id
        return is_public(comment) and not is_ours and not is_requesters(comment, issue=issue)

    def _state(self, issue: Table, *, comments: Collection[Table]) -> TicketState:
        fields = as_table(issue.get("fields"))
        public = [one for one in comments if is_public(one)]
        is_over = is_closed(issue)
        return TicketState(
            ticket=ticket_from(issue, self._connection, site=self._site()),
            fields=self._natives(issue),
            tags=frozenset(as_texts(fields.get("labels"))),
            notes=tuple(text_of_document(one.get("body")) for one in comments if not is_public(one)),
            follow_ups=tuple(text_of_document(one.get("body")) for one in public if is_requesters(one, issue=issue)),
            is_answered=any(self._is_answer(one, issue=issue) for one in public),
            is_closed=is_over,
            is_reopened=not is_over and any(is_reopening(item) for item in changed_items(issue)),
            version=as_text(fields.get("updated")),
            updated_at=as_moment(fields.get("updated")),
            url=f"{self._connection.base_url}/browse/{as_text(issue.get('key'))}",
        )

    def _history_row(self, issue: Table) -> HistoryRow:
        connection, fields, items = self._connection, as_table(issue.get("fields")), changed_items(issue)
        ticket = ticket_from(issue, connection, site=self._site())
        comments = as_tables(as_table(fields.get("comment")).get("comments"))
        answers = [one for one in comments if self._is_answer(one, issue=issue)]
        moments = [moment for one in answers if (moment := as_moment(one.get("created")))]
        return replace(
            labelled_row(ticket, self._natives(issue), connection=connection),
            article_ids=linked_articles(
                (_with_links(one.get("body")) for one in comments if not is_requesters(one, issue=issue)), _ARTICLE_LINK
            ),
            duplicate_of=_duplicate_of(fields),
            resolved_at=as_moment(fields.get("resolutiondate")),
            first_response_at=min(moments, default=None),
            reassignments=self._reassignments(items),
            reopened=sum(is_reopening(item) for item in items),
            csat=_rating(fields.get(self._site().made_by(SATISFACTION))),
            resolution=text_of_document(answers[-1].get("body")) if answers else "",
        )

    def _reassignments(self, items: Collection[Table]) -> int | None:
        group = self._targets().get("group")
        if group is None:
            return None
        return sum(as_text(item.get("fieldId")) == group.id and bool(item.get("fromString")) for item in items)

    # --- writing ----------------------------------------------------------------------------------------------

    def _fields(self, natives: Mapping[str, str], *, project: str) -> dict[str, object]:
        if not natives:
            return {}
        targets = self._targets()
        written: dict[str, object] = {}
        for target, native in natives.items():
            site_field = targets.get(target)
            if site_field is None:
                raise HelpdeskRefusedError(
                    f"Jira has no field for {target}. Name one under fields.{target} of the connection "
                    f"'{self._connection.name}', or turn the target off."
                )
            if site_field.custom == REQUEST_TYPE and native:
                written[site_field.id] = self._request_type_id(native, project=project)
            else:
                written[site_field.id] = site_field.written(native)
        return written


def _checked(ticket_id: str) -> str:
    if not _KEY.fullmatch(ticket_id):
        raise TicketGoneError(f"'{ticket_id[:64]}' is no issue of Jira. State its key, such as SD-12.")
    return ticket_id


def _label(tag: str) -> str:
    """Return a tag as a label: Jira allows no space in one."""
    return "_".join(tag.split())


def _duplicate_of(fields: Table) -> str:
    links = [one for one in as_tables(fields.get("issuelinks")) if one.get("outwardIssue")]
    found = [one for one in links if "duplicate" in as_text(as_table(one.get("type")).get("name")).lower()]
    return as_text(as_table(found[0].get("outwardIssue")).get("key")) if found else ""


def _with_links(document: object) -> str:
    return "\n".join([text_of_document(document), *links_of_document(document)])


def _rating(value: object) -> float | None:
    """Return one to five stars as a share between 0 and 1."""
    stars = as_table(value).get("rating")
    if not isinstance(stars, int | float) or isinstance(stars, bool) or not 1 <= stars <= 5:
        return None
    return (stars - 1) / 4
