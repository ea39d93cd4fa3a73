"""multilingual-e5-small, plainly fine-tuned with one linear head: cross-entropy, AdamW, a rate that rises and falls.

What a processor can do in bearable time: texts of 128 tokens, two passes, word embeddings left as they are. With a GPU:
256 tokens, four passes, all weights. Where tickets are few, at least LEAST_STEPS steps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from head_to_head.rivals.interface import Bench
from head_to_head.rivals.sentence_encoder import load_transformer
from head_to_head.tasks import Costs, Floats, LabelAnswer, LabelTask, milliseconds_each

LEAST_STEPS = 300
_BATCH = 16
_RATE = 5e-5
_WARM_UP_SHARE = 0.1
# Device: the most tokens of a text, and passes over the tickets.
_BUDGETS = {"cpu": (128, 2), "cuda": (256, 4)}


def label(task: LabelTask, bench: Bench) -> LabelAnswer:
    """Fit on the whole training part and return probabilities of the test."""
    model = FineTuned(bench.encoder, label_count=task.label_count, seed=task.seed)
    start = time.perf_counter()
    steps = model.fit(task.train_texts, task.train_actual)
    seconds = time.perf_counter() - start
    milliseconds = milliseconds_each(lambda text: model.probabilities([text]), task.test_texts)
    note = f"{steps:,} steps of {_BATCH} tickets of up to {model.most_tokens} tokens on {model.device}"
    note += ", word embeddings frozen" if model.device == "cpu" else ""
    costs = Costs(seconds, milliseconds, model.size_bytes, len(task.train_texts), note)
    return LabelAnswer(model.probabilities(task.test_texts), costs)


class FineTuned:
    """A transformer with a linear head over the mean of its tokens' vectors."""

    def __init__(self, name_or_folder: str, *, label_count: int, seed: int) -> None:
        self.tokenizer, body = load_transformer(name_or_folder)
        import torch

        torch.manual_seed(seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.most_tokens, self.passes = _BUDGETS[self.device]
        self.random = np.random.default_rng(seed)
        self.body: Any = body.to(self.device)
        # Four fifths of the weights; to update them takes a processor longer than all the rest.
        self.body.get_input_embeddings().requires_grad_(self.device != "cpu")
        self.head = torch.nn.Linear(self.body.config.hidden_size, label_count).to(self.device)

    @property
    def size_bytes(self) -> int:
        """The bytes of all weights."""
        every = [*self.body.parameters(), *self.head.parameters()]
        return sum(each.numel() * each.element_size() for each in every)

    def fit(self, texts: Sequence[str], actual: Any) -> int:
        """Fine-tune on texts and the numbers of their labels; return the steps taken."""
        import torch
        from transformers import get_linear_schedule_with_warmup

        batches = self._batches(texts)
        optimizer = torch.optim.AdamW(self._parameters(), lr=_RATE, weight_decay=0.01)
        schedule = get_linear_schedule_with_warmup(optimizer, round(_WARM_UP_SHARE * len(batches)), len(batches))
        self.body.train()
        for places in batches:
            scores = self._scores([texts[place] for place in places])
            loss = torch.nn.functional.cross_entropy(scores, torch.tensor(actual[places], device=self.device))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        self.body.eval()
        return len(batches)

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Return the probability of every label, shape (texts, labels)."""
        import torch

        order = np.argsort([len(text) for text in texts], kind="stable")
        found = np.zeros((len(texts), self.head.out_features))
        with torch.inference_mode():
            for places in np.array_split(order, max(1, len(order) // (2 * _BATCH))):
                scores = self._scores([texts[place] for place in places])
                found[places] = scores.softmax(dim=1).cpu().numpy()
        return found

    def _batches(self, texts: Sequence[str]) -> list[Any]:
        """Return the places of each step's texts; those of like length go together, which saves padding."""
        lengths = np.array([len(text) for text in texts])
        in_pass = -(-len(texts) // _BATCH)
        batches: list[Any] = []
        for _ in range(max(self.passes, -(-LEAST_STEPS // in_pass))):
            order = np.argsort(lengths * self.random.uniform(0.8, 1.2, len(texts)), kind="stable")
            parts = np.array_split(order, in_pass)
            batches += [parts[place] for place in self.random.permutation(in_pass)]
        return batches

    def _parameters(self) -> list[Any]:
        """Return the weights that are fitted."""
        return [each for each in (*self.body.parameters(), *self.head.parameters()) if each.requires_grad]

    def _scores(self, texts: list[str]) -> Any:
        marked = [f"query: {text}" for text in texts]
        tokens = self.tokenizer(
            marked, padding=True, truncation=True, max_length=self.most_tokens, return_tensors="pt"
        ).to(self.device)
        mask = tokens["attention_mask"].unsqueeze(-1)
        hidden = self.body(**tokens).last_hidden_state * mask
        return self.head(hidden.sum(dim=1) / mask.sum(dim=1))
