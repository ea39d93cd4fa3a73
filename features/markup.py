"""HTML out of a text: tags, hidden contents and entities, while `a < b` and `List<String>` stay.

Knows nothing of mail or logs.
"""

from __future__ import annotations

import html
import re

_MOST_PASSES = 5

# What a browser would not show. Without its end it is taken for words about a tag, and only the tag goes.
_HIDDEN = re.compile(r"<(style|script|head|title)\b[^<>]*>.*?(?P<end></\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<!\[[^\]<>]*\]-{0,2}>|<!doctype\b[^<>]*>", re.IGNORECASE | re.DOTALL)
_INLINE_IMAGE = re.compile(r"data:[\w/+.-]{1,60};base64,[A-Za-z0-9+/=]*+")

_ATTRIBUTES = r"(?:\s[^<>]*|/)?"
_LINE_TAG = re.compile(
    rf"</?(?:br|div|li|tr|ul|ol|dl|dt|dd|h[1-6]|table|thead|tbody|tfoot|blockquote|hr|pre|section|article|header"
    rf"|footer|main|nav|aside|address|form|fieldset|figure|figcaption|center|body|html){_ATTRIBUTES}>",
    re.IGNORECASE,
)
_CELL_TAG = re.compile(rf"</?(?:td|th){_ATTRIBUTES}>", re.IGNORECASE)
_WORD_TAG = re.compile(
    rf"</?(?:span|font|strong|em|small|big|sub|sup|img|code|tt|kbd|samp|ins|del|strike|mark|abbr|cite|label|button|input"
    rf"|select|option|textarea|iframe|object|param|embed|video|audio|source|canvas|svg|path|caption|colgroup|col"
    rf"|meta|link|base|style|script|head|title|noscript|wbr|area|map|details|summary|[ovw]:[a-z]+|st1:[a-z]+)"
    rf"{_ATTRIBUTES}>",
    re.IGNORECASE,
)
# Names of one letter are also comparisons and type parameters: they are tags where one of them is closed.
_CLOSED_LETTER = re.compile(r"</[abipqsu]\s*>", re.IGNORECASE)
_PARAGRAPH = re.compile(r"</?p(?:\s+[a-z-]+\s?=[^<>]*|\s*/)?>", re.IGNORECASE)
_LETTER = re.compile(r"</?[abiqsu](?:\s+[a-z-]+\s?=[^<>]*|\s*/)?>", re.IGNORECASE)

# Entities end in a semicolon here: in a web address `&copy=1` is a parameter.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_ESCAPED_AGAIN = re.compile(r"&(?:amp;)++")


def remove_markup(text: str) -> str:
    """Return the text as a browser would show it, block by block on lines of their own."""
    for _ in range(_MOST_PASSES):
        plain = _removed_once(text)
        if plain == text:
            return text
        text = plain
    # Only a text built to do so keeps turning into new tags.
    return text.replace("<", " ").replace("&", " ")


def _removed_once(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), _ESCAPED_AGAIN.sub("&", text))
    if ";base64," in text:
        text = _INLINE_IMAGE.sub("", text)
    if "<" not in text or ">" not in text:
        return text
    text = _COMMENT.sub(lambda match: "" if match.group().endswith(">") else match.group(), text)
    text = _HIDDEN.sub(lambda match: "\n" if match["end"] else match.group(), text)
    text = _LINE_TAG.sub("\n", text)
    text = _WORD_TAG.sub("", _CELL_TAG.sub(" ", text))
    if _CLOSED_LETTER.search(text):
        text = _LETTER.sub("", _PARAGRAPH.sub("\n", text))
    return text
