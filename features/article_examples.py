"""Invented sentences that stand for what people write before a helpdesk has shown it: questions, and idle talk.

They tell what an encoder makes of questions as such, and how much speaks for an article where none is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from features.languages import Language

QUESTIONS: Mapping[Language, tuple[str, ...]] = {
    Language.KO: (
        "비밀번호를 잊어버렸는데 어떻게 다시 설정하나요?",
        "로그인이 안 돼요. 확인 부탁드립니다.",
        "결제가 두 번 되었는데 환불받을 수 있나요?",
        "배송은 보통 며칠 걸리나요?",
        "회원 정보를 변경하고 싶은데 어디서 하나요?",
        "프린터가 인식되지 않습니다.",
        "신청 기간이 언제까지인지 알고 싶습니다.",
        "영수증은 어디에서 발급받을 수 있나요?",
        "화면이 멈추고 아무것도 눌리지 않아요.",
        "담당자와 통화하고 싶습니다.",
        "설치 중에 오류 메시지가 나옵니다.",
        "휴가 신청은 어떻게 해야 하나요?",
        "제가 보낸 파일을 확인해 주실 수 있나요?",
        "예약을 취소하려면 수수료가 있나요?",
        "사용하지 않은 상품도 반품이 가능한가요?",
        "네트워크가 자꾸 끊기는데 이유가 뭔가요?",
        "권한이 없다고 나오는데 권한을 주세요.",
        "모바일에서도 이용할 수 있나요?",
        "필요한 서류에는 어떤 것이 있나요?",
        "알림 메일이 오지 않습니다.",
        "계정을 삭제하면 데이터는 어떻게 되나요?",
        "요금이 지난달보다 많이 나왔어요.",
        "제출한 내용을 나중에 수정할 수 있나요?",
        "대상이 아닌데 지원할 수 있는 방법이 있을까요?",
        "교환하려면 며칠 안에 말해야 하나요?",
        "회의실 예약 화면이 열리지 않아요.",
        "두 가지 중에 무엇이 다른가요?",
        "새 노트북은 언제 받을 수 있나요?",
        "급한 건인데 오늘 안에 처리될까요?",
        "어제부터 저장이 안 되고 있습니다.",
    ),
    Language.EN: (
        "I forgot my password. How can I reset it?",
        "I cannot log in since this morning, please help.",
        "I was charged twice. Can I get a refund?",
        "How long does delivery usually take?",
        "Where do I change the address on my account?",
        "The printer is not recognised any more.",
        "Until when can I apply?",
        "Where can I download the invoice for my order?",
        "The page freezes and nothing can be clicked.",
        "I would like to talk to a person about my contract.",
        "An error message appears during the installation.",
        "How do I request a day off?",
        "Could you please check the file I sent you?",
        "Is there a fee if I cancel my booking?",
        "Can I return something that I have not used?",
        "My connection keeps dropping, what is the reason?",
        "It says I have no permission. Please grant me access.",
        "Does it also work on a phone?",
        "Which documents do I need?",
        "I do not receive any notification e-mails.",
        "What happens to my data when I delete my account?",
        "My bill is higher than last month. Why?",
        "Can I still edit what I have submitted?",
        "Is there a way to join although I am not eligible?",
        "Why was my request rejected?",
        "The meeting room calendar does not open.",
        "What is the difference between the two plans?",
        "When will I get my new laptop?",
        "This is urgent, can it be done today?",
        "Since yesterday nothing is saved.",
    ),
}

_IDLE_TALK: Mapping[Language, tuple[str, ...]] = {
    Language.KO: (
        "오늘 점심 뭐 먹을까요?",
        "주말에 날씨가 좋다고 하네요.",
        "고마워요, 좋은 하루 보내세요!",
        "요즘 너무 피곤해서 푹 자고 싶어요.",
        "어제 본 영화 정말 재미있었어요.",
        "강아지가 자꾸 짖어서 잠을 못 잤어.",
        "심심한데 재미있는 얘기 해 줘.",
        "친구랑 싸웠는데 어떻게 화해하지?",
        "다이어트를 시작했는데 배가 고파요.",
        "생일 축하해!",
        "저녁에 치킨 먹고 싶다.",
        "좋아하는 노래가 뭐야?",
        "너는 몇 살이야?",
        "비가 와서 기분이 우울해.",
        "감기에 걸린 것 같아요.",
        "여행 가고 싶은데 어디가 좋을까?",
        "축구 경기 누가 이겼어?",
        "화분에 물을 언제 줘야 해?",
        "길이 너무 막혀서 늦겠어.",
        "네, 알겠습니다.",
    ),
    Language.EN: (
        "What should we have for lunch today?",
        "They say the weekend will be sunny.",
        "Thank you and have a nice evening!",
        "I am so tired, I just want to sleep.",
        "The film last night was really funny.",
        "My dog barked all night long.",
        "Tell me a joke, I am bored.",
        "I had a quarrel with my best friend.",
        "I started running and my legs hurt.",
        "Happy birthday to you!",
        "Who won the match yesterday?",
        "What is your favourite song?",
        "How old are you?",
        "It rains and I feel blue.",
        "I think I caught a cold.",
        "Where shall we go on holiday?",
        "The traffic is terrible this morning.",
        "How often do I water this plant?",
        "My grandmother makes the best soup.",
        "OK, got it.",
    ),
}


def idle_talk(languages: Iterable[str]) -> list[str]:
    """Return idle talk in those of the languages that there is some in, in all where there is in none."""
    asked = frozenset(languages)
    spoken = [texts for language, texts in _IDLE_TALK.items() if language in asked]
    return [text for texts in spoken or _IDLE_TALK.values() for text in texts]
