"""Where a text names a person: Korean names before a title, English names after one.

A Korean name is told by its surname, by the syllables that given names are made of, and by what stands beside
it; "담당자님" and "팀장님" are roles and no names. Knows nothing of other personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SURNAMES = (
    "김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도석선설마길"
    "표명왕금옥맹탁봉"
)
_SURNAMES_OF_TWO = "남궁|황보|제갈|선우|독고|사공"
# With one syllable after them other surnames make ordinary words ("전산", "정보").
_SURNAMES_OF_SHORT_NAMES = "김박최권황홍허윤송백곽강"
_GIVEN = (
    "가강건겸경고관광교구국권규균근금기길나남노늘다단담대덕도동두라란람래량련령록루룬름리린림마만맑명모무문미민바배백범별병보복봄봉비빈빛"
    "상새샘서석선설섭성세소솔송수숙순슬승시식신실심아안애양언여연열영예오옥온완용우욱운웅원월유윤율은을음의이익인일임자장재전정제조종주준중지진"
    "찬창채천철초춘충치태택판평필하학한해향헌혁현협형혜호홍화환황회효훈휘휴흥희결말"
)
_RANKS = "사원|주임|대리|과장|차장|부장|팀장|실장|책임|선임|수석|상무|전무|이사|교수|박사|프로|매니저"
_TITLES = (
    r"대리(?!점|운전|인|결재|석|구매|출석|참석|신청|수령)|과장|차장|부장|팀장|실장|본부장|센터장|지점장|지사장|점장|소장|원장|반장|조장|파트장|그룹장"
    r"|공장장|사원(?!증|번호|들)|주임|계장|책임(?!자|감|지)|선임(?!자)|수석|전임(?!자)|연구원|상무|전무|이사(?!회|를|가|한|하|짐)|사장|부사장"
    r"|대표(?!번호|전화|적|메일)|회장|의장|감사(?!합|드|하|를|실|팀)|고문|교수|박사|강사|조교|튜터|코치|멘토|선생|쌤|매니저"
    r"|프로(?!그|젝|세|필|토|모)|기사|간호사|변호사|회계사|노무사|세무사|약사|인턴|님|씨(?!름|앗|발)"
)
_RANK_WORDS = frozenset(_RANKS.split("|"))
_ALONE = r"(?<![가-힣A-Za-z0-9])"
_FULL_NAME = rf"(?:[{_SURNAMES}][{_GIVEN}]{{2}}|(?:{_SURNAMES_OF_TWO})[{_GIVEN}]{{1,2}})"
_AFTER_TITLE = r"(?:님|께|이|가|은|는|한테|에게|도|의|을|를|과|와|하고|랑|[\s.,!?)]|\Z)"

_BEFORE_TITLE = re.compile(
    rf"{_ALONE}(?P<full>{_FULL_NAME})[ \t]?(?=(?:{_TITLES}))"
    rf"|{_ALONE}(?P<short>[{_SURNAMES_OF_SHORT_NAMES}][{_GIVEN}])[ \t]?(?=(?:{_TITLES}))"
    # A surname alone, joined to a rank: "김과장", "이대리님"
    rf"|{_ALONE}(?!조교수|백프로)(?P<surname>[{_SURNAMES_OF_SHORT_NAMES}이임조장오한서안류])(?=(?:{_RANKS}){_AFTER_TITLE})"
    rf"|{_ALONE}(?!이사장)(?P<honoured>[{_SURNAMES_OF_SHORT_NAMES}이임조장오한서안류])"
    r"(?=(?:기사|반장|소장|사장|원장|조장|계장)님)"
    rf"|{_ALONE}(?P<polite>[조장오서안배류노남심양손문임정]) (?=(?:{_RANKS})님)"
    rf"|{_ALONE}(?P<spaced>[김박최권황홍허윤송백곽]) "
    r"(?=(?:사원|주임|대리|과장|차장|부장|팀장|실장|책임|이사|상무)(?:님|[\s.,!?)]|\Z))"
)
_KOREAN_NAMES = (
    # "영업팀 홍길동입니다", "저는 홍길동이라고 합니다", "홍길동 드림"
    re.compile(
        rf"(?:^|(?<=[팀부실과사는은,.!요] )){_ALONE}(?P<name>{_FULL_NAME})"
        rf"(?=입니다|이?라고 (?:합니다|해요)|[ \t]?(?:드림|올림|배상)(?![가-힣]))",
        re.MULTILINE,
    ),
    # "평택 생산관리 홍길동입니다" among the first words of a text
    re.compile(rf"\A[^\n]{{0,40}}?[가-힣A-Za-z0-9)] (?P<name>{_FULL_NAME})(?=입니다(?:[.,!~ \n]|\Z))"),
    # "홍길동 010-...", "홍길동 (내선 1004)"
    re.compile(
        rf"{_ALONE}(?P<name>{_FULL_NAME})(?<!은)"
        r"(?= ?[(/,:|]? ?(?:내선 ?\d|\[phone\]|\+82|0(?:1[016789]|2|[3-6][1-5]|70)[-. )]))"
    ),
    # "담당자: 홍길동"
    re.compile(
        r"(?:이름|성명|성함|담당자|신청자|신청인|요청자|예금주|작성자|수신인|보낸 ?사람|받는 ?사람|사용자명)"
        rf"(?:[ \t]{{0,3}}[:=][ \t]{{0,3}}|(?<=예금주) |(?<=성명) |(?<=성함) )(?P<name>{_FULL_NAME})(?![가-힣])"
    ),
)
_LATIN_BEFORE_KOREAN_TITLE = re.compile(
    r"(?<![\w.@-])(?P<name>[A-Z][a-z]{2,14}(?: [A-Z][a-z]{1,14})?) ?"
    r"(?=님|(?:매니저|과장|대리|팀장|부장|차장|책임|선임|프로)님|씨(?![가-힣]))"
)
_ENGLISH_WORD = r"[A-Z][a-zà-ÿ]+(?:-[A-Za-z][a-zà-ÿ]+|['’][A-Z][a-zà-ÿ]+)?"
_ENGLISH_NAMES = (
    re.compile(
        r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam)\b\.?[ \t]"
        rf"(?P<name>(?:(?:van|de|von|bin|der|den|Mc|O')[ ]?){{0,2}}{_ENGLISH_WORD}"
        rf"(?:[ ](?:(?:van|de|von|bin|der|den)[ ]){{0,2}}{_ENGLISH_WORD}){{0,2}})"
    ),
    re.compile(
        r"^[ \t]{0,4}(?i:(?:(?:full|employee|contact|requester(?:'s)?|customer) )?name)[ \t]{0,3}[:=][ \t]{0,3}"
        r"(?P<name>[A-Z][a-zà-ÿ]+(?:[ -][A-Z][a-zà-ÿ]+){1,3})[ \t]*$",
        re.MULTILINE,
    ),
)

# Words that are spelled like a name: roles, places, things of the office, and nouns with their particles.
_WORDS = """
이용자 신청자 이전자 구매자 기안자 전임자 조사자 지원자 진행자 방문자 공유자 사용자 여사원 한국인 외국인 현지인 민원인
신청인 지원인 임대인 임차인 장애인 원어민 정규직 전문가 전문의 주치의 주무관 고문관 안내인 안내원 경비원 상담원 주방장
공장장 사무장 조리장 부원장 부교수 부대표 부소장 부조장 전산실 연구실 구매실 비서실 전략실 정보실 홍보실 고객실 기획실
정비소 연구소 주유소 정유소 원무과 설비과 전화기 공유기 정수기 전광판 조명등 신호등 신제품 제조사 정품인 원자재 기자재
이메일 이미지 전용선 주소지 연락처 전화번 유무선 양방향 이동식 정상화 정보화 고정비 유효성 안전모 전시회 서비스 이공계
신사복 조선소 주민센 유지보 이해관 도우미 도서관 최우수 최고령 최연소 지금은 지금도 이제는 이제야 원래는 우선은 여기서
이라서 이상한 한동안 하지만 이지만 오지만 주지만 전무이 상무이 지도교 담임선 선임연 책임연 수석연 전임교 공동대 각자대
여선생 남선생 한선생 오너 유저 이번 이미 이후 이전 이상 이웃 주말은 정말은 해당 우리 저희 지난 차기 기존 현재 현장
신임 현임 신입 여성 남성 남자 여자 모든 모두 기타 조별 부서 한글 한명 두명 지도 주임 선임 전임 이사 부사 부장 사장
기사 교수 강사 조교 박사 조장 조원 원장 기장 선장 주인 고인 하인 선수 기수 명인 명장 장인 임원 고객 선배 후배 부모
마님 하느 전하 오빠 신랑 신부 제자 은행 하나 배송 송금 송장 윤리 임시 홍보 권리 권한 최종 최신 최대 최소 최고 최근
황금 홍수 백신 백화 백만 허용 강의 강화 강제 강남 강원 강동 강서 송도 홍대 김해 양주 국제 국내 국외 해외 사내 사외
사전 사후 전사 전국 전원 전체 정상 주민 문서 문의 문제 여러 추천 추가 주요 주간 주말 심야 심사 정기 정규 정식 정보
전문 전략 전산 전자 인사 영업 생산 품질 개발 기획 총무 재무 회계 법무 구매 물류 설비 정비 유지 관리 운영 보안 안전
안내 지원 지역 지방 지점 제주도 강원도 전주시 원주시 진주시 공주시 안성시 안양시 구리시 양주시 한양대 조선대 전남대
전주대 공주대 제주대 강원대 원광대 서강대 연세대 홍익대 국민대 선문대 우송대
"""
_NO_NAMES = frozenset(_WORDS.split())
# A word of three syllables that ends so before a space and a title is rather a noun and its particle.
_PARTICLES = frozenset("로도가고의을")
_ENGLISH_WORDS = """
Outlook Teams Zoom Windows Excel Word Office Jira Slack Google Chrome Edge Safari Azure Oracle Admin Helpdesk Support
Manager Team Desk Service Server Client Network Power Point Access Exchange Share Project Visio Android Galaxy Apple
The This That Your Our My Sir Madam Or And Watson Web
"""
_NO_ENGLISH_NAMES = frozenset(_ENGLISH_WORDS.split())

_KOREAN_NAME = re.compile(rf"[{_SURNAMES}][{_GIVEN}]{{1,2}}|(?:{_SURNAMES_OF_TWO})[{_GIVEN}]{{1,2}}")


def is_korean_name(word: str) -> bool:
    """Tell whether a word by itself reads as a full Korean name."""
    return word not in _NO_NAMES and _KOREAN_NAME.fullmatch(word) is not None


def find_names(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of every name, its title left out."""
    if not text.isascii():
        yield from _before_korean_titles(text)
        for pattern in _KOREAN_NAMES:
            yield from (match.span("name") for match in pattern.finditer(text) if match["name"] not in _NO_NAMES)
    for pattern in _ENGLISH_NAMES:
        for match in pattern.finditer(text):
            if match["name"].split()[0] not in _NO_ENGLISH_NAMES:
                yield match.span("name")


def _before_korean_titles(text: str) -> Iterator[tuple[int, int]]:
    for match in _BEFORE_TITLE.finditer(text):
        kind = match.lastgroup or "full"
        name, after = match[kind], text[match.end(kind) : match.end(kind) + 1]
        if name[1:] in _RANK_WORDS:
            yield match.start(kind), match.start(kind) + 1
        elif name not in _NO_NAMES and not (after in (" ", "\t") and name[-1] in _PARTICLES):
            yield match.span(kind)
    for match in _LATIN_BEFORE_KOREAN_TITLE.finditer(text):
        if match["name"].split()[0] not in _NO_ENGLISH_NAMES:
            yield match.span("name")
