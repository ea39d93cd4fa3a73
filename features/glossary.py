"""A site's own words: abbreviations, renamed systems and product names, each brought to one spelling.

Applied to texts before they become features or queries, so that a renamed system needs no retraining.
Knows nothing of what the words mean.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from features.errors import RecipeError

# What may follow a Korean word and still leave it the same word.
_PARTICLES = """
이 가 을 를 은 는 에 의 로 와 과 도 만 랑 나 라 이나 이라 이랑 으로 에서 에는 에도 에만 에서는 에서도 으로는 로는
으로도 로도 까지 부터 마다 처럼 보다 조차 밖에 하고 이고 고 이며 께 한테 에게 라고 이라고 라는 이라는 란 이란 인 인데
입니다 이에요 예요 임 용 쪽 들 들이 들은 이요 요
"""
_HANGUL = "\uac00-\ud7a3"
_AFTER_HANGUL = (
    rf"(?=(?:{'|'.join(sorted(_PARTICLES.split(), key=len, reverse=True))})?(?![{_HANGUL}]))(?![A-Za-z0-9_])"
)
_AFTER_LATIN = r"(?![A-Za-z0-9_])"
_BEFORE_HANGUL = rf"(?<![{_HANGUL}A-Za-z0-9_])"
_BEFORE_LATIN = r"(?<![A-Za-z0-9_])"


class Glossary:
    """The canonical words of a site and, for each, the other spellings and former names that stand for it."""

    def __init__(self, terms: Mapping[str, Sequence[str]] | None = None) -> None:
        self.terms: dict[str, tuple[str, ...]] = {
            canonical: tuple(variants) for canonical, variants in (terms or {}).items()
        }
        self._canonical_of = _canonical_of(self.terms)
        self._pattern = _pattern(self._canonical_of)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glossary) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(tuple(self.terms.items()))

    def __repr__(self) -> str:
        return f"Glossary({self.terms!r})"

    @classmethod
    def from_mapping(cls, terms: Mapping[str, Sequence[str]]) -> Glossary:
        """Return the glossary of a mapping from canonical words to their variants.

        Raises RecipeError for an empty word, and for a variant that stands for two words.
        """
        return cls(terms)

    @classmethod
    def from_toml(cls, path: Path) -> Glossary:
        """Read a glossary: a table `[terms]` with lines like `VPN = ["브이피엔", "GlobalConnect"]`.

        Raises RecipeError where the file is missing, broken or holds something else.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise RecipeError(f"The glossary '{path}' cannot be read: {error.strerror}. Check the path.") from None
        except UnicodeDecodeError:
            raise RecipeError(f"The glossary '{path}' is not in UTF-8. Save it in that encoding.") from None
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(f"The glossary '{path}' is no valid TOML: {error}.") from None
        return cls(_terms_of(table, source=f"The glossary '{path}'"))

    @classmethod
    def from_json(cls, text: str) -> Glossary:
        """Return the glossary that `to_json` wrote; raise RecipeError where the text is something else."""
        try:
            table = json.loads(text)
        except json.JSONDecodeError as error:
            raise RecipeError(f"The stored glossary is no valid JSON: {error}. Write it again with to_json.") from None
        return cls(_terms_of(table, source="The stored glossary"))

    def to_json(self) -> str:
        """Return the glossary as JSON, to be kept with a model."""
        terms = {canonical: list(variants) for canonical, variants in self.terms.items()}
        return json.dumps({"terms": terms}, ensure_ascii=False, indent=2)

    def apply(self, text: str) -> str:
        """Return the text with the canonical word in place of every variant.

        Case does not matter. Latin variants are matched as whole words, Korean ones also before a particle.
        """
        if self._pattern is None:
            return text
        return self._pattern.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        return self._canonical_of.get(_key(match.group()), match.group())


def _terms_of(table: object, *, source: str) -> dict[str, tuple[str, ...]]:
    terms = table.get("terms") if isinstance(table, dict) else None
    if not isinstance(terms, dict):
        raise RecipeError(f'{source} needs a table [terms] with lines like VPN = ["브이피엔", "GlobalConnect"].')
    return {str(word): _variants_of(str(word), variants, source=source) for word, variants in terms.items()}


def _variants_of(canonical: str, variants: object, *, source: str) -> tuple[str, ...]:
    if isinstance(variants, str):
        return (variants,)
    if not isinstance(variants, list) or not all(isinstance(variant, str) for variant in variants):
        raise RecipeError(
            f"{source} gives '{canonical}' the value {variants!r}. Write a list of words, as in VPN = [\"브이피엔\"]."
        )
    return tuple(variants)


def _canonical_of(terms: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the canonical word of every spelling; a canonical word stands for itself, so that it is left whole."""
    canonical_of: dict[str, str] = {}
    for canonical, variants in terms.items():
        for spelling in (canonical, *variants):
            key = _key(spelling)
            if not key:
                raise RecipeError(f"The glossary has an empty word under '{canonical}'. Remove it or write the word.")
            known = canonical_of.setdefault(key, canonical)
            if known != canonical:
                raise RecipeError(
                    f"The glossary gives '{spelling}' to two words, '{known}' and '{canonical}'. Leave it with one."
                )
    return canonical_of


def _pattern(canonical_of: Mapping[str, str]) -> re.Pattern[str] | None:
    """Return one expression for all spellings, the longest first, or None where there is none.

    Spellings are grouped by their first letter, so that a place in a text is compared with few of them.
    """
    if not canonical_of:
        return None
    groups: dict[str, list[str]] = {}
    for spelling in sorted(canonical_of, key=len, reverse=True):
        groups.setdefault(spelling[0], []).append(_expression(spelling[1:], last=spelling[-1]))
    korean = {first: rests for first, rests in groups.items() if _is_hangul(first)}
    other = {first: rests for first, rests in groups.items() if not _is_hangul(first)}
    sides = [
        f"{before}(?=[{''.join(map(re.escape, group))}])(?:{'|'.join(map(_branch, group.items()))})"
        for before, group in ((_BEFORE_HANGUL, korean), (_BEFORE_LATIN, other))
        if group
    ]
    return re.compile("|".join(sides), re.IGNORECASE)


def _branch(group: tuple[str, list[str]]) -> str:
    first, rests = group
    return f"{re.escape(first)}(?:{'|'.join(rests)})"


def _expression(rest: str, *, last: str) -> str:
    return r"\s+".join(map(re.escape, rest.split(" "))) + (_AFTER_HANGUL if _is_hangul(last) else _AFTER_LATIN)


def _is_hangul(sign: str) -> bool:
    return "\uac00" <= sign <= "\ud7a3"


def _key(spelling: str) -> str:
    return " ".join(spelling.casefold().split())
