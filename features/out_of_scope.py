"""Mail that asks for no help: automatic replies, delivery failures, monitoring alarms, calendar notices, newsletters.

People write about all of these, so a word is never enough. Either a header or the sender says what a mail is, or the
form of its subject and the form of its text do so together; who hands such a mail on asks for help with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from features import machine_mail as form
from features.markup import remove_markup
from features.tickets import AttributeValue, Ticket

_MOST_CHARACTERS = 20_000
_HEAD_CHARACTERS = 300
_LEAST_FIELDS = 3
_LEAST_FOOTER_SIGNS = 3
_LONGEST_FOOTER_CHARACTERS = 900


class OutOfScopeKind(StrEnum):
    """What a mail is that asks for no help."""

    AUTO_REPLY = "automatic reply"
    DELIVERY_FAILURE = "delivery failure"
    MONITORING = "monitoring alarm"
    CALENDAR = "calendar notice"
    NEWSLETTER = "newsletter"


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """What a mail is and by what it was told; neither holds any of its text."""

    kind: OutOfScopeKind
    because: str

    def __str__(self) -> str:
        """Return both as one sentence without its full stop."""
        return f"out of scope: {self.kind.value}, told by {self.because}"


@dataclass(frozen=True, slots=True)
class _Mail:
    """What is looked at of a ticket: its headers in small letters, its sender, its subject and its text."""

    headers: Mapping[str, str]
    sender: str
    subject: str
    text: str

    def plain(self) -> str:
        """Return the text, of a long one the end, where its footer stands, as a browser would show it."""
        return remove_markup(self.text[-_MOST_CHARACTERS:]).strip()


def out_of_scope(ticket: Ticket) -> OutOfScope | None:
    """Return what a ticket is that no person wrote to ask for help, or None; headers are among its attributes."""
    sender = ticket.requester.email or ticket.requester.id
    mail = _Mail(_headers(ticket.attributes), sender, ticket.subject, ticket.body)
    return _by_header(mail) or _by_form(mail)


def _headers(attributes: Mapping[str, AttributeValue]) -> dict[str, str]:
    """Return the attributes that are texts, named as mail headers are: `headers.Auto_Submitted` is `auto-submitted`."""
    return {
        name.rpartition(".")[2].replace("_", "-").casefold(): value
        for name, value in attributes.items()
        if isinstance(value, str)
    }


_HEADERS: tuple[tuple[str, re.Pattern[str], OutOfScopeKind], ...] = (
    ("auto-submitted", form.REPLIED_BY_ITSELF, OutOfScopeKind.AUTO_REPLY),
    ("x-autoreply", form.IS_SET, OutOfScopeKind.AUTO_REPLY),
    ("x-autorespond", form.IS_SET, OutOfScopeKind.AUTO_REPLY),
    ("precedence", form.AUTO_REPLY_PRECEDENCE, OutOfScopeKind.AUTO_REPLY),
    ("x-failed-recipients", form.IS_SET, OutOfScopeKind.DELIVERY_FAILURE),
    ("content-type", form.DELIVERY_REPORT, OutOfScopeKind.DELIVERY_FAILURE),
    ("content-type", form.CALENDAR_CONTENT, OutOfScopeKind.CALENDAR),
    ("list-unsubscribe-post", form.ONE_CLICK, OutOfScopeKind.NEWSLETTER),
)


def _by_header(mail: _Mail) -> OutOfScope | None:
    for name, pattern, kind in _HEADERS:
        if name in mail.headers and pattern.match(mail.headers[name]):
            return OutOfScope(kind, f"its header '{name}'")
    if form.DAEMON.match(mail.sender):
        return OutOfScope(OutOfScopeKind.DELIVERY_FAILURE, "its sender")
    return None


def _by_form(mail: _Mail) -> OutOfScope | None:
    for kind, has_form in _FORMS.items():
        if has_form(mail):
            return None if _is_handed_on(mail) else OutOfScope(kind, "the form of its subject and text")
    return None


def _is_handed_on(mail: _Mail) -> bool:
    return bool(form.HANDED_ON_SUBJECT.match(mail.subject) or form.HANDED_ON_TEXT.search(mail.plain()))


def _is_auto_reply(mail: _Mail) -> bool:
    if not form.AUTO_REPLY_SUBJECT.match(mail.subject):
        return False
    text = _without_greetings(mail.plain())
    if form.ABOUT_REPLIES.search(text) or form.ASKS.search(text):
        return False
    if "x-auto-response-suppress" in mail.headers:
        return True
    return bool(form.ABSENCE.search(_first_sentence(text)) and form.RETURN_OR_CONTACT.search(text))


def _without_greetings(text: str) -> str:
    start = 0
    while greeting := form.GREETING.match(text, start):
        start = greeting.end()
    return text[start:].lstrip()


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\D)[.!]\s|\n\s*\n", text[:_HEAD_CHARACTERS], maxsplit=1)[0]


def _is_delivery_failure(mail: _Mail) -> bool:
    if not form.FAILURE_SUBJECT.match(mail.subject):
        return False
    head = mail.plain()[:_HEAD_CHARACTERS]
    if "?" in head or form.ASKS.search(head):
        return False
    return bool(form.FAILURE_TEXT.search(head) and form.FAILED_ADDRESS.search(mail.plain()))


def _is_alarm(mail: _Mail) -> bool:
    is_worded = form.WORDED_ALARM_SUBJECT.match(mail.subject)
    is_cron = form.CRON_SUBJECT.match(mail.subject)
    if not (is_worded or is_cron or form.ALARM_SUBJECT.match(mail.subject)):
        return False
    text = mail.plain()
    if _is_of_a_person(mail.subject, text) or (is_worded and not form.WORDED_ALARM_TEXT.search(text)):
        return False
    return bool(is_cron or form.ALARM_SENTENCE.search(text)) or _is_laid_out(text)


def _is_of_a_person(*texts: str) -> bool:
    return any(form.ASKS.search(text) or form.FIRST_PERSON.search(text) for text in texts)


def _is_laid_out(text: str) -> bool:
    """Tell whether most lines of a text are fields and states, as monitoring systems write them."""
    lines = [line for line in text.split("\n") if line.strip()]
    fields = sum(bool(form.FIELD_LINE.match(line)) for line in lines)
    by_machine = fields + sum(bool(form.STATE_LINE.match(line)) for line in lines)
    return fields >= _LEAST_FIELDS and len(lines) - by_machine <= max(1, len(lines) // 4)


def _is_calendar_notice(mail: _Mail) -> bool:
    if not form.CALENDAR_SUBJECT.match(mail.subject):
        return False
    text = mail.plain()
    if not text:
        return bool(form.CALENDAR_ANSWER_SUBJECT.match(mail.subject))
    has_form = form.DATED_SUBJECT.search(mail.subject) or form.CALENDAR_TEXT.search(text)
    return bool(has_form) and not (_is_of_a_person(mail.subject, text) or form.PROBLEMS.search(text))


def _is_newsletter(mail: _Mail) -> bool:
    if not any(hint in mail.text for hint in form.OPT_OUT_HINTS):
        return False
    text = mail.plain()
    footer = form.FOOTER_START.search(text)
    if footer is None or len(text) - footer.start() > _LONGEST_FOOTER_CHARACTERS:
        return False
    head = form.IN_BROWSER.sub("", text[: min(footer.start(), _HEAD_CHARACTERS)])
    if any(sign.search(f"{mail.subject}\n{head}") for sign in (form.SHOWN_TO_ASK, form.ASKS, form.PROBLEMS)):
        return False
    whys = (
        form.WHY_SENT.search(text, footer.start()),
        form.IN_BROWSER.search(text),
        form.ADVERTISEMENT_SUBJECT.match(mail.subject),
        "list-unsubscribe" in mail.headers and mail.headers.get("precedence", "").casefold() == "bulk",
    )
    signs = sum(map(bool, whys)) + sum(bool(sign.search(text, footer.start())) for sign in form.FOOTER_SIGNS)
    return any(whys) and signs >= _LEAST_FOOTER_SIGNS and "?" not in text[footer.start() :]


_FORMS: Mapping[OutOfScopeKind, Callable[[_Mail], bool]] = {
    OutOfScopeKind.AUTO_REPLY: _is_auto_reply,
    OutOfScopeKind.DELIVERY_FAILURE: _is_delivery_failure,
    OutOfScopeKind.MONITORING: _is_alarm,
    OutOfScopeKind.CALENDAR: _is_calendar_notice,
    OutOfScopeKind.NEWSLETTER: _is_newsletter,
}
