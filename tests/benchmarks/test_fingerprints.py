"""What a cell depends on is told by its fingerprints, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from head_to_head.fingerprints import code_fingerprint, encoder_fingerprint, fingerprint_of, folder_fingerprint

_MODULE = '''"""Counts."""
from shop.tills import till


def count(letters):
    """Return how many."""
    # A comment.
    return len(letters) + till()
'''


def _shop(folder: Path, *, counts: str = _MODULE, tills: str = "def till():\n    return 1\n") -> str:
    package = folder / "shop"
    package.mkdir(parents=True)
    (package / "counts.py").write_text(counts, encoding="utf-8")
    (package / "tills.py").write_text(tills, encoding="utf-8")
    (package / "unused.py").write_text(f"# {folder.name}\n", encoding="utf-8")
    return code_fingerprint("shop.counts", homes=(("shop", folder),))


def test_comments_and_docstrings_leave_the_code_as_it_is(tmp_path: Path) -> None:
    """Other comments, docstrings, layout and modules that are not imported give the same fingerprint."""
    mended = _MODULE.replace("how many", "the number of letters").replace("# A comment.", "# Another one, longer.\n")
    assert mended != _MODULE
    assert _shop(tmp_path / "a") == _shop(tmp_path / "b", counts=mended)


@pytest.mark.parametrize(
    "change",
    [{"counts": _MODULE.replace("len(letters)", "len(set(letters))")}, {"tills": "def till():\n    return 2\n"}],
)
def test_other_code_is_another_fingerprint(tmp_path: Path, change: dict[str, str]) -> None:
    """A change in the module, or in one that it imports, is a change."""
    assert _shop(tmp_path / "a") != _shop(tmp_path / "b", **change)


def test_the_product_s_own_path_is_reached() -> None:
    """Our cells depend on the product's training, the rivals' do not."""
    from head_to_head.fingerprints import HOMES, _reached

    ours, rival = (set(_reached(f"head_to_head.{name}", dict(HOMES))) for name in ("ours", "rivals.linear_svc"))
    assert {"training.fit", "features.bundle", "head_to_head.ticket_sets"} <= ours
    assert not any(name.startswith(("training", "features")) for name in rival)


def test_parts_are_told_apart() -> None:
    """Where one part ends and the next begins counts."""
    assert fingerprint_of("ab", "c") != fingerprint_of("a", "bc")


def test_a_folder_is_known_by_its_content(tmp_path: Path) -> None:
    """Equal files elsewhere are the same encoder, other bytes another one; a name of the hub stands for itself."""
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(content)
    first, same, other = (folder_fingerprint(tmp_path / name) for name in "abc")
    assert first == same
    assert first != other
    assert encoder_fingerprint(str(tmp_path / "a")) == first
    assert encoder_fingerprint("someone/small-encoder") == "someone/small-encoder"
    assert encoder_fingerprint("") == ""
