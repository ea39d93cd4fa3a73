"""A site's words are brought to one spelling, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import RecipeError
from features.glossary import Glossary

GLOSSARY = Glossary.from_mapping(
    {
        "VPN": ["브이피엔", "GlobalConnect", "Global Connect Client"],
        "HanERP": ["한ERP", "한이알피", "ERP"],
        "결재": ["e-Approval", "전자결재"],
    }
)


@pytest.mark.parametrize(
    ("text", "applied"),
    [
        ("브이피엔이 안돼요", "VPN이 안돼요"),
        ("브이피엔에서 끊겨요. 브이피엔!", "VPN에서 끊겨요. VPN!"),
        ("globalconnect로 접속", "VPN로 접속"),
        ("the Global  Connect client hangs", "the VPN hangs"),
        ("GLOBALCONNECT2 is another program", "GLOBALCONNECT2 is another program"),
        ("한ERP와 erp", "HanERP와 HanERP"),
        ("hanerp is slow", "HanERP is slow"),
        ("ERPs and xerp", "ERPs and xerp"),
        ("전자결재가 밀려서 e-approval 확인", "결재가 밀려서 결재 확인"),
        ("전자결재함", "전자결재함"),
        ("신전자결재를 쓴다", "신전자결재를 쓴다"),
    ],
)
def test_canonical_word_takes_the_place_of_variants(text: str, applied: str) -> None:
    """Case does not matter; Latin variants are whole words, Korean ones may carry a particle."""
    assert GLOSSARY.apply(text) == applied


def test_longest_variant_wins() -> None:
    """Of two variants at one place the longer is taken."""
    glossary = Glossary.from_mapping({"mail": ["outlook"], "phone mail": ["outlook mobile"]})
    assert glossary.apply("outlook mobile and outlook") == "phone mail and mail"


def test_empty_glossary_returns_the_text_itself() -> None:
    """Without words a text is handed back unchanged, not copied."""
    text = "브이피엔이 안돼요"
    assert Glossary.from_mapping({}).apply(text) is text
    assert Glossary().apply(text) is text


def test_survives_json() -> None:
    """A glossary kept with a model is the same when it is read."""
    stored = GLOSSARY.to_json()
    assert Glossary.from_json(stored) == GLOSSARY
    assert json.loads(stored)["terms"]["VPN"][0] == "브이피엔"


def test_reads_toml(tmp_path: Path) -> None:
    """The file is a table of words with their variants; a single one needs no brackets."""
    path = tmp_path / "glossary.toml"
    path.write_text('[terms]\nVPN = ["브이피엔", "GlobalConnect"]\n"HanTalk" = "한톡"\n', encoding="utf-8")
    glossary = Glossary.from_toml(path)
    assert glossary.apply("한톡에 브이피엔 공지") == "HanTalk에 VPN 공지"
    assert glossary == Glossary.from_mapping({"VPN": ["브이피엔", "GlobalConnect"], "HanTalk": ["한톡"]})
    assert len({glossary, Glossary.from_toml(path)}) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[terms\n", "no valid TOML"),
        ("VPN = ['x']", r"needs a table \[terms\]"),
        ("[terms]\nVPN = 3", "'VPN' the value 3"),
        ("[terms]\nVPN = [3]", r"'VPN' the value \[3\]"),
        ("[terms]\nVPN = ['gc']\nWiki = ['GC']", "'GC' to two words, 'VPN' and 'Wiki'"),
        ("[terms]\nVPN = ['wiki']\nWiki = []", "'Wiki' to two words"),
        ("[terms]\nVPN = ['']", "empty word under 'VPN'"),
        ("[terms]\n'  ' = ['x']", "empty word"),
    ],
)
def test_refuses_what_is_no_glossary(tmp_path: Path, content: str, reason: str) -> None:
    """A broken file is refused in one sentence that says what is wrong."""
    path = tmp_path / "glossary.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecipeError, match=reason):
        Glossary.from_toml(path)


def test_refuses_missing_and_foreign_files(tmp_path: Path) -> None:
    """A missing file, one in another encoding and stored text that is no JSON are refused."""
    with pytest.raises(RecipeError, match="cannot be read"):
        Glossary.from_toml(tmp_path / "missing.toml")
    path = tmp_path / "korean.toml"
    path.write_bytes("[terms]\nVPN = ['브이피엔']".encode("cp949"))
    with pytest.raises(RecipeError, match="not in UTF-8"):
        Glossary.from_toml(path)
    with pytest.raises(RecipeError, match="no valid JSON"):
        Glossary.from_json("{")


@settings(max_examples=150)
@given(st.text(alphabet="aeglobcntV PN브이피엔한ERP을를 .-"))
def test_applying_twice_changes_nothing(text: str) -> None:
    """Words that stand in their canonical spelling stay."""
    applied = GLOSSARY.apply(text)
    assert GLOSSARY.apply(applied) == applied
