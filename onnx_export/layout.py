"""What a model folder says about itself: modules, pooling, prompts, length and weights files.

The folder is an ordinary Hugging Face one, with or without the additions of sentence-transformers.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from onnx_export.errors import (
    CorruptWeightsError,
    ModelConfigError,
    UnsupportedModuleError,
    UnsupportedPoolingError,
    WeightsFormatError,
)
from onnx_export.manifest import POOLINGS, file_sha256

_POOLING_FLAGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean",  # differs by a factor only, which the normalisation removes
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "last",
}
_WEIGHTS = "model.safetensors"
_WEIGHTS_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """A model folder's own wishes; None where it has none.

    Attributes:
        folder: where config.json, the weights and the tokenizer are.
        weights_sha256: SHA-256 of each weights file.
        pooling: mean, cls or last.
        max_tokens: the longest text, in tokens with the special ones.
        prefix: the prompt to put before every text, empty for none.
        lowercase: whether texts are lowercased before the tokenizer sees them.
    """

    folder: Path
    weights_sha256: dict[str, str]
    pooling: str | None
    max_tokens: int | None
    prefix: str
    lowercase: bool


def read_layout(root: Path) -> Layout:
    """Read a model folder's configuration files, apart from those that transformers reads itself.

    Raises:
        ModelConfigError: a file is missing or not JSON.
        UnsupportedModuleError: there is a step that the graph would leave out.
        UnsupportedPoolingError: the pooling is none of mean, cls, last.
        WeightsFormatError: there are no safetensors weights.
        CorruptWeightsError: a weights file is missing or cut off.
    """
    modules = _modules(root)
    folder = root / modules.get("Transformer", "")
    if not (folder / "config.json").is_file():
        raise ModelConfigError(f"{root.name} has no config.json; give the folder of a Hugging Face model")
    sizes = _read(folder / "sentence_bert_config.json") or {}
    prompts = _read(root / "config_sentence_transformers.json") or {}
    prefix = _prefix(prompts)
    return Layout(
        folder=folder,
        weights_sha256=_weights(folder),
        pooling=_pooling(root / modules.get("Pooling", "1_Pooling") / "config.json", prefixed=bool(prefix)),
        max_tokens=sizes.get("max_seq_length"),
        prefix=prefix,
        lowercase=bool(sizes.get("do_lower_case", False)),
    )


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelConfigError(f"{path.name} is not JSON: {error}; fetch the model again") from error
    if not isinstance(data, dict):
        raise ModelConfigError(f"{path.name} must hold a JSON object; fetch the model again")
    return data


def _modules(root: Path) -> dict[str, str]:
    """Folder of each sentence-transformers module by its class name."""
    path = root / "modules.json"
    if not path.is_file():
        if (root / "2_Dense").is_dir():
            raise UnsupportedModuleError(_unsupported("Dense"))
        return {}
    try:
        modules = {str(entry["type"]).rpartition(".")[2]: str(entry["path"]) for entry in json.loads(path.read_text())}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelConfigError(f"modules.json is not a list of modules: {error!r}; fetch the model again") from error
    for name in modules:
        if name not in {"Transformer", "Pooling", "Normalize"}:
            raise UnsupportedModuleError(_unsupported(name))
    return modules


def _unsupported(module: str) -> str:
    return (
        f"the model has a {module} module after its encoder, which is not exported; "
        "choose a model of Transformer, Pooling and Normalize only"
    )


def _pooling(path: Path, *, prefixed: bool) -> str | None:
    config = _read(path)
    if config is None:
        return None
    wanted = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    if len(wanted) != 1 or wanted[0] not in _POOLING_FLAGS:
        raise UnsupportedPoolingError(
            f"the model pools by {', '.join(wanted) or 'nothing known'}; supported are {', '.join(POOLINGS)}: "
            "choose one with --pooling only if the model was trained with it"
        )
    if prefixed and config.get("include_prompt") is False:
        raise UnsupportedPoolingError("the model leaves its prompt out of the pooling, which is not supported")
    return _POOLING_FLAGS[wanted[0]]


def _prefix(config: dict[str, Any]) -> str:
    prompts = config.get("prompts") or {}
    name = config.get("default_prompt_name") or "query"
    return str(prompts.get(name) or "")


def _weights(folder: Path) -> dict[str, str]:
    index = _read(folder / _WEIGHTS_INDEX)
    names = sorted({str(name) for name in index.get("weight_map", {}).values()}) if index else [_WEIGHTS]
    if not index and not (folder / _WEIGHTS).is_file():
        raise WeightsFormatError(
            f"no {_WEIGHTS} in {folder.name}; pickled weights are not loaded: save the model as safetensors first"
        )
    for name in names:
        _check_container(folder / name)
    return {name: file_sha256(folder / name) for name in names}


def _check_container(path: Path) -> None:
    """Whether a safetensors file is as long as its header says."""
    try:
        with safe_open(path, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        raise CorruptWeightsError(f"{path.name} is cut off or damaged: {error}; fetch the model again") from error
