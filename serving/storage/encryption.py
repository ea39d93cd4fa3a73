"""Encryption at rest of what tickets say. Knows no table, and not where the keys come from."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from features.errors import SettingsError, StorageError
from serving.storage.column_types import storable_json

# No JSON begins with it, so what was kept before there was a key is still read.
_ENCRYPTED = "fernet:"


class Cipher:
    """Turns plain JSON into text to be kept, and back; without a key the text is the JSON. Make one by `from_keys`."""

    def __init__(self, fernet: MultiFernet | None) -> None:
        self._fernet = fernet

    @classmethod
    def from_keys(cls, keys: tuple[str, ...]) -> Cipher:
        """Return a cipher that encrypts with the first key and reads what any of them encrypted.

        Raises SettingsError for what is no key.
        """
        if not keys:
            return PLAIN
        try:
            return cls(MultiFernet([Fernet(key) for key in keys]))
        except ValueError:
            # The key is not shown.
            raise SettingsError(
                "An encryption key cannot be used. Expected 32 random bytes in URL-safe base64 (44 characters ending "
                'in "="). Make one with: python -c "import base64, os; '
                'print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
            ) from None

    def seal(self, value: object) -> str:
        """Return a JSON value as text to be kept; raise StorageError for one that is not plain, finite JSON."""
        try:
            written = storable_json(value)
        except (TypeError, ValueError) as error:
            raise StorageError(f"A ticket's text cannot be kept, because it is no plain JSON: {error}") from error
        if self._fernet is None:
            return written
        return _ENCRYPTED + self._fernet.encrypt(written.encode()).decode()

    def unseal(self, kept: str) -> Any:
        """Return the value of a text that was kept; raise StorageError where no key here opens it."""
        if not kept.startswith(_ENCRYPTED):
            return json.loads(kept)
        if self._fernet is None:
            raise StorageError("A ticket's text is encrypted and there is no key. Give the key it was kept with.")
        try:
            return json.loads(self._fernet.decrypt(kept.removeprefix(_ENCRYPTED)))
        except InvalidToken:
            raise StorageError(
                "A ticket's text was encrypted with another key. Give that key too, after the newest one."
            ) from None


PLAIN = Cipher(None)
