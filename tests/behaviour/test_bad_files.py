"""Bad files and options, one a row: each is refused in a clear sentence and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import triage
from tests.clear_refusals import assert_is_clear


def _rows(count: int = 60, **columns: Callable[[int], object]) -> list[dict[str, object]]:
    """Return tickets of two categories, with columns by the ticket's number."""
    words = ("vpn tunnel", "paper jam")
    basic: dict[str, Callable[[int], object]] = {
        "id": lambda number: f"HD-{number}",
        "subject": lambda number: f"{words[number % 2]} on floor {number}",
        "body": lambda number: f"the {words[number % 2]} came back, desk {number * 7}",
        "category": lambda number: ("network", "printer")[number % 2],
    }
    return [{name: value(number) for name, value in (basic | columns).items()} for number in range(count)]


def _jsonl(rows: list[dict[str, object]]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


GOOD = _jsonl(_rows())


GLOSSARY_TWICE = '[terms]\nVPN = ["브이피엔"]\nTunnel = ["브이피엔"]'.encode()


@dataclass(frozen=True, slots=True)
class BadFile:
    """What is wrong, the options of `triage train` and the files that they name, and what has to be said."""

    what: str
    options: str
    message: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def _history(what: str, name: str, content: bytes, message: str, *, options: str = "") -> BadFile:
    return BadFile(what, f"--history {name} {options}", message, {name: content})


def _option(what: str, options: str, message: str, **files: bytes) -> BadFile:
    named = {f"{stem}.toml": content for stem, content in files.items()}
    return BadFile(what, f"--history good.jsonl {options}", message, {"good.jsonl": GOOD, **named})


FILES = [
    BadFile("nothing to learn from", "", "There is nothing to learn from: give --history FILE, --articles FILE"),
    BadFile("no such file", "--history gone.csv", r"The file 'gone\.csv' does not exist"),
    BadFile("a folder", "--history .", r"'\.' is a folder\. Name the file in it"),
    _history("an empty file", "a.csv", b"", r"'a\.csv' cannot be used: it is empty"),
    _history("a header alone", "a.csv", b"id,body,category\n", r"'a\.csv' holds a header and no rows"),
    _history("an unknown ending", "a.pages", b"x", r"unknown ending '\.pages'\. Known are \.csv, \.tsv"),
    _history("a broken gzip", "a.csv.gz", b"id,body\n1,a\n", "it is no gzip file, or was cut off"),
    _history("a gzip that was cut off", "a.jsonl.gz", gzip.compress(GOOD)[:-20], "it is no gzip file, or was cut off"),
    _history("a broken JSON line", "a.jsonl", GOOD + b'\n{"id": 2', "line 61 is no valid JSON"),
    _history("a picture", "a.csv", bytes(range(1, 256)) * 9, "it is no text in a known encoding"),
    _history(
        "no column of text", "a.csv", b"nr,words\n1,vpn\n", "No column holds the body or the subject. State it with"
    ),
    _history(
        "no labels", "a.jsonl", _jsonl(_rows(category=lambda _: "")), "No target can be trained.* --map category=COLUMN"
    ),
    _history(
        "ids given to different texts",
        "a.jsonl",
        _jsonl(_rows(id=lambda number: f"HD-{number // 2}")),
        "30 of the 60 rows .* 'HD-0' is the id of an earlier row with another text.* --drop-invalid",
    ),
    _history(
        "dates that cannot be",
        "a.jsonl",
        _jsonl(_rows(created_at=lambda number: "2026-02-30" if number == 3 else "2026-02-03")),
        "line 4, column 'created_at': '2026-02-30' is no date.* --drop-invalid",
    ),
    _history(
        "dates that are yet to come",
        "a.jsonl",
        _jsonl(_rows(created_at=lambda number: f"{2026 + 70 * (number % 2)}-02-03")),
        "line 2, column 'created_at': '2096-02-03' lies in the future",
    ),
    _history(
        "empty bodies",
        "a.jsonl",
        _jsonl(_rows(subject=lambda _: "", body=lambda _: " ")),
        "is empty, and so is the subject",
    ),
    _history(
        "one label only", "a.jsonl", _jsonl(_rows(category=lambda _: "vpn")), "its tickets have a single label, 'vpn'"
    ),
    _history("too few tickets", "a.jsonl", _jsonl(_rows(6)), "none of its 2 labels has 10 tickets"),
    _history(
        "a scale that cannot be told",
        "a.jsonl",
        _jsonl(_rows(priority=lambda number: ("soon", "whenever")[number % 2])),
        "The order of the labels of 'priority' cannot be told: soon, whenever.*--order priority=soon,whenever",
    ),
    _option(
        "a mapped column that is not there", "--map body=Descripton", "no column 'Descripton'. Its columns are: id"
    ),
    _option("a field that is not known", "--map bdy=body", "Unknown field 'bdy'. The fields are: id, subject"),
    _option("a mapping that is none", "--map body", "'body' is no mapping. Write FIELD=COLUMN"),
    _option("a saved mapping that is not there", "--mapping gone.toml", "mapping file 'gone.toml' does not exist"),
    _option("a saved mapping that is a folder", "--mapping .", "The mapping file '.' cannot be read"),
    _option("a place where no mapping can be saved", "--save-mapping gone/a.toml", "'gone/a.toml' cannot be written"),
    _option(
        "an unknown target in --default", "--default prioriy=3", "Unknown target 'prioriy'. The targets are: category"
    ),
    _option("a default without a value", "--default priority", "'priority' names no default. Write TARGET=VALUE"),
    _option("an unknown target in --only", "--only prioriy:type=3", "Unknown target 'prioriy'"),
    _option("a restriction that is none", "--only priority", "'priority' is no restriction. Write TARGET:COLUMN=VALUE"),
    _option("an unknown target in --order", "--order prioriy=a,b", "Unknown target 'prioriy'"),
    _option("an order that is none", "--order priority", "'priority' states no order. Write TARGET=A,B,C"),
    _option("an order of names", "--order category=network,printer", "'category' is no scale"),
    _option("a split column that is not there", "--split-column part", "no column 'part'. Its columns are: id"),
    _option("a split column of other words", "--split-column category", "'network' names no part of a split"),
    _option("an unknown recipe", "--recipe slow", "No recipe 'slow': it is neither a file nor one of balanced, best"),
    _option("a broken recipe", "--recipe r.toml", r"The recipe 'r\.toml' is no valid TOML", r=b"[boosted"),
    _option("an unknown key in a recipe", "--recipe r.toml", "Unknown key 'round' in the recipe", r=b"round = 1"),
    _option("a value of another type", "--recipe r.toml", "'name' in the recipe is 3; expected", r=b"name = 3"),
    _option("shares that leave nothing", "--recipe r.toml", "expected less than 1", r=b"[split]\ntest_share = 0.9"),
    _option("a recipe in another encoding", "--recipe r.toml", "is not in UTF-8", r=b'name = "\xb0\xa1"'),
    _option(
        "a pattern that is none",
        "--recipe r.toml",
        r"site pattern '\[' is no regular expression",
        r=b"site_patterns=['[']",
    ),
    _option("a broken glossary", "--glossary g.toml", r"The glossary 'g\.toml' is no valid TOML", g=b"[terms"),
    _option("a word with two meanings", "--glossary g.toml", "gives '브이피엔' to two words", g=GLOSSARY_TWICE),
    _option("a folder that exists", "--output .", "'.' exists already. Name a new folder with --output"),
    _option("a folder that cannot be made", "--output good.jsonl/bundle", "folder of .* does not exist|cannot be made"),
    _option(
        "a report that cannot be written", "--report gone/r.csv --map id=category", r"The report 'gone/r\.csv' cannot"
    ),
    BadFile(
        "articles without titles", "--articles a.csv", "No column holds the title", {"a.csv": b"id,body\n1,steps\n"}
    ),
    BadFile("articles that are no file", "--articles gone.csv", r"The file 'gone\.csv' does not exist"),
]


@pytest.mark.parametrize("bad", FILES, ids=lambda bad: bad.what)
def test_a_bad_file_or_option_is_refused(
    bad: BadFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`triage train` says what is wrong in one sentence and ends with status 2; not half a file is left."""
    for name, content in bad.files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIAGE_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    arguments = ["triage", "train", "--json", *bad.options.split()]
    if "--output" not in bad.options:
        arguments += ["--output", "bundle"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        triage.main()
    shown = capsys.readouterr()
    assert ended.value.code == 2, shown.err
    assert shown.out == ""
    program, _, said = shown.err.strip().splitlines()[-1].partition(": ")
    assert program == "triage"
    assert_is_clear(said, expected=bad.message)
    assert {path.name for path in tmp_path.iterdir()} == set(bad.files)


def test_the_table_is_long_enough() -> None:
    """The table names at least 25 different bad files and options."""
    assert len({bad.what for bad in FILES}) == len(FILES) >= 25
