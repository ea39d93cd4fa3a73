"""A model that answers, and what can be told of it; knows neither where it came from nor who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from features.answers import ModelIdentity
from features.errors import ModelUnavailableError

if TYPE_CHECKING:  # it brings numpy, scipy and LightGBM, which who only names a model does without
    from features.bundle import ModelBundle


class UnknownModelError(ModelUnavailableError):
    """No model is registered under that name, alias or version."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that answers: immutable, so that a request that holds it is not disturbed by a swap."""

    identity: ModelIdentity
    bundle: ModelBundle
    loaded_at: datetime


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """Why the last attempt to follow the registry failed; `version` is empty where none was resolved."""

    at: datetime
    version: str
    because: str


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What one name stands for at this moment."""

    name: str
    served: ServedModel | None
    last_failure: LoadFailure | None


class ModelObserver(Protocol):
    """Who is told of swaps and failures."""

    def model_served(self, identity: ModelIdentity, *, is_fallback: bool) -> None:
        """Note that a model answers from now on, and whether it is a local copy in place of the registry's."""

    def model_failed(self, name: str, *, failure: LoadFailure, is_new: bool) -> None:
        """Note that following the registry failed, and whether it failed otherwise the time before."""
