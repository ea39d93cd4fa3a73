"""Atlassian's documents as text: what Jira's REST API gives instead of it. Knows no issue."""

from __future__ import annotations

from collections.abc import Iterator

from serving.helpdesks.payload_values import as_table, as_tables, as_text

_INLINE = frozenset({"text", "mention", "emoji", "status", "inlineCard", "date", "hardBreak"})
# Deeper than people nest lists in tables; a document beyond it was made to break us.
_DEEPEST = 60


def text_of_document(document: object) -> str:
    """Return the text of a document, a line for each block; plain text, as older interfaces give it, as it is."""
    if isinstance(document, str):
        return as_text(document)
    lines = "".join(_pieces(document, depth=0)).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def links_of_document(document: object) -> Iterator[str]:
    """Yield the addresses that a document links to under other words, which its text does not show."""
    yield from _links(document, depth=0)


def _links(node: object, *, depth: int) -> Iterator[str]:
    table = as_table(node)
    for mark in as_tables(table.get("marks")):
        if href := as_text(as_table(mark.get("attrs")).get("href")):
            yield href
    if depth < _DEEPEST:
        for one in as_tables(table.get("content")):
            yield from _links(one, depth=depth + 1)


def _pieces(node: object, *, depth: int) -> Iterator[str]:
    table = as_table(node)
    kind = as_text(table.get("type"))
    if kind in _INLINE:
        yield _inline(table, kind=kind)
        return
    if kind in ("blockCard", "embedCard"):
        yield as_text(as_table(table.get("attrs")).get("url")) + "\n"
        return
    content = table.get("content")
    if depth >= _DEEPEST or not isinstance(content, list):
        return
    text = "".join(piece for one in content for piece in _pieces(one, depth=depth + 1))
    yield text if text.endswith("\n") or not text else text + "\n"


def _inline(node: object, *, kind: str) -> str:
    table = as_table(node)
    attributes = as_table(table.get("attrs"))
    if kind == "hardBreak":
        return "\n"
    if kind == "inlineCard":
        return as_text(attributes.get("url"))
    if kind == "text":
        return as_text(table.get("text"))
    return as_text(attributes.get("text")) or as_text(attributes.get("shortName"))
