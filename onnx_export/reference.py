"""The reference: the model as transformers runs it in PyTorch, one text at a time, pooled and normalised here.

One text at a time, so that no padding can have a hand in what the exported graph is compared with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from onnx_export.errors import (
    CorruptWeightsError,
    MaxTokensError,
    ModelConfigError,
    NoTokenizerError,
    TokenizerMismatchError,
    UnknownArchitectureError,
)
from onnx_export.layout import Layout

T5_TYPES = frozenset({"t5", "mt5", "umt5"})
_OFFSET_POSITIONS = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "roberta-prelayernorm"}
)
"""Types whose positions start after the padding index, so that two of the table's rows hold no token."""
_FALLBACK_MAX_TOKENS = 512
_ABSURD_LENGTH = 10**6
"""transformers writes 10**30 where a tokenizer knows no limit."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A loaded model with its tokenizer and the numbers of this export.

    Attributes:
        model: a transformers encoder (or decoder without its head), fp32, in evaluation mode.
        tokenizer: a fast tokenizer of transformers.
        config: the model's configuration.
        pooling: mean, cls or last.
        max_tokens: longest text in tokens, special ones included.
        prefix: put before every text.
        lowercase: whether texts are lowercased first.
        pad_token_id: what fills a batch.
    """

    model: Any  # transformers ships no types
    tokenizer: Any
    config: Any
    pooling: str
    max_tokens: int
    prefix: str
    lowercase: bool
    pad_token_id: int

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a text, truncated; a text of no tokens is one padding token, as the service feeds it."""
        text = self.prefix + text
        ids = self.tokenizer(
            text.lower() if self.lowercase else text, truncation=True, max_length=self.max_tokens, verbose=False
        )["input_ids"]
        return [int(i) for i in ids] or [self.pad_token_id]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts to an (n, dim) array of unit rows.

        Raises:
            TokenizerMismatchError: the tokenizer gives an id that the model does not embed.
        """
        return np.stack([self._encode_one(self.token_ids(text)) for text in texts])

    def _encode_one(self, ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            tokens = torch.tensor([ids])
            try:
                hidden = self.model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state[0]
            except IndexError as error:
                raise TokenizerMismatchError(
                    f"the tokenizer gives ids up to {max(ids)}, the model embeds fewer; the two do not belong together"
                ) from error
            pooled = {"mean": hidden.mean(dim=0), "cls": hidden[0], "last": hidden[-1]}[self.pooling]
            vector: NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=0).numpy()
        return vector


def load_reference(layout: Layout, *, pooling: str | None, max_tokens: int | None, prefix: str | None) -> Reference:
    """Load a model folder, taking what is None from the folder's own configuration.

    Raises:
        UnknownArchitectureError: transformers does not know the model's type, or only through code in the folder.
        NoTokenizerError: no tokenizer, or none with a fast implementation.
        CorruptWeightsError: weights are missing, of wrong shapes or not finite.
        MaxTokensError: more than the model has positions for, or too few.
    """
    config = _load_config(layout)
    tokenizer = _load_tokenizer(layout)
    model = _load_model(layout, config)
    limit = _length_limit(config, tokenizer)
    return Reference(
        model=model,
        tokenizer=tokenizer,
        config=config,
        pooling=pooling or layout.pooling or ("last" if is_decoder_only(config) else "mean"),
        max_tokens=_checked_length(max_tokens or min(layout.max_tokens or limit, limit), config, tokenizer),
        prefix=layout.prefix if prefix is None else prefix,
        lowercase=layout.lowercase,
        pad_token_id=_pad_token_id(config, tokenizer),
    )


def is_decoder_only(config: Any) -> bool:  # noqa: ANN401  # transformers ships no types
    """Whether the model reads from left to right only: it can be a causal language model but not a masked one."""
    kind = config.model_type
    return kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def _load_config(layout: Layout) -> Any:  # noqa: ANN401  # transformers ships no types
    try:
        config = transformers.AutoConfig.from_pretrained(layout.folder, trust_remote_code=False, local_files_only=True)
    except OSError as error:
        raise ModelConfigError(f"config.json cannot be read: {_first_line(error)}; fetch the model again") from error
    except (ValueError, KeyError) as error:
        raise UnknownArchitectureError(
            f"transformers does not know this model's type ({_first_line(error)}); "
            "choose a model of a type that needs no code of its own"
        ) from error
    if config.is_encoder_decoder and config.model_type not in T5_TYPES:
        raise UnknownArchitectureError(
            f"{config.model_type} is an encoder with a decoder, of which only the T5 family's encoder is exported"
        )
    return config


def _load_tokenizer(layout: Layout) -> Any:  # noqa: ANN401  # transformers ships no types
    remedy = "put the model's tokenizer.json and tokenizer_config.json beside its config.json"
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]  # untyped library
            layout.folder, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # the many loaders raise anything, bare Exception included
        raise NoTokenizerError(
            f"no usable tokenizer in {layout.folder.name}: {_first_line(error)}; {remedy}"
        ) from error
    if not getattr(tokenizer, "is_fast", False) or not tokenizer.get_vocab():
        raise NoTokenizerError(f"the tokenizer of {layout.folder.name} has no fast implementation; {remedy}")
    return tokenizer


def _load_model(layout: Layout, config: Any) -> Any:  # noqa: ANN401  # transformers ships no types
    loader = _loader(config)
    try:
        model, info = loader.from_pretrained(
            layout.folder,
            config=config,
            dtype=torch.float32,
            attn_implementation="eager",  # the form that the exporter traces and the optimiser knows
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, RuntimeError) as error:
        raise CorruptWeightsError(
            f"the weights cannot be loaded: {_first_line(error)}; fetch the model again"
        ) from error
    except (ValueError, KeyError) as error:
        raise UnknownArchitectureError(f"{config.model_type} cannot be loaded: {_first_line(error)}") from error
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise CorruptWeightsError(f"the weights lack {missing[0]} and {len(missing) - 1} more; fetch the model again")
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CorruptWeightsError(f"{name} has values that are not finite; fetch the model again")
    return model.eval()


def _loader(config: Any) -> Any:  # noqa: ANN401  # transformers ships no types
    classes = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
    return getattr(transformers, classes.get(config.model_type, "AutoModel"))


def _length_limit(config: Any, tokenizer: Any) -> int:  # noqa: ANN401  # transformers ships no types
    known = [n for n in (_positions(config), tokenizer.model_max_length) if n is not None and n < _ABSURD_LENGTH]
    return int(min(known, default=_FALLBACK_MAX_TOKENS))


def _positions(config: Any) -> int | None:  # noqa: ANN401  # transformers ships no types
    if config.model_type in T5_TYPES:
        return None  # relative positions: no table, no limit
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return None
    return int(positions) - (2 if config.model_type in _OFFSET_POSITIONS else 0)


def _checked_length(length: int, config: Any, tokenizer: Any) -> int:  # noqa: ANN401  # transformers ships no types
    least, most = tokenizer.num_special_tokens_to_add() + 1, _positions(config)
    if length < least or (most is not None and length > most):
        upper = f"and at most {most}" if most is not None else "tokens"
        raise MaxTokensError(f"max tokens is {length}; this model needs at least {least} {upper}")
    return length


def _pad_token_id(config: Any, tokenizer: Any) -> int:  # noqa: ANN401  # transformers ships no types
    # The configuration's comes first: RoBERTa-like models number their positions by where it stands.
    for candidate in (config.pad_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id):
        if isinstance(candidate, int) and candidate >= 0:
            return candidate
    return 0


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__
