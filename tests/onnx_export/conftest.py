"""Tiny models with random weights and tiny tokenizers of every architecture, made here: no network is needed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from onnx_export.texts import BEHAVIOURS, SUITE

hugging: Any = transformers  # its constructors are untyped

VOCAB = 400
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def word_pieces() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(SUITE[:200], trainers.WordPieceTrainer(vocab_size=VOCAB, special_tokens=specials))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def byte_pairs(single: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(BEHAVIOURS, trainer)
    if single != "$A":
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, special_tokens=[("<s>", 0), ("</s>", 2)]
        )
    return tokenizer


def unigrams(single: str) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=VOCAB, special_tokens=specials, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(SUITE[:200], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def _bert() -> tuple[Any, Any, Tokenizer]:
    config = hugging.BertConfig(vocab_size=VOCAB, max_position_embeddings=64, pad_token_id=0, **SIZES)
    return hugging.BertModel, config, word_pieces()


def _distilbert() -> tuple[Any, Any, Tokenizer]:
    config = hugging.DistilBertConfig(
        vocab_size=VOCAB, max_position_embeddings=64, dim=32, n_layers=2, n_heads=4, hidden_dim=64, pad_token_id=0
    )
    return hugging.DistilBertModel, config, word_pieces()


def _roberta() -> tuple[Any, Any, Tokenizer]:
    config = hugging.RobertaConfig(vocab_size=VOCAB, max_position_embeddings=66, type_vocab_size=1, **SIZES)
    return hugging.RobertaModel, config, byte_pairs("<s> $A </s>")


def _xlm_roberta() -> tuple[Any, Any, Tokenizer]:
    config = hugging.XLMRobertaConfig(vocab_size=VOCAB, max_position_embeddings=66, type_vocab_size=1, **SIZES)
    return hugging.XLMRobertaModel, config, unigrams("<s> $A </s>")


def _mpnet() -> tuple[Any, Any, Tokenizer]:
    config = hugging.MPNetConfig(vocab_size=VOCAB, max_position_embeddings=66, **SIZES)
    return hugging.MPNetModel, config, unigrams("<s> $A </s>")


def _t5() -> tuple[Any, Any, Tokenizer]:
    config = hugging.T5Config(
        vocab_size=VOCAB, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, pad_token_id=1, eos_token_id=2
    )
    return hugging.T5EncoderModel, config, unigrams("$A </s>")


def _qwen2() -> tuple[Any, Any, Tokenizer]:
    config = hugging.Qwen2Config(
        vocab_size=VOCAB, max_position_embeddings=64, num_key_value_heads=2, pad_token_id=1, eos_token_id=2, **SIZES
    )
    return hugging.Qwen2Model, config, byte_pairs("$A </s>")


def _llama() -> tuple[Any, Any, Tokenizer]:
    config = hugging.LlamaConfig(vocab_size=VOCAB, max_position_embeddings=64, bos_token_id=0, eos_token_id=2, **SIZES)
    return hugging.LlamaModel, config, byte_pairs("<s> $A")


def _gpt2() -> tuple[Any, Any, Tokenizer]:
    config = hugging.GPT2Config(
        vocab_size=VOCAB, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=2, eos_token_id=2
    )
    return hugging.GPT2Model, config, byte_pairs("$A")  # no special token: an empty text has no tokens


def _bart() -> tuple[Any, Any, Tokenizer]:
    config = hugging.BartConfig(
        vocab_size=VOCAB, d_model=32, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=64, decoder_ffn_dim=64,
        encoder_attention_heads=4, decoder_attention_heads=4, max_position_embeddings=64,
    )  # fmt: skip
    return hugging.BartModel, config, byte_pairs("<s> $A </s>")


def _fnet() -> tuple[Any, Any, Tokenizer]:
    config = hugging.FNetConfig(vocab_size=VOCAB, max_position_embeddings=64, pad_token_id=0, **SIZES)
    return hugging.FNetModel, config, word_pieces()


ARCHITECTURES = {
    "bert": _bert,
    "distilbert": _distilbert,
    "roberta": _roberta,
    "xlm-roberta": _xlm_roberta,
    "mpnet": _mpnet,
    "t5": _t5,
    "qwen2": _qwen2,
    "llama": _llama,
    "gpt2": _gpt2,
    "bart": _bart,
    "fnet": _fnet,
}


def save_tiny(architecture: str, folder: Path, **changes: Any) -> Path:
    kind, config, tokenizer = ARCHITECTURES[architecture]()
    config.initializer_range = 0.2  # wide enough that texts differ by more than rounding
    for name, value in changes.items():
        setattr(config, name, value)
    torch.manual_seed(7)
    kind(config).eval().save_pretrained(folder)
    names = _named_specials(tokenizer)
    hugging.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return folder


def _named_specials(tokenizer: Tokenizer) -> dict[str, str]:
    if tokenizer.token_to_id("[PAD]") is not None:
        return {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder with a tiny random model of an architecture and its tokenizer."""

    def make(architecture: str, name: str = "tiny", **changes: Any) -> Path:
        return save_tiny(architecture, tmp_path / "models" / name, **changes)

    return make


@pytest.fixture(scope="session")
def cli() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the real program; wheels come from the folder SWERVE_TEST_WHEELS where it is set, else from the index."""

    def run(*arguments: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, **variables}
        if wheels := os.environ.get("SWERVE_TEST_WHEELS"):
            environment |= {"PIP_FIND_LINKS": wheels, "PIP_NO_INDEX": "1"}
        command = [sys.executable, "-m", "onnx_export", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)

    return run
