"""The model versions kept on this disk, so that a restart needs neither a download nor a registry that answers.

Knows folders and names; neither the registry nor what lies in a bundle.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

KEEP_VERSIONS = 3
_LAST_GOOD = "last_good"
_INCOMING = ".incoming-"
_ORIGIN = "origin"
_BUNDLE = "bundle"


class LocalModels:
    """Folders `<model>/<version>/bundle`, each put in place whole or not at all.

    Beside a bundle lies its origin, since another registry counts its versions from 1 as well.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str, *, version: str, origin: str | None = None) -> Path | None:
        """Return the bundle's folder of a version that lies here, of that origin where one is given."""
        folder = self._folder / name / version
        if origin is not None and _read_line(folder / _ORIGIN) != origin:
            return None
        return folder / _BUNDLE if (folder / _BUNDLE).is_dir() else None

    def origin(self, name: str, *, version: str) -> str:
        """Return which registry's version it is, as told when it was put in place."""
        return _read_line(self._folder / name / version / _ORIGIN) or ""

    def add(self, name: str, *, version: str, origin: str, fetch: Callable[[Path], Path]) -> Path:
        """Put a version in place: `fetch` fills an empty folder and returns the bundle's folder within it.

        Another process may do the same at once: the first to finish wins, and both get its folder.
        """
        parent = self._folder / name
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_INCOMING, dir=parent, ignore_cleanup_errors=True) as incoming:
            whole = Path(incoming) / "whole"
            whole.mkdir()
            download = Path(incoming) / "download"
            download.mkdir()
            fetch(download).rename(whole / _BUNDLE)
            (whole / _ORIGIN).write_text(origin, encoding="utf-8")
            if self.find(name, version=version, origin=origin) is None:
                self.discard(name, version=version)
                whole.rename(parent / version)
        return parent / version / _BUNDLE

    def discard(self, name: str, *, version: str) -> None:
        """Remove a version."""
        shutil.rmtree(self._folder / name / version, ignore_errors=True)

    def last_good(self, name: str) -> str | None:
        """Return the version that last loaded well, where it still lies here."""
        version = _read_line(self._folder / name / _LAST_GOOD)
        return version if version and self.find(name, version=version) else None

    def remember_good(self, name: str, *, version: str) -> None:
        """Note that a version loaded well, and remove all but the newest few."""
        marker = self._folder / name / _LAST_GOOD
        written = marker.with_suffix(".new")
        written.write_text(version, encoding="utf-8")
        written.replace(marker)
        self._prune(name, keep=version)

    def _prune(self, name: str, *, keep: str) -> None:
        folders = [entry for entry in (self._folder / name).iterdir() if (entry / _BUNDLE).is_dir()]
        newest_first = sorted(folders, key=lambda entry: entry.stat().st_mtime, reverse=True)
        for old in newest_first[KEEP_VERSIONS:]:
            if old.name != keep:
                shutil.rmtree(old, ignore_errors=True)


def _read_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
