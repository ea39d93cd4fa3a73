"""The language of a ticket is told from scripts and common words."""

from __future__ import annotations

import pytest

from features.languages import Language, detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("노트북이 켜지지 않아요", Language.KO),
        ("ㅠㅠ", Language.KO),
        ("GlobalConnect update 후에 VPN connect는 되는데 access denied 나옵니다. ping은 OK", Language.KO),
        ("for row in rows: print(row)\n왜 안 되나요?", Language.KO),
        (
            "저장하면 이렇게 떠요.\nThe file could not be opened because the disk is full. Please check it.",
            Language.KO,
        ),
        ("my laptop does not start since the update", Language.EN),
        ("vpn down again", Language.EN),
        ("ERR_CONNECTION_RESET", Language.EN),
        ("Büro printer is broken, please help", Language.EN),
        ("We cannot find the menu 설정 in the new portal, please help us with it", Language.EN),
        (
            "The line is down for all of us since this morning and we cannot ship, please help. "
            "본사도 같은 증상이라고 합니다. 오늘 마감이라 급합니다. 꼭 부탁드립니다.",
            Language.MIXED,
        ),
        ("Das Passwort funktioniert nicht, bitte zurücksetzen", Language.OTHER),
        ("Mijn laptop werkt niet sinds vanmorgen", Language.OTHER),
        ("Je ne peux pas ouvrir mon fichier depuis hier", Language.OTHER),
        ("プリンタが動きません", Language.OTHER),
        ("打印机坏了", Language.OTHER),
        ("Принтер не работает", Language.OTHER),
        ("", Language.OTHER),
        ("010-0000-1234 !!", Language.OTHER),
    ],
)
def test_tells_languages_apart(text: str, language: Language) -> None:
    """Korean stays Korean around code and messages; a third language is other only when clear."""
    assert detect_language(text) is language
