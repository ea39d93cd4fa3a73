"""What a browser sent with a form. Reads bodies as browsers write them; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request

from serving.request_body import read_body
from serving.review.suggestions import Typed

MOST_BYTES = 256 * 1024
MOST_FIELDS = 3000
CSRF_FIELD = "csrf"
# Names of fields that hold an answer, before the target.
ANSWER, OTHER = "answer-", "other-"
_NOT_KEPT = (CSRF_FIELD, "password", "token")
_URLENCODED = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form in their order."""

    pairs: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def one(self, name: str) -> str:
        """Return a field's value, "" where it was not sent."""
        return next((value for key, value in self.pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for key, value in self.pairs if key == name]

    def kept(self) -> list[tuple[str, str]]:
        """Return what was typed: all fields but those that let it in."""
        return [(key, value) for key, value in self.pairs if key not in _NOT_KEPT]

    def by_name(self) -> Mapping[str, Sequence[str]]:
        """Return what was typed, by field."""
        return {key: self.all(key) for key, value in self.kept() if value}

    def typed(self) -> Typed:
        """Return what was chosen and written for each target."""
        return Typed(
            labels=self._after(ANSWER),
            others=self._after(OTHER),
            question=self.one("question") if self.all("question") else None,
            item_ids=frozenset(self.all("item")) if self.all("item") else None,
        )

    def _after(self, prefix: str) -> Mapping[str, str]:
        return {key.removeprefix(prefix): value.strip() for key, value in self.pairs if key.startswith(prefix)}


async def read_form(request: Request) -> Form:
    """Return the form that a request carries; whatever fails later finds it in `request.state.form`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind != _URLENCODED:
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body is '{kind[:60]}'. Send a form as {_URLENCODED}."
        )
    body = await read_body(request, max_bytes=MOST_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("ascii", "replace"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"The form has more than {MOST_FIELDS} fields.") from None
    form = Form(tuple((key, value.replace("\r\n", "\n").replace("\x00", "")) for key, value in pairs))
    request.state.form = form
    return form
