"""Model versions on this disk: whole or not at all, and known by where they came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from serving.local_models import KEEP_VERSIONS, LocalModels


def fetched(words: str) -> Callable[[Path], Path]:
    def fetch(into: Path) -> Path:
        (into / "deep" / "bundle").mkdir(parents=True)
        (into / "deep" / "bundle" / "manifest.json").write_text(words, encoding="utf-8")
        return into / "deep" / "bundle"

    return fetch


def read(folder: Path | None) -> str:
    assert folder is not None
    return (folder / "manifest.json").read_text(encoding="utf-8")


@pytest.fixture
def local(tmp_path: Path) -> LocalModels:
    return LocalModels(tmp_path / "models")


def test_a_version_is_found_where_it_was_added(local: LocalModels) -> None:
    """What was fetched lies in the version's folder, and nothing else does."""
    added = local.add("m", version="1", origin="run-a", fetch=fetched("first"))
    assert local.find("m", version="1") == added == local.find("m", version="1", origin="run-a")
    assert read(added) == "first"
    assert local.origin("m", version="1") == "run-a"
    assert local.find("m", version="2") is None


def test_the_same_number_of_another_registry_is_another_version(local: LocalModels) -> None:
    """After the registry was made anew its version 1 is not taken for the old one."""
    local.add("m", version="1", origin="run-a", fetch=fetched("old"))
    assert local.find("m", version="1", origin="run-b") is None
    assert read(local.add("m", version="1", origin="run-b", fetch=fetched("new"))) == "new"


def test_a_fetch_that_fails_leaves_nothing(local: LocalModels, tmp_path: Path) -> None:
    """A download cut off midway is not found later."""

    def fetch(into: Path) -> Path:
        (into / "manifest.json").write_text("half", encoding="utf-8")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        local.add("m", version="1", origin="run-a", fetch=fetch)
    assert local.find("m", version="1") is None
    assert list((tmp_path / "models" / "m").iterdir()) == []


def test_two_processes_that_fetch_at_once_both_get_a_whole_version(local: LocalModels) -> None:
    """While one fetches, another puts the same version in place: the first to finish stays."""

    def fetch(into: Path) -> Path:
        local.add("m", version="1", origin="run-a", fetch=fetched("theirs"))
        return fetched("ours")(into)

    assert read(local.add("m", version="1", origin="run-a", fetch=fetch)) == "theirs"


def test_the_last_good_version_is_remembered_while_it_lies_here(local: LocalModels) -> None:
    """A restart knows which version loaded well, unless that was removed since."""
    assert local.last_good("m") is None
    local.add("m", version="1", origin="run-a", fetch=fetched("first"))
    local.remember_good("m", version="1")
    assert local.last_good("m") == "1"
    local.discard("m", version="1")
    assert local.last_good("m") is None


def test_old_versions_are_removed(local: LocalModels) -> None:
    """A few versions stay, the one in use among them however old it is."""
    for number in range(6):
        local.add("m", version=str(number), origin="run-a", fetch=fetched(str(number)))
    local.remember_good("m", version="0")
    kept = [number for number in range(6) if local.find("m", version=str(number))]
    assert len(kept) <= KEEP_VERSIONS + 1
    assert {0, 5} <= set(kept)
