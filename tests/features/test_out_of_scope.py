"""Mail that asks for no help is told from tickets, and tickets about such mail stay tickets."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.out_of_scope import OutOfScopeKind, out_of_scope
from features.tickets import AttributeValue, Requester, Ticket

_HANGUL = re.compile("[가-힣]")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of the table and what it is; a ticket of a person is nothing else."""

    subject: str
    body: str
    kind: str
    sender: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    @property
    def is_korean(self) -> bool:
        """Whether the mail holds Korean."""
        return _HANGUL.search(self.subject + self.body) is not None

    @property
    def told(self) -> str:
        """What it is taken for, in the table's words."""
        requester = Requester(email=self.sender)
        found = out_of_scope(Ticket("1", self.subject, self.body, requester=requester, attributes=self.attributes))
        return "" if found is None else found.kind.name.lower()


def _mails() -> list[Mail]:
    table = tomllib.loads((Path(__file__).with_name("out_of_scope_mails.toml")).read_text(encoding="utf-8"))["mail"]
    return [
        Mail(each["subject"], each["body"], each["kind"], each.get("from", ""), each.get("attributes", {}))
        for each in table
    ]


MAILS = _mails()


def test_the_table_is_half_tickets_in_both_languages() -> None:
    """Every kind is there several times, and half of the mails are tickets that speak of such mail."""
    kinds = [mail.kind for mail in MAILS]
    assert set(kinds) == {"", *(kind.name.lower() for kind in OutOfScopeKind)}
    assert min(kinds.count(kind) for kind in set(kinds)) >= 10
    assert 0.4 < kinds.count("") / len(kinds) < 0.6
    assert sum(mail.is_korean for mail in MAILS) > len(MAILS) / 3


@pytest.mark.parametrize("is_korean", [True, False], ids=["Korean", "English"])
def test_what_is_left_aside_asks_for_no_help(is_korean: bool) -> None:
    """Precision of at least .97 and recall of at least .93 in either language, kind by kind."""
    mails = [mail for mail in MAILS if mail.is_korean == is_korean]
    told = [mail for mail in mails if mail.told]
    right = sum(mail.told == mail.kind for mail in told)
    assert right / len(told) >= 0.97, [mail.subject for mail in told if mail.told != mail.kind]
    assert right / sum(mail.kind != "" for mail in mails) >= 0.93, [m.subject for m in mails if m.kind and not m.told]


@pytest.mark.parametrize("prefix", ["FW: ", "Re: ", "Fwd: ", "전달: ", "[EXT] FW: "])
def test_a_form_that_is_handed_on_is_a_ticket(prefix: str) -> None:
    """Whoever forwards or answers such a mail asks for help with it; only headers and senders still tell."""
    by_form = [mail for mail in MAILS if mail.told and not mail.attributes and "daemon" not in mail.sender.lower()]
    assert len(by_form) > 50
    assert [mail.subject for mail in by_form if Mail(prefix + mail.subject, mail.body, mail.kind).told] == []


def test_a_question_before_an_alarm_makes_it_a_ticket() -> None:
    """The same alarm is a ticket once a person asks about it above."""
    alarm = next(mail for mail in MAILS if mail.kind == "monitoring" and mail.subject.startswith("[FIRING:2]"))
    assert alarm.told == "monitoring"
    assert Mail(alarm.subject, "Can you look at this? It comes every night.\n\n" + alarm.body, "").told == ""


@pytest.mark.parametrize(
    ("header", "value", "kind"),
    [
        ("Auto-Submitted", "auto-replied (vacation)", OutOfScopeKind.AUTO_REPLY),
        ("mail.headers.auto_submitted", "Auto-Replied", OutOfScopeKind.AUTO_REPLY),
        ("Auto-Submitted", "auto-generated", None),
        ("Auto-Submitted", "no", None),
        ("X-Autoreply", "yes", OutOfScopeKind.AUTO_REPLY),
        ("X-Autoreply", "no", None),
        ("X-Auto-Response-Suppress", "All", None),
        ("Precedence", "auto_reply", OutOfScopeKind.AUTO_REPLY),
        ("Precedence", "list", None),
        ("Content-Type", "multipart/report; report-type=delivery-status", OutOfScopeKind.DELIVERY_FAILURE),
        ("content_type", "text/calendar; method=REQUEST", OutOfScopeKind.CALENDAR),
        ("Content-Type", "text/plain", None),
        ("List-Unsubscribe", "<mailto:leave@list.example>", None),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click", OutOfScopeKind.NEWSLETTER),
    ],
)
def test_a_header_speaks_for_itself(header: str, value: str, kind: OutOfScopeKind | None) -> None:
    """Headers that only such mail has tell it, however a helpdesk spells their names; others tell nothing."""
    found = out_of_scope(Ticket(subject="VPN", body="It drops every minute.", attributes={header: value, "floor": 3.0}))
    assert (found and found.kind) == kind
    if found is not None:
        assert header.rpartition(".")[2].replace("_", "-").lower() in found.because


@pytest.mark.parametrize("requester", [Requester(email="MAILER-DAEMON@mx.example"), Requester(id="mailer-daemon@mx.x")])
def test_a_mailer_daemon_is_no_person(requester: Requester) -> None:
    """The daemon is told by its address, be it the requester's address or the id of a history's row."""
    found = out_of_scope(Ticket(subject="Warning", body="", requester=requester))
    assert found is not None
    assert found.kind is OutOfScopeKind.DELIVERY_FAILURE


@given(subject=st.text(max_size=60), body=st.text(max_size=400), value=st.text(max_size=30))
def test_any_text_is_read(subject: str, body: str, value: str) -> None:
    """No text and no header makes it fail, and what is said of a mail quotes nothing of it."""
    headers: dict[str, AttributeValue] = {"Auto-Submitted": value, "Content-Type": value, "x": True}
    found = out_of_scope(Ticket(subject=subject, body=body, attributes=headers))
    assert found is None or re.fullmatch(
        r"its header '[a-z-]+'|its sender|the form of its subject and text", found.because
    )


@settings(deadline=timedelta(seconds=2), max_examples=30)
@given(mail=st.sampled_from(MAILS), noise=st.text(alphabet="ab가 \n<>?:[]*|", max_size=200))
def test_long_mail_takes_no_time(mail: Mail, noise: str) -> None:
    """The longest text, made of a mail and noise again and again, is read well within two seconds."""
    body = (mail.body + noise) * (100_000 // (len(mail.body + noise) + 1))
    out_of_scope(Ticket(subject=mail.subject * 3, body=body, requester=Requester(email=noise * 50)))


# --- real tickets are all in scope ------------------------------------------------------------------------------------

_REAL = {
    "aivle_inquiry_ko/inquiries.csv": ("", "text"),
    "endava_tickets_en/all_tickets.csv": ("title", "body"),
    "nasa_pits_en/issues.csv.gz": ("Subject", "Description"),
    "wixqa_en/questions.jsonl": ("", "question"),
    "banking77_en/test.csv": ("", "text"),
}


def _real(path: Path, subject: str, body: str) -> Iterator[Ticket]:
    csv.field_size_limit(10**9)
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = io.StringIO(content.decode("utf-8-sig"), newline="")
    for row in map(json.loads, lines) if path.suffix == ".jsonl" else csv.DictReader(lines):
        text = row[body] or ""
        yield Ticket(subject=(row[subject] if subject else text.partition("\n")[0]) or "", body=text)


@pytest.mark.parametrize("name", _REAL)
def test_no_real_ticket_is_left_aside(shared_datasets: Path, name: str) -> None:
    """Not one in a thousand tickets that people sent is taken for a machine's mail."""
    tickets = list(_real(shared_datasets / name, *_REAL[name]))
    assert len(tickets) > 100
    assert sum(out_of_scope(ticket) is not None for ticket in tickets) <= len(tickets) / 1000


def test_the_sample_holds_tickets_only() -> None:
    """The sample helpdesk, whose people write about all of this, has no mail that is left aside."""
    lines = (Path(__file__).parents[2] / "data" / "sample_tickets.jsonl").read_text(encoding="utf-8").splitlines()
    tickets = [json.loads(line) for line in lines]
    assert [each["id"] for each in tickets if out_of_scope(Ticket(subject=each["subject"], body=each["body"]))] == []
