"""Tickets as hurried people type them: the label of the well-typed ticket, or none, and the writer's own words."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest

from features.bundle import ModelBundle
from features.decisions import DecisionKind, decide
from features.predictions import Prediction
from features.tickets import Ticket

LOG = """
2026-03-04 09:12:01,114 INFO  [worker-3] kr.haneul.batch.JobRunner - job 5512 started
2026-03-04 09:12:03,002 ERROR [worker-3] kr.haneul.batch.JobRunner - job 5512 failed
java.lang.IllegalStateException: ledger is closed
\tat kr.haneul.batch.Ledger.append(Ledger.java:214)
\tat kr.haneul.batch.JobRunner.step(JobRunner.java:88)"""


@dataclass(frozen=True, slots=True)
class Typed:
    """A ticket as it is typed well, and as others type the same."""

    label: str
    well: str
    badly: tuple[str, ...]


TICKETS = (
    Typed(
        "printing",
        "프린터가 안 나와요. 드라이버를 다시 설치해야 하나요?",
        (
            "프린터가안나와요. 드라이버를다시설치해야하나요?",
            "프린 터가 안나 와요. 드라 이버를 다시 설 치해야 하나요?",
            "프린터가 안나와여ㅠㅠㅠ 드라이버를 다시 설치해야되나요???",
            "vmflsxjrk dks skdhkdy. emfkdlqjfmf ektl tjfclgodi gksmsrkdy?",
            "vmflsxjrk 안 나와요. 드라이버를 다시 tjfclgodi 하나요?",
            "ㅈㅅ한데 프린터가 안 나옴ㅋㅋ 드라이버를 다시 설치해야 함?? ㄱㅅ",
            "ㅍㅡㄹㅣㄴㅌㅓㄱㅏ ㅇㅏㄴ ㄴㅏㅇㅘㅇㅛ",
            "printer가 안 나와요. driver를 다시 설치해야 하나요?",
        ),
    ),
    Typed(
        "network",
        "VPN이 자꾸 끊겨서 재택 근무를 못 하고 있습니다",
        (
            "VPN이자꾸끊겨서 재택근무를못하고있습니다",
            "vpn 이 자꾸 끊 겨서 재택 근 무를 못하고 있읍니다",
            "VPN이 자꾸 끊겨서 재택 근무를 못 하고 잇어요ㅜㅜ!!!",
            "VPN이 wkRn Rmsgrutj woxor 근무를 못 하고 dlTtmqslek",
        ),
    ),
    Typed(
        "account",
        "비밀번호를 잊어버려서 로그인이 안 됩니다. 초기화 부탁드립니다",
        (
            "비밀번호를 잊어버려서 로그인이 안돼요",
            "비밀번호를 잊어버려서 로그인이 안되요",
            "비밀번호를 잊어버려서 로그인이 안 돼요",
            "비밀번호를 잊어버려서 로그인이 안됨",
            "비밀번호를 잊어버려서 로그인이 안대여ㅠ",
            "비밀번호를잊어버려서로그인이안됩니다.초기화부탁드립니다",
            "qlalfqjsghfmf 잊어버려서 fhrmdlsdl 안됩니다. 초기화 부탁드려여",
            "비밀번호를 잊어버려서 login이 안 됩니다. reset 부탁드립니다",
        ),
    ),
    Typed(
        "hardware",
        "노트북 화면이 깜빡거리다가 꺼집니다",
        (
            "노트북화면이 깜빡거리다가꺼집니다",
            "노트북 화면이 깜빡거리다 꺼져여ㅠㅠ!!",
            "shxmqnr 화면이 깜빡거리다가 꺼집니다",
        ),
    ),
    Typed(
        "software",
        "엑셀이 파일을 열 때마다 멈춥니다",
        ("엑셀이파일을열때마다멈춥니다", "엑셀이 파일을 열때마다 멈춤ㅡㅡ;;", "dprtpfdl 파일을 열 때마다 멈춥니다"),
    ),
    Typed(
        "printing",
        "The printer on floor 3 jams on every page",
        (
            "The printer on floor 3 jams on every page!!!!!",
            "the printr on flooor 3 jams on evry page",
            "The ㅔ갸ㅜㅅㄷㄱ on floor 3 jams on every page",
            "The print er on fl oor 3 jams on every page",
        ),
    ),
    Typed(
        "network",
        "VPN drops every ten minutes when I work from home",
        ("vpn drps every ten minuts when i work frm home", "ㅍㅔㅜ drops every ten minutes when I work from home"),
    ),
)
_PAIRS = [(ticket, typed) for ticket in TICKETS for typed in ticket.badly]


@pytest.fixture(scope="module")
def bundle(sample_bundle: Path) -> ModelBundle:
    """The sample model as it is served."""
    return ModelBundle.load(sample_bundle)


def _category(bundle: ModelBundle, body: str) -> Prediction:
    return bundle.score([Ticket(id="1", body=body)])[0].predictions["category"]


@pytest.mark.parametrize("ticket", TICKETS, ids=lambda ticket: ticket.well)
def test_a_well_typed_ticket_is_suggested_its_label(bundle: ModelBundle, ticket: Typed) -> None:
    """What the others are compared with is no abstention."""
    prediction = _category(bundle, ticket.well)
    assert prediction.label == ticket.label
    assert decide(prediction).kind is DecisionKind.SUGGEST


@pytest.mark.parametrize(("ticket", "typed"), _PAIRS, ids=[typed for _, typed in _PAIRS])
def test_a_badly_typed_ticket_has_the_same_label_or_none(bundle: ModelBundle, ticket: Typed, typed: str) -> None:
    """Spaces, endings, tears, slips of the keyboard and mixed scripts never suggest another label."""
    prediction = _category(bundle, typed)
    assert prediction.label == ticket.label or decide(prediction).kind is DecisionKind.ABSTAIN


@pytest.mark.parametrize("ticket", TICKETS, ids=lambda ticket: ticket.well)
def test_a_pasted_log_leaves_the_label_or_takes_it(bundle: ModelBundle, ticket: Typed) -> None:
    """A log under a ticket does not speak louder than the ticket."""
    prediction = _category(bundle, f"{ticket.well}\n{LOG}")
    assert prediction.label == ticket.label or decide(prediction).kind is DecisionKind.ABSTAIN


@pytest.mark.parametrize("form", ["NFD", "NFKD", "NFKC"])
@pytest.mark.parametrize("ticket", TICKETS, ids=lambda ticket: ticket.well)
def test_how_characters_are_stored_changes_nothing(bundle: ModelBundle, ticket: Typed, form: str) -> None:
    """A text in another form of Unicode has the very same probabilities."""
    stored = unicodedata.normalize(form, ticket.well)  # type: ignore[arg-type]
    assert _category(bundle, stored).ranking == _category(bundle, ticket.well).ranking


@pytest.mark.parametrize(
    ("typed", "well"),
    [
        ("vmflsxjrk 안 나와요", "프린터가 안 나와요"),
        ("VPN이 wkRn 끊겨요", "VPN이 자꾸 끊겨요"),
        ("the ㅔ갸ㅜㅅㄷㄱ jams", "the printer jams"),
    ],
)
def test_a_slip_is_scored_as_what_was_meant_and_quoted_as_it_was_typed(
    bundle: ModelBundle, typed: str, well: str
) -> None:
    """A word on the wrong keyboard layout gives the same answer as the word, and its reason stands in the ticket."""
    slip, meant = (bundle.score([Ticket(id="1", body=body)])[0] for body in (typed, well))
    assert slip.language == meant.language
    assert slip.similar_tickets == meant.similar_tickets
    for name, prediction in slip.predictions.items():
        assert prediction.ranking == meant.predictions[name].ranking
        assert [reason.weight for reason in prediction.reasons] == [
            reason.weight for reason in meant.predictions[name].reasons
        ]
        assert all(reason.text in typed for reason in prediction.reasons)


@pytest.mark.parametrize("body", ["ㅠㅠ", "ㅋㅋㅋㅋ", "ㄱㅅ", "!!!!!", "ㅇㅇ ㅇㅋ ㄱㄱ"])
def test_moods_alone_are_suggested_nothing(bundle: ModelBundle, body: str) -> None:
    """A ticket that says nothing of what is broken has no category."""
    assert decide(_category(bundle, body)).kind is DecisionKind.ABSTAIN
