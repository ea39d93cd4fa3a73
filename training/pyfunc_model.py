"""The model that MLflow loads and serves: a bundle that answers for each row of a table as POST /v1/score does.

MLflow logs this file and runs it where this product need not be installed: beside it lies `features` alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml  # type: ignore[import-untyped]  # comes with MLflow, without types
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from features.answers import ModelIdentity, answer
from features.bundle import ModelBundle
from features.errors import TicketError
from features.tickets import AttributeValue, Requester, Ticket

# MLflow notes here which registered version it fetched.
_ORIGIN = "registered_model_meta"


class TriageModel(PythonModel):
    """Scores tickets with the bundle that was logged with it."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle from the model's artifacts."""
        folder = Path(context.artifacts["bundle"])
        self._bundle = ModelBundle.load(folder)
        self._identity = _identity(folder.parents[1] / _ORIGIN)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  # MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[dict[str, Any]]:
        """Return the answer for each row, in order; refuse the table where a row is no ticket."""
        rows = model_input.to_dict("records")
        try:
            tickets = [_ticket(row, number=number) for number, row in enumerate(rows, start=1)]
        except TicketError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return [answer(scored, model=self._identity) for scored in self._bundle.score(tickets)]


def _identity(origin: Path) -> ModelIdentity:
    """Return name and version as registered, both empty where the model was not loaded from a registry."""
    if not origin.is_file():
        return ModelIdentity("", "")
    known = yaml.safe_load(origin.read_text(encoding="utf-8"))
    return ModelIdentity(str(known.get("model_name", "")), str(known.get("model_version", "")))


def _ticket(row: Mapping[Any, Any], *, number: int) -> Ticket:
    texts = {str(name): _text(value) for name, value in row.items()}
    ticket = Ticket(
        id=texts.get("id", ""),
        subject=texts.get("subject", ""),
        body=texts.get("body", ""),
        channel=texts.get("channel", ""),
        requester=Requester(
            id=texts.get("requester_id", ""),
            email=texts.get("requester_email", ""),
            organization=texts.get("requester_organization", ""),
            attributes=_attributes(texts.get("requester_attributes", ""), number=number, column="requester_attributes"),
        ),
        product=texts.get("product", ""),
        group=texts.get("group", ""),
        language=texts.get("language", ""),
        created_at=_moment(texts.get("created_at", ""), number=number),
        attributes=_attributes(texts.get("attributes", ""), number=number, column="attributes"),
    )
    if ticket.is_empty:
        raise TicketError(
            f"Row {number} is no ticket: it has neither a subject nor a body, nor another field. Give one of them."
        )
    return ticket


def _text(value: object) -> str:
    """Return text as it is, a whole number as its digits, and a missing value as nothing."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _moment(text: str, *, number: int) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise TicketError(
            f"Row {number} has a created_at that is no moment. Expected one such as 2026-05-14T09:12:00+09:00."
        ) from None


def _attributes(text: str, *, number: int, column: str) -> dict[str, AttributeValue]:
    """Return the attributes of a JSON object; nulls and nested values are left out, a list is joined."""
    if not text.strip():
        return {}
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise TicketError(f'Row {number} has {column} that are no JSON object. Expected one such as {{"site": "A"}}.')
    named = ((str(name), _attribute(value)) for name, value in values.items())
    return {name: value for name, value in named if value is not None}


def _attribute(value: object) -> AttributeValue | None:
    if isinstance(value, list) and all(isinstance(part, str | int | float) for part in value):
        return ", ".join(str(part) for part in value)
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    return None


set_model(TriageModel())
