"""The door to torch and transformers: a pretrained transformer, loaded, run and written as a graph.

Nothing else imports these libraries. It takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from tokenizers import Tokenizer

from features.encoder_settings import TOKENIZER_FILE, EncoderSettings, Pooling, centred
from features.errors import EncoderError
from training.frozen_states import HalfArray

# The newest whose graphs onnxruntime's dynamic int8 knows from end to end.
_OPSET = 17


@dataclass(frozen=True, slots=True)
class LearningRates:
    """How fast the layers and the heads learn, at the end of the warm-up, and how fast weights decay."""

    layers: float = 1e-4
    heads: float = 1e-3
    decay: float = 0.01
    warmup_share: float = 0.1


class Transformer:
    """A pretrained model that gives a state for every token, and its tokenizer."""

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, folder: Path) -> Transformer:
        """Read a transformers directory; raise EncoderError naming what is wrong with it."""
        with _quiet():
            try:
                model = transformers.AutoModel.from_pretrained(
                    folder, use_safetensors=True, dtype=torch.float32, attn_implementation="eager"
                )
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                raise EncoderError(
                    f"The encoder in '{folder.name}' cannot be loaded ({type(error).__name__}): expected a "
                    "transformers directory with 'config.json' and 'model.safetensors'."
                ) from None
        return cls(model, _tokenizer(folder))

    @property
    def dimensions(self) -> int:
        """The length of a token's state."""
        return int(self.model.config.hidden_size)

    def vector(self, text: str, settings: EncoderSettings) -> NDArray[np.float32]:
        """Return the vector of a text whose prefix is there already, in float32: what an export is held against."""
        ids = torch.tensor([token_ids(self.tokenizer, text, most_tokens=settings.most_tokens)])
        with torch.inference_mode():
            states = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
        pooled = states[0] if settings.pooling is Pooling.FIRST else states.mean(dim=0)
        return centred(pooled.numpy(), None)

    def write_graph(self, path: Path) -> None:
        """Write the model as an ONNX graph in float32, from token ids and their mask to the last states."""
        ids = torch.tensor([[0, 1, 2, 3]])
        names = ["input_ids", "attention_mask"]
        with warnings.catch_warnings():
            # Tracing tells of every branch that it takes once; the parity check judges what came out.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                # The exporter leaves the model in the wrapper's mode, which would be that of training.
                _States(self.model).eval(),
                (ids, torch.ones_like(ids)),
                str(path),
                input_names=names,
                output_names=["states"],
                dynamic_axes={name: {0: "texts", 1: "tokens"} for name in (*names, "states")},
                opset_version=_OPSET,
                dynamo=False,
            )

    def frozen_states(self, token_ids: Sequence[Sequence[int]], *, trained_layers: int) -> list[HalfArray]:
        """Return each text's states, shape (tokens, dimensions), below the last `trained_layers` layers."""
        layers = _layers(self.model)
        below = layers[: len(layers) - trained_layers]
        lengths = [len(ids) for ids in token_ids]
        mask = _mask(lengths)
        ids = torch.nn.utils.rnn.pad_sequence(
            [torch.tensor(list(each)) for each in token_ids],
            batch_first=True,
            padding_value=self.model.config.pad_token_id or 0,
        )
        device = _device()
        self.model.to(device)
        with torch.inference_mode(), _mixed_precision(device):
            states = self.model.embeddings(input_ids=ids.to(device))
            states = _through(below, states, mask.to(device)).to("cpu", torch.float16).numpy()
        return [states[row, :length] for row, length in enumerate(lengths)]

    def save(self, folder: Path) -> None:
        """Write a transformers directory."""
        folder.mkdir(parents=True, exist_ok=True)
        with _quiet():
            self.model.save_pretrained(folder)
        self.tokenizer.save(str(folder / TOKENIZER_FILE))


class _States(torch.nn.Module):
    """A model reduced to what an encoder asks of it: positional inputs, the last states."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        """Return the last states, shape (texts, tokens, dimensions)."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


class UpperLayers:
    """The last layers of a transformer and linear heads over the text's vector: what fine-tuning trains.

    Takes and gives arrays. A head (weights (dimensions, labels), bias (labels,)) acts on the vector of unit length
    less `centre`, times `scale`: vectors of one helpdesk are so much alike that no head could learn from them else.
    """

    def __init__(
        self,
        transformer: Transformer,
        *,
        layers: int,
        pooling: Pooling,
        heads: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]] = (),
        centre: NDArray[np.float32] | None = None,
        scale: float = 1.0,
    ) -> None:
        self._device = _device()
        self._pooling = pooling
        self._layers = copy.deepcopy(_layers(transformer.model)[-layers:]).to(self._device)
        self._heads = torch.nn.ModuleList(_head(weights, bias) for weights, bias in heads).to(self._device)
        self._centre = torch.tensor(np.zeros(1, np.float32) if centre is None else centre, device=self._device)
        self._scale = scale

    def prepare(self, *, steps: int, rates: LearningRates) -> None:
        """Begin a training of so many steps."""
        decayed = [each for each in self._layers.parameters() if each.ndim > 1]
        others = [each for each in self._layers.parameters() if each.ndim == 1]
        groups = [
            {"params": decayed, "lr": rates.layers, "weight_decay": rates.decay},
            {"params": others, "lr": rates.layers, "weight_decay": 0.0},
        ]
        if len(self._heads):
            groups.append({"params": list(self._heads.parameters()), "lr": rates.heads, "weight_decay": rates.decay})
        self._optimizer = torch.optim.AdamW(groups)
        warm = max(1, round(steps * rates.warmup_share))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))
        )

    @contextmanager
    def epoch(self, seed: int) -> Iterator[None]:
        """Switch dropout on, drawn from a seed, for the steps inside."""
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            self._layers.train()
            yield
        self._layers.eval()

    def learn_labels(self, states: Sequence[HalfArray], labels: NDArray[np.int64]) -> float:
        """Take a step towards the labels, shape (texts, heads), -1 where one is missing; return the loss."""
        wanted = torch.tensor(labels, device=self._device)
        with _mixed_precision(self._device):
            scores = self._scores(self._vectors(states))
            losses = [
                torch.nn.functional.cross_entropy(each.float(), wanted[:, number], ignore_index=-1)
                for number, each in enumerate(scores)
                if (labels[:, number] >= 0).any()
            ]
        return self._step(torch.stack(losses).mean()) if losses else 0.0

    def learn_pairs(
        self, states: Sequence[HalfArray], others: Sequence[HalfArray], is_other: NDArray[np.bool_], *, warmth: float
    ) -> float:
        """Take a step that brings each text nearer to its own partner than to the others'; return the loss.

        `is_other` (texts, texts) tells which partners are wrong for which text: one partner may fit several texts.
        `warmth` divides the cosines.
        """
        wrong = torch.tensor(is_other, device=self._device)
        with _mixed_precision(self._device):
            vectors = self._vectors([*states, *others]).float()
            cosines = vectors[: len(states)] @ vectors[len(states) :].T / warmth
            right = torch.arange(len(states), device=self._device)
            cosines = cosines.masked_fill(~wrong & (right[:, None] != right[None, :]), float("-inf"))
            forth, back = (torch.nn.functional.cross_entropy(each, right) for each in (cosines, cosines.T))
        return self._step((forth + back) / 2)

    def vectors(self, states: Sequence[HalfArray]) -> NDArray[np.float32]:
        """Return the texts' vectors of unit length, shape (texts, dimensions)."""
        with torch.inference_mode(), _mixed_precision(self._device):
            return self._vectors(states).float().cpu().numpy()  # type: ignore[no-any-return]

    def heads(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return for each head its weights (dimensions, labels) and bias (labels,), for vectors of unit length."""
        found = []
        for head in self._heads:
            weights = (head.weight.detach() * self._scale).T
            bias = head.bias.detach() - self._centre.expand(len(weights)) @ weights
            found.append((weights.cpu().numpy().copy(), bias.cpu().numpy().copy()))
        return found

    def save(self, path: Path, **progress: Any) -> None:
        """Write all that resuming needs, whole or not at all."""
        unfinished = path.with_suffix(".unfinished")
        torch.save({**self._parts(), **progress}, unfinished)
        unfinished.replace(path)

    def restore(self, path: Path) -> dict[str, Any]:
        """Go on from a checkpoint, and return what was saved with it; only tensors and plain values are read."""
        saved: dict[str, Any] = torch.load(path, map_location=self._device, weights_only=True)
        self._layers.load_state_dict(saved["layers"])
        self._heads.load_state_dict(saved["heads"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self._schedule.load_state_dict(saved["schedule"])
        return saved

    def _parts(self) -> dict[str, Any]:
        return {
            "layers": self._layers.state_dict(),
            "heads": self._heads.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def weights(self) -> dict[str, Any]:
        """Return a copy of the weights of layers and heads."""
        return copy.deepcopy({name: self._parts()[name] for name in ("layers", "heads")})

    def put_back(self, weights: Mapping[str, Any]) -> None:
        """Return to weights copied earlier."""
        self._layers.load_state_dict(weights["layers"])
        self._heads.load_state_dict(weights["heads"])

    def put_into(self, transformer: Transformer) -> Transformer:
        """Return a transformer with these layers in place of its own."""
        model = copy.deepcopy(transformer.model).cpu()
        for own, trained in zip(_layers(model)[-len(self._layers) :], self._layers, strict=True):
            own.load_state_dict(trained.state_dict())
        return Transformer(model, transformer.tokenizer)

    def _vectors(self, states: Sequence[HalfArray]) -> Any:
        lengths = [len(each) for each in states]
        padded = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(np.array(each, np.float32)) for each in states], batch_first=True
        ).to(self._device)
        mask = _mask(lengths).to(self._device)
        found = _through(self._layers, padded, mask).float()
        if self._pooling is Pooling.FIRST:
            pooled = found[:, 0]
        else:
            pooled = (found * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return torch.nn.functional.normalize(pooled, dim=1)

    def _scores(self, vectors: Any) -> list[Any]:
        scaled = (vectors - self._centre) * self._scale
        return [head(scaled) for head in self._heads]

    def _step(self, loss: Any) -> float:
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*self._layers.parameters(), *self._heads.parameters()], 1.0)
        self._optimizer.step()
        self._schedule.step()
        return float(loss.detach())


def _head(weights: NDArray[np.float32], bias: NDArray[np.float32]) -> Any:
    head = torch.nn.Linear(*weights.shape)
    head.load_state_dict({"weight": torch.tensor(weights.T), "bias": torch.tensor(bias)})
    return head


def _layers(model: Any) -> Any:
    """Return the layers of a model built as BERT and RoBERTa are."""
    layers = getattr(getattr(model, "encoder", None), "layer", None)
    if layers is None or not hasattr(model, "embeddings"):
        raise EncoderError(
            f"A model of the type '{model.config.model_type}' cannot be fine-tuned here: expected embeddings and "
            "layers built as in BERT, RoBERTa or XLM-RoBERTa. Use it frozen, or choose one of these."
        )
    return layers


def _through(layers: Any, states: Any, mask: Any) -> Any:
    """Return the states above the layers."""
    added = (1.0 - mask[:, None, None, :]) * torch.finfo(torch.float32).min
    for layer in layers:
        found = layer(states, attention_mask=added)
        states = found[0] if isinstance(found, tuple) else found
    return states


def _mask(lengths: Sequence[int]) -> Any:
    """Return 1.0 where a text has a token and 0.0 behind its end."""
    return (torch.arange(max(lengths))[None, :] < torch.tensor(lengths)[:, None]).float()


def _device() -> Any:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _mixed_precision(device: Any) -> Any:
    """Compute in bfloat16 where the processor is faster at it: a third of the time, and no need to scale the loss."""
    return torch.autocast(device.type, torch.bfloat16, enabled=_knows_bfloat16(device))


def _knows_bfloat16(device: Any) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Processors without it emulate it, slower than float32; a torch that cannot tell is taken to lack it.
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def token_ids(tokenizer: Tokenizer, text: str, *, most_tokens: int) -> list[int]:
    """Return the ids of a text's tokens with the marks of beginning and end, the text cut to fit."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(most_tokens)
    return list(tokenizer.encode(text).ids)


def _tokenizer(folder: Path) -> Tokenizer:
    path = folder / TOKENIZER_FILE
    with _quiet():
        try:
            if path.is_file():
                return Tokenizer.from_file(str(path))
            return transformers.AutoTokenizer.from_pretrained(folder).backend_tokenizer
        except Exception as error:  # The libraries raise nothing narrower.
            raise EncoderError(
                f"The encoder in '{folder.name}' has no tokenizer that can be read ({type(error).__name__}): "
                f"expected '{TOKENIZER_FILE}'."
            ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing bars of its own and from reporting the heads that an encoder does without."""
    logging = transformers.utils.logging
    level, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if has_bars:
            logging.enable_progress_bar()
