"""The raw bytes of a request's body, no more of them than are allowed."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """Return the body of a request; refuse one that is too large before all of it is read."""
    too_large = HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The body is larger than {max_bytes} bytes. Send less text or fewer tickets.",
    )
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > max_bytes:
        raise too_large
    chunks = bytearray()
    try:
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > max_bytes:
                raise too_large
    except ClientDisconnect:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The connection ended before the body did.") from None
    return bytes(chunks)
