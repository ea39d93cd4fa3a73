"""The folder of an encoder: what is written is read again, and what is broken is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.encoder import load_encoder
from features.encoder_settings import EncoderKind, EncoderSettings, Pooling, TextRole, read_settings
from features.errors import EncoderError

SETTINGS = EncoderSettings(
    kind=EncoderKind.ONNX,
    name="example/encoder",
    dimensions=3,
    most_tokens=16,
    pooling=Pooling.FIRST,
    prefixes={"query": "질문: "},
    centre=(0.25, -0.5, 0.125),
)


def test_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Nothing of the settings is lost on the way through the file."""
    SETTINGS.write(tmp_path)
    assert read_settings(tmp_path) == SETTINGS


def test_a_text_is_marked_with_the_prefix_of_its_role() -> None:
    """A query gets the prefix of queries; a role without a prefix leaves the text alone."""
    assert SETTINGS.marked("엑셀이 안 열려요", TextRole.QUERY) == "질문: 엑셀이 안 열려요"
    assert SETTINGS.marked("엑셀이 안 열려요", TextRole.PASSAGE) == "엑셀이 안 열려요"


def test_what_no_token_can_reach_is_not_read() -> None:
    """A text far longer than the tokens allowed is cut before it is tokenised."""
    assert len(SETTINGS.marked("가" * 100_000, TextRole.PASSAGE)) == 16 * SETTINGS.most_tokens


def _changed(**changes: Any) -> str:
    content = {
        "format_version": 1,
        "kind": "onnx",
        "name": "n",
        "dimensions": 3,
        "most_tokens": 16,
        "pooling": "mean",
        "prefixes": {},
        "centre": [],
    }
    return json.dumps({name: value for name, value in {**content, **changes}.items() if value is not None})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no valid JSON"),
        ("[]", "holds no object"),
        (_changed(format_version=9), "format version 9; this release reads 1"),
        (_changed(dimensions=None), "lacks 'dimensions'"),
        (_changed(kind="torch"), "'torch' is not a valid EncoderKind"),
        (_changed(pooling="max"), "'max' is not a valid Pooling"),
        (_changed(prefixes={"answer": ""}), "'answer' is not a valid TextRole"),
        (_changed(prefixes=[]), "cannot be used"),
        (_changed(dimensions="many"), "cannot be used"),
        (_changed(dimensions=0), "'dimensions' is 0; expected 1 or more"),
        (_changed(most_tokens=-1), "'most_tokens' is -1; expected 1 or more"),
        (_changed(centre=[1.0]), "'centre' has 1 values; expected 3"),
        (_changed(), "lacks its file 'model.onnx'"),
        (_changed(kind="static"), "lacks its file 'tokenizer.json'"),
    ],
)
def test_a_broken_folder_is_refused_with_the_reason(tmp_path: Path, content: str, said: str) -> None:
    """The file and the value that cannot be used are named."""
    (tmp_path / "encoder.json").write_text(content, encoding="utf-8")
    with pytest.raises(EncoderError, match=said):
        load_encoder(tmp_path)


@given(
    st.dictionaries(st.text(max_size=12) | st.sampled_from(sorted(json.loads(_changed()))), st.none() | st.integers())
)
def test_no_content_ends_in_another_error(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    """Whatever a settings file holds, it is refused with an error that a person can act on."""
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "encoder.json").write_text(json.dumps({"format_version": 1, **content}), encoding="utf-8")
    with pytest.raises(EncoderError):
        load_encoder(folder)


def test_a_folder_without_settings_is_no_encoder(tmp_path: Path) -> None:
    """An empty folder is refused as such."""
    with pytest.raises(EncoderError, match=r"no encoder here: 'encoder\.json' is missing"):
        load_encoder(tmp_path)


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    """A file that holds something else is named."""
    pytest.importorskip("tokenizers")
    (tmp_path / "encoder.json").write_text(_changed(), encoding="utf-8")
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(EncoderError, match=r"'tokenizer\.json' cannot be read"):
        load_encoder(tmp_path)
