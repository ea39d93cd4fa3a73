"""The files of a bundle: plain formats, each under a checksum in the manifest; nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError

MANIFEST = "manifest.json"
FORMAT_VERSION = 1


class BundleWriter:
    """Collects files and writes them with a manifest that holds their checksums, the manifest last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checksums: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def write_json(self, name: str, value: object) -> None:
        """Write a JSON file."""
        self.write_bytes(f"{name}.json", json.dumps(value, ensure_ascii=False).encode())

    def write_arrays(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write arrays as one npz file."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
        self.write_bytes(f"{name}.npz", buffer.getvalue())

    def write_text(self, name: str, text: str) -> None:
        """Write a text file."""
        self.write_bytes(f"{name}.txt", text.encode())

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest: a folder without it is no bundle."""
        content = {"format_version": FORMAT_VERSION, **manifest, "files": self._checksums}
        content["checksum"] = _checksum_of_manifest(content)
        (self._folder / MANIFEST).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file as it is."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self._checksums[name] = hashlib.sha256(content).hexdigest()


class BundleReader:
    """Reads the files of a bundle in `folder` after checking each against the manifest."""

    def __init__(self, folder: Path, *, feature_version: int) -> None:
        """Check format, feature version and every checksum; raise BundleError naming what does not fit."""
        self.folder = folder
        self.manifest = _read_manifest(folder)
        _require("format", self.manifest.get("format_version"), FORMAT_VERSION)
        _require("feature", self.manifest.get("feature_version"), feature_version)
        if self.manifest.get("checksum") != _checksum_of_manifest(self.manifest):
            raise BundleError(
                f"The bundle's '{MANIFEST}' is not what was trained: its checksum differs. Download or train it again."
            )
        files = self.manifest.get("files")
        if not isinstance(files, dict) or not files:
            raise BundleError("The bundle's manifest lists no files: it is damaged. Train the model again.")
        self._contents = {str(name): self._checked(str(name), str(checksum)) for name, checksum in files.items()}

    def has(self, name: str) -> bool:
        """Tell whether the bundle holds a file."""
        return name in self._contents

    def read_json(self, name: str) -> Any:
        """Return the content of a JSON file."""
        return json.loads(self._content(f"{name}.json"))

    def read_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of an npz file."""
        try:
            with np.load(io.BytesIO(self._content(f"{name}.npz")), allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise BundleError(f"The bundle's file '{name}.npz' holds no plain arrays: {error}.") from None

    def read_text(self, name: str) -> str:
        """Return the content of a text file."""
        return self._content(f"{name}.txt").decode()

    def _content(self, name: str) -> bytes:
        if name not in self._contents:
            raise BundleError(f"The bundle lacks its file '{name}': it is damaged. Train the model again.")
        return self._contents[name]

    def _checked(self, name: str, checksum: str) -> bytes:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(f"The bundle's manifest names a file outside the bundle: '{name}'.")
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            raise BundleError(
                f"The bundle lacks its file '{name}': it is truncated. Download or train it again."
            ) from None
        if hashlib.sha256(content).hexdigest() != checksum:
            raise BundleError(
                f"The bundle's file '{name}' is not what was trained: its checksum differs. Download or train it again."
            )
        return content


def _checksum_of_manifest(manifest: Mapping[str, Any]) -> str:
    """Return the checksum of all that a manifest holds but its own checksum."""
    covered = {name: value for name, value in manifest.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(covered, ensure_ascii=False).encode()).hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError:
        raise BundleError(f"There is no bundle here: '{MANIFEST}' is missing.") from None
    except ValueError:
        raise BundleError(f"The bundle's '{MANIFEST}' is no valid JSON: it is truncated or damaged.") from None
    if not isinstance(manifest, dict):
        raise BundleError(f"The bundle's '{MANIFEST}' holds no object: it is damaged.")
    return manifest


def _require(what: str, found: object, expected: int) -> None:
    if found != expected:
        raise BundleError(
            f"The bundle has {what} version {found!r}; this release reads version {expected}. "
            "Train the model again with this release, or install the release that trained it."
        )
