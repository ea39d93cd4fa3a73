"""The files of a bundle: written with the manifest last, and refused where a single bit differs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from features.bundle_files import FORMAT_VERSION, MANIFEST, BundleReader, BundleWriter
from features.errors import BundleError

FEATURE_VERSION = 4
ReplaceFile: TypeAlias = Callable[[Path, str, bytes], None]


def _write(folder: Path) -> Path:
    writer = BundleWriter(folder)
    writer.write_json("words", {"vpn": [1, 2.5, None], "메일": True})
    writer.write_arrays("targets/kind", {"weights": np.eye(3, dtype=np.float32), "names": np.array(["a", "가"])})
    writer.write_text("glossary", "브이피엔 = VPN\n")
    writer.write_manifest({"feature_version": FEATURE_VERSION, "seed": 7, "metrics": {"kind": {"accuracy": 0.1 + 0.2}}})
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a small bundle."""
    return _write(tmp_path / "bundle")


def _read(folder: Path) -> BundleReader:
    return BundleReader(folder, feature_version=FEATURE_VERSION)


def test_what_is_written_is_read(folder: Path) -> None:
    """JSON, arrays and texts come back as they were, and the manifest's values too."""
    reader = _read(folder)
    assert reader.read_json("words") == {"vpn": [1, 2.5, None], "메일": True}
    arrays = reader.read_arrays("targets/kind")
    assert arrays["weights"].dtype == np.float32
    assert arrays["weights"].tolist() == np.eye(3).tolist()
    assert arrays["names"].tolist() == ["a", "가"]
    assert reader.read_text("glossary") == "브이피엔 = VPN\n"
    assert reader.manifest["metrics"] == {"kind": {"accuracy": 0.1 + 0.2}}
    assert reader.has("glossary.txt")
    assert not reader.has("other.txt")


def test_a_file_that_is_not_listed_is_not_read(folder: Path) -> None:
    """Only what stands in the manifest belongs to the bundle."""
    (folder / "extra.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=r"lacks its file 'extra\.json'"):
        _read(folder).read_json("extra")


def test_files_changed_after_the_check_do_not_matter(folder: Path) -> None:
    """What was checked is what is read: the files are looked at once."""
    reader = _read(folder)
    (folder / "glossary.txt").write_text("something else", encoding="utf-8")
    assert reader.read_text("glossary") == "브이피엔 = VPN\n"


def test_a_folder_without_its_manifest_is_no_bundle(tmp_path: Path) -> None:
    """A writer that was stopped leaves no bundle, since the manifest comes last."""
    writer = BundleWriter(tmp_path)
    writer.write_text("glossary", "")
    with pytest.raises(BundleError, match=r"'manifest\.json' is missing"):
        _read(tmp_path)
    with pytest.raises(BundleError, match=r"'manifest\.json' is missing"):
        _read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"format_version": FORMAT_VERSION + 1},
            f"has format version {FORMAT_VERSION + 1}; this release reads version {FORMAT_VERSION}",
        ),
        ({"format_version": None}, "has format version None; this release reads version"),
        ({"feature_version": 3}, "has feature version 3; this release reads version 4"),
        ({"files": {}}, "lists no files"),
        ({"files": ["glossary.txt"]}, "lists no files"),
        ({"files": {"../secret.txt": "0"}}, r"names a file outside the bundle: '\.\./secret\.txt'"),
        ({"files": {"a/../../secret.txt": "0"}}, "names a file outside the bundle"),
        ({"files": {"/etc/hostname": "0"}}, "names a file outside the bundle: '/etc/hostname'"),
        ({"files": {"gone.txt": "0"}}, r"lacks its file 'gone\.txt': it is truncated"),
        ({"files": {".": "0"}}, r"lacks its file '\.'"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    folder: Path, rewrite_manifest: Callable[[Path, Mapping[str, Any]], None], change: dict[str, Any], message: str
) -> None:
    """Another version, and files that are outside or not there, are refused by name."""
    rewrite_manifest(folder, change)
    with pytest.raises(BundleError, match=message):
        _read(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"format_version": 1'])
def test_a_manifest_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    """A manifest that holds no object is refused by its name."""
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        _read(folder)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_one_flipped_bit_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A bundle in which one bit of any file differs is refused, the manifest included."""
    folder = _write(tmp_path_factory.mktemp("flipped"))
    path = data.draw(st.sampled_from(sorted(path for path in folder.rglob("*") if path.is_file())))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    if path.name == MANIFEST:  # a number may be written in two ways, as in 1e-7 and 1E-7
        assume(not _same_json(path.read_bytes(), bytes(content)))
    path.write_bytes(bytes(content))
    with pytest.raises(BundleError) as refusal:
        _read(folder)
    if path.name != MANIFEST:
        assert f"'{path.relative_to(folder).as_posix()}'" in str(refusal.value)


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


# --- arrays -----------------------------------------------------------------------------------------------------------


class _Touch:
    """An object that leaves a trace where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._path,)


def test_nothing_is_unpickled(folder: Path, tmp_path: Path, replace_file: ReplaceFile) -> None:
    """An array of objects is refused by its file's name, and what is pickled in it is not run."""
    trace = tmp_path / "unpickled"
    objects = np.empty(1, dtype=object)
    objects[0] = _Touch(trace)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, weights=objects)
    with np.load(io.BytesIO(buffer.getvalue()), allow_pickle=True) as stored:
        _ = stored["weights"]
    assert trace.exists()
    trace.unlink()
    replace_file(folder, "targets/kind.npz", buffer.getvalue())
    with pytest.raises(BundleError, match=r"'targets/kind\.npz' holds no plain arrays"):
        _read(folder).read_arrays("targets/kind")
    assert not trace.exists()


def test_an_array_of_objects_is_not_written(tmp_path: Path) -> None:
    """A part that would need pickling cannot be saved."""
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        BundleWriter(tmp_path).write_arrays("weights", {"weights": np.array([{}, {}])})


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_broken_arrays_are_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, replace_file: ReplaceFile, data: st.DataObject
) -> None:
    """Arrays that are damaged under a manifest that fits them are refused too, whatever the damage."""
    folder = _write(tmp_path_factory.mktemp("broken"))
    content = bytearray((folder / "targets/kind.npz").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    replace_file(folder, "targets/kind.npz", bytes(content[: data.draw(st.integers(0, len(content)))]))
    reader = _read(folder)
    try:
        reader.read_arrays("targets/kind")
    except BundleError as error:
        assert "'targets/kind.npz' holds no plain arrays" in str(error)  # noqa: PT017 - damage may be harmless
