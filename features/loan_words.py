"""Words that Korean offices say in English and write in either script, or translate: one thing for both languages.

A site's own words are its glossary's; here are those of every office, as few as are met in almost any helpdesk.
"""

from __future__ import annotations

_PAIRS = """
access=접속 account=계정 app=앱 application=애플리케이션 approval=승인 attachment=첨부 authentication=인증
backup=백업 battery=배터리 bluetooth=블루투스 browser=브라우저 bug=버그 button=버튼 cable=케이블 cache=캐시
calendar=캘린더 camera=카메라 card=카드 cart=장바구니 certificate=인증서 charger=충전기 chat=채팅 chrome=크롬
class=클래스 client=클라이언트 cloud=클라우드 code=코드 column=컬럼 computer=컴퓨터 connection=연결 cookie=쿠키
copy=복사 coupon=쿠폰 data=데이터 database=데이터베이스 delete=삭제 delivery=배송 desktop=데스크톱
device=디바이스 disk=디스크 docking=도킹 document=문서 download=다운로드 drive=드라이브 driver=드라이버
edge=엣지 edit=수정 email=이메일 error=에러 excel=엑셀 file=파일 firewall=방화벽 folder=폴더 font=폰트
format=포맷 function=함수 graph=그래프 group=그룹 headset=헤드셋 icon=아이콘 image=이미지 install=설치
internet=인터넷 invoice=인보이스 keyboard=키보드 laptop=노트북 lecture=강의 library=라이브러리 license=라이선스
link=링크 loading=로딩 login=로그인 logout=로그아웃 mail=메일 meeting=회의 member=회원 memory=메모리 menu=메뉴
message=메시지 microphone=마이크 mobile=모바일 model=모델 module=모듈 monitor=모니터 mouse=마우스
network=네트워크 notebook=노트북 office=오피스 option=옵션 outlook=아웃룩 package=패키지 page=페이지
password=비밀번호 payment=결제 permission=권한 phone=전화 popup=팝업 port=포트 portal=포털 print=출력
printer=프린터 problem=문제 process=프로세스 program=프로그램 project=프로젝트 query=쿼리 question=질문
refund=환불 remote=원격 report=리포트 request=요청 reset=초기화 restart=재시작 role=역할 router=라우터 run=실행
salary=급여 save=저장 scan=스캔 scanner=스캐너 screen=화면 security=보안 server=서버 service=서비스 session=세션
setting=설정 share=공유 site=사이트 slack=슬랙 software=소프트웨어 sound=소리 spam=스팸 speaker=스피커
storage=스토리지 submit=제출 sync=동기화 system=시스템 table=테이블 tablet=태블릿 team=팀 teams=팀즈
template=템플릿 test=테스트 ticket=티켓 token=토큰 toner=토너 update=업데이트 upload=업로드 user=사용자
variable=변수 version=버전 video=영상 virus=바이러스 web=웹 wifi=와이파이 window=윈도우 windows=윈도우 zoom=줌
"""

KOREAN_OF: dict[str, str] = dict(pair.split("=") for pair in _PAIRS.split())
