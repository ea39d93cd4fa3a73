"""The words of the pages of trust, policy and rules, in both languages; `words` joins them with the others'."""

from __future__ import annotations

from collections.abc import Mapping

from serving.review import english_policy_words, korean_policy_words

ENGLISH: Mapping[str, str] = english_policy_words.ENGLISH

KOREAN: Mapping[str, str] = korean_policy_words.KOREAN
