"""How the mail of machines begins, is laid out and ends, in Korean and English: forms, not words.

What a mail is follows from several forms together; `features.out_of_scope` puts them together.
"""

from __future__ import annotations

import re


def _beginnings(*alternatives: str) -> re.Pattern[str]:
    """Return a pattern to match a text's beginning with: searching for one would look at every place."""
    return re.compile(rf"\s*(?:{'|'.join(alternatives)})", re.IGNORECASE)


def _phrases(*alternatives: str) -> re.Pattern[str]:
    """Return a pattern to search a text for."""
    return re.compile("|".join(alternatives), re.IGNORECASE | re.MULTILINE)


# --- headers and senders: each says by itself what a mail is --------------------------------------------------------

# `auto-generated` says nothing: the forms of a portal are sent so, filled in by people.
REPLIED_BY_ITSELF = _beginnings(r"auto-replied\b")
IS_SET = _beginnings(r"(?!no\b|false\b|0)\S")
AUTO_REPLY_PRECEDENCE = _beginnings(r"auto[-_]?reply")
# A mailing list lets its members leave too, but only bulk mail offers to do so at one click.
ONE_CLICK = _beginnings(r"list-unsubscribe=one-click")
DELIVERY_REPORT = _beginnings(r"multipart/report\b.*\bdelivery-status\b")
CALENDAR_CONTENT = _beginnings(r"text/calendar\b")
DAEMON = _beginnings(r"(?:[^<]{0,100}<)?mailer-daemon@")

# --- people: they ask, and whoever hands a machine's mail on asks for help with it ----------------------------------

HANDED_ON_SUBJECT = _beginnings(r"(?:\[(?:ext|external|외부)\]\s*)?(?:re|fw|fwd|aw|wg|답장|회신|전달) ?:")
HANDED_ON_TEXT = _phrases(
    r"^[ \t>]*-{2,} ?(?:original|forwarded|원본|전달)",
    r"^[ \t>]*(?:from|보낸 ?사람) ?:[^\n]{0,200}\n(?:[^\n]{0,200}\n){0,3}[ \t>]*(?:subject|제목) ?:",
)
# A machine, too, asks to write to somebody else, to look at an address, to follow a link.
_NOT_OF_US = r"contact|write|e-?mail|call|check the|do not|don['’]t|note|try|reach|direct|send (?:it|your|urgent)|click"
ASKS = _phrases(
    rf"\bplease (?!(?:{_NOT_OF_US})\b)\w|\bplease\W*\Z|\b(?:can|could|would) (?:you|some\w+|anyone|it|we|i)\b",
    r"\b(?:i|we) (?:need|want|would like)\b|\bhow (?:do|can|to)\b|\b(?:what|who|why) (?:is|are|do|does|can|should)\b",
    r"(?:해|넣어|만들어|와|열어|풀어|바꿔|꺼|켜|봐|알려|빼|늘려|돌려|고쳐|막아|옮겨) ?주(?:세|셔|실|시|십)",
    r"(?:확인|처리|조치|조정|설정|취소|신청|점검|중지|전달|지원|검토) ?(?:요청|부탁|바랍)|요청 ?(?:드|합)",
    r"(?:나요|까요|가요|는지요|죠)\W|싶(?:습|어|은)",
)
PROBLEMS = _phrases(
    r"\b(?:errors?|broken|missing|wrong|fail(?:s|ed)?|doesn['’]t|does not|don['’]t work|can(?:no|['’])t|cannot)\b",
    r"오류|에러|장애|안 ?(?:됩|돼|되|됨|열|보|와|옵)|못 ?(?:하|해|들어|열)",
)
# No machine speaks of itself but in an automatic reply and in what a mail server regrets.
FIRST_PERSON = _phrases(r"\b(?:i|i['’]m|my|me|we|our|us)\b|(?:^|\s)(?:저는|제가|저희|우리|내가)(?:\s|$)")

# --- automatic replies ----------------------------------------------------------------------------------------------

_AUTO_REPLY_KO = r"(?:부재 ?중(?: ?자동 ?(?:응답|회신))?|자동 ?(?:응답|회신))"
AUTO_REPLY_SUBJECT = _beginnings(
    r"(?:auto(?:matic|mated)?[ -]?(?:reply|response)|out of (?:the )?office(?: auto[ -]?reply)?) ?(?::|re:)",
    rf"{_AUTO_REPLY_KO} ?:|\[(?:auto[ -]?reply|{_AUTO_REPLY_KO})\]",
)
ABSENCE = _phrases(
    r"\b(?:i am|i['’]m|i will be|we are|our office is) (?:currently |now )?"
    r"(?:out of (?:the )?office|away|travell?ing|closed|on (?:\w+ )?(?:leave|vacation|holiday))\b",
    r"\bi(?:['’]ve| have) left \w+|\bi no longer work\b",
    r"\bthis is an auto(?:mat(?:ic|ed))?[ -]?(?:reply|response|message)\b",
    r"(?:(?:부재|휴가|출장|휴직|교육|외근|연차)[^\n.]{0,20}|부재) ?중(?:입니다|이오니|이며|이라|이므로)",
    r"(?:메일 확인|회신|답변)이 (?:늦|어렵)|(?:복귀|돌아온) ?(?:후|한 뒤)[^\n]{0,20}(?:회신|답변|연락)드리",
)
# An automatic reply says when its writer is back, or whom to turn to.
RETURN_OR_CONTACT = _phrases(
    r"\b(?:will|shall|i['’]ll) (?:not )?(?:be back|return|reply|respond|answer|read|get back)\b",
    r"\b(?:please|instead|urgent\w*)\W+(?:\w+\W+){0,6}?(?:contact|call|write|e-?mail|reach)\b",
    r"\bnot be(?:en)? (?:read|forwarded)\b|\bfrom \d[^.\n]{0,40} (?:to|until) ",
    r"급한|급하신|복귀|(?:연락|문의|전화|보내) ?(?:부탁|바랍|주)|(?:연락|문의)하여",
    r"(?:회신|답변|연락)드리|확인하겠|늦(?:습|을 수)",
)
_GREETING_WORDS = r"(?:hi|hello|dear|good (?:day|morning|afternoon)|thanks?|thank you)\b|안녕|감사|반갑"
GREETING = re.compile(rf"\W*(?:{_GREETING_WORDS})[^.!?\n]{{0,80}}(?:[.!?\n]+|\Z)\s*", re.IGNORECASE)
# What people say of automatic replies; the replies themselves want nothing set.
ABOUT_REPLIES = _phrases(
    r"\?|(?<!this is an )\bauto(?:matic|mated)?[ -]?(?:repl|respon)|(?<!본 메일은 )자동 ?(?:응답|회신)",
    r"\b(?:set(?: up)?|(?:switch|turn)(?:ed)? (?:it )?o(?:n|ff)|enable|disable|forward(?:ing)? (?:of )?my)\b",
    r"설정|착신|전달되|위임|대리 ?결재",
)

# --- delivery failures ----------------------------------------------------------------------------------------------

FAILURE_SUBJECT = _beginnings(
    r"(?:undeliverable|mail delivery failed|returned mail|delivery failure|배달되지 않음|배달 ?실패) ?:",
    r"undelivered mail returned to sender|delivery status notification|failure notice\s*\Z",
    r"mail delivery (?:sub)?system|\[?메일 ?(?:발송|전송) ?실패",
)
FAILURE_TEXT = _phrases(
    r"^\W*(?:this is the mail system at|delivery has failed to|reporting-mta|final-recipient)",
    r"^\W*your (?:e-?mail |mail )?message (?:to \S{1,80} )?(?:wasn['’]t|was not|couldn['’]t|could not)",
    r"^\W*(?:this message was created automatically by mail|a message that you (?:have )?sent)",
    r"^\W*(?:hi\. this is the \S+ program at|the original message was)",
    r"^\W*the following (?:addresses|address\(es\)|recipients|recipient\(s\))",
    r"^\W*(?:(?:다음|아래) 받는 ?사람|받는 ?사람에게 메시지를|(?:귀하가 |고객님이 )?보내신 (?:메일|메시지)[이가을를])",
)
# A mail server names the address that it could not reach, or its own code for why.
FAILED_ADDRESS = _phrases(
    r"\S@\S|\[email\]|\b[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}\b|^\W*(?:reporting-mta|final-recipient)"
)

# --- monitoring alarms ----------------------------------------------------------------------------------------------

CRON_SUBJECT = _beginnings(r"cron <[\w.-]{1,60}@[\w.-]{1,100}> ?(?:\S*[/;|&$=]|cd )")
_ALARM_WORDS = (
    r"problem|recovery|firing|resolved|alerting|ok|no data|triggered|recovered|warn(?:ing)?|failed|critical|p[1-5]"
)
ALARM_SUBJECT = _beginnings(
    r"(?:\*+ ?)?(?:problem|recovery|acknowledgement|flapping\w+) (?:service|host) alert ?:|(?:down|up) alert ?:",
    r"(?:alarm|ok|insufficient_data) ?: ?\"|monitor is (?:down|up) ?:|(?:fired|resolved):sev\d",
    rf"\[(?:{_ALARM_WORDS})(?: ?: ?\d+| on \{{[^}}]*\}})?\]",
    r"\[(?:장애|경보|경고|복구|감시|모니터링|임계치?)? ?(?:알림|알람|경보|경고|발생|복구|통보)\]",
)
# Plain words that people begin a subject with too: what follows has to be laid out as this one system does it.
WORDED_ALARM_SUBJECT = _beginnings(r"(?:problem|resolved(?: in [\dhms ]{1,20})?|update) ?:")
WORDED_ALARM_TEXT = _phrases(r"^problem name ?:[^\n]*\n(?:[^\n]*\n){0,6}(?:host|severity) ?:")
_FIELD_NAMES = r"""
notification type, service, host, hostname, address, state, status, severity, date/time, date, info, additional info
problem name, problem duration, operational data, original problem id, event, alertname, alert, labels, annotations
summary, description, namespace, job, instance, source, startsat, endsat, name, state change, timestamp, time, message
alarm details, metric name, metric, value, threshold, monitor, url, reason, started, start time, end time, duration
backup job, data size, error, sensor, device, trigger, item, region, ip, ipv4, when, alert name, fired time
monitor condition, affected resource, metric value, event timestamp
(?:발생|복구|감지) ?(?:시각|시간|일시), 호스트(?:명)?, 장비(?:명)?, 서버(?:명)?, 대상, 항목, (?:현재|측정|기준) ?값
임계 ?[치값], 심각도, 등급, 상태, 지속 ?시간, 알람 ?명, 메시지, 이벤트, 아이피
"""
_FIELDS = "|".join(_FIELD_NAMES.strip().replace("\n", ", ").split(", "))
FIELD_LINE = re.compile(rf"\W{{0,6}}(?:{_FIELDS})[\s*]*(?:[:=]|\Z)", re.IGNORECASE)
STATE_LINE = re.compile(
    r"\W*(?:\w+ (?:critical|warning|ok|unknown)(?: -|:)|\[?\d*\]? ?(?:firing|resolved)\b|\d+ alerts? for|icinga\b"
    r"|(?:nagios|grafana)\W*\Z|problem (?:started|has been)|view your"
    r"|you are receiving this email because your amazon cloudwatch"
    r"|.{1,80} is (?:critical|warning|down|up|ok)!? <==)",
    re.IGNORECASE,
)
ALARM_SENTENCE = _phrases(
    r"^the monitor .{1,160} is (?:currently|back) (?:down|up)\b|^your azure monitor alert was (?:triggered|resolved)",
    r"\bover [\w.-]{1,40}:\S{1,80} was [<>]=? -?[\d.]+ (?:on average )?(?:during|for) the last",
    r"\byour amazon cloudwatch alarm \"",
)

# --- calendar notices -----------------------------------------------------------------------------------------------

CALENDAR_SUBJECT = _beginnings(
    r"(?:accepted|declined|tentative(?:ly accepted)?|cancell?ed(?: event)?|(?:updated )?invitation) ?:",
    r"(?:수락|거절|미정|취소|초대|업데이트)(?:됨|함|된 초대)? ?:",
)
# The answers to an invitation come without a text.
CALENDAR_ANSWER_SUBJECT = _beginnings(r"(?:accepted|declined|tentative(?:ly accepted)?|수락됨|거절됨|미정) ?:")
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
DATED_SUBJECT = _phrases(rf" @ (?:mon|tue|wed|thu|fri|sat|sun) {_MONTHS} \d{{1,2}}, 20\d\d")
CALENDAR_TEXT = _phrases(
    r"\bhas (?:accepted|declined|tentatively accepted) this invitation|^\W*you have been invited to the following",
    r"^\W*this event (?:has been|was) (?:updated|cancell?ed)|님이 초대를 (?:수락|거절)했|^begin:vcalendar|\*~\*~\*~\*",
    r"^\W*(?:microsoft teams|zoom|google meet)[^\n]{0,40}\n(?:[^\n]*\n){0,4}\W*(?:meeting id|회의 id) ?:",
)

# --- newsletters ----------------------------------------------------------------------------------------------------

# Every way to offer to stop has one of these in it; to look for them costs next to nothing.
OPT_OUT_HINTS = ("nsubscri", "NSUBSCRI", "수신", "pt-out", "pt out")
_OPT_OUT = _phrases(r"unsubscri\w+|opt[ -]out|수신 ?거부|수신을 (?:더 ?이상 )?원(?:치|하지) 않")
FOOTER_START = _phrases(
    r"^\W*(?:to (?:unsubscribe|stop receiving)(?! from this group)|unsubscribe\b|you can unsubscribe)",
    r"^\W*(?:you(?:['’]re| are| have)? receiv(?:ing|ed) this|this (?:e-?mail|mailing|message) was sent to)",
    r"^\W*(?:[본이] 메일[은을]|수신을 원|더 ?이상 수신을|(?:무료 ?)?수신 ?거부(?![를은가이]| ?(?:했|목록|처리)))",
)
WHY_SENT = _phrases(
    r"receiv(?:ing|ed) this (?:e-?mail|newsletter)|(?:mailing|e-?mail|message) was sent to|수신에? ?동의"
)
FOOTER_SIGNS = (
    _OPT_OUT,
    _phrases(r"(?:update|manage) (?:your )?(?:e-?mail )?preferences|발신 ?전용|수신 ?거부[^\n]{0,10}\b080-"),
    _phrases(r"©|\(c\) ?20\d\d|all rights reserved"),
)
IN_BROWSER = _phrases(
    r"view (?:this (?:e-?mail|newsletter) |it )?in (?:your |a |the )?browser|웹(?:에서|으로) 보기",
    r"(?:having )?trouble viewing this[^?\n]{0,20}\??",
)
ADVERTISEMENT_SUBJECT = _beginnings(r"[\[(]\s*광\s*고\s*[\])]")
# Who shows a newsletter to the service desk says why, first.
SHOWN_TO_ASK = _phrases(
    r"\?|phishing|spam|scam|suspicious|legit|unsubscri|\bours\b|피싱|스팸|차단|신고|부탁|수신 ?거부"
)
