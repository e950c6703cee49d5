"""Texts to token ids, with the truncated ones told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from service.encoder.errors import ModelFolderError
from service.encoder.manifest import TOKENIZER_FILE, Manifest


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text as the model reads it: its ids, special tokens included, and whether the text went on after them."""

    ids: list[int]
    truncated: bool

    def __len__(self) -> int:
        return len(self.ids)


class TextTokenizer:
    """Puts the model's prefix before each text, tokenizes and truncates as the manifest says."""

    def __init__(self, tokenizer: Tokenizer, manifest: Manifest) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=manifest.max_tokens)
        self._tokenizer = tokenizer
        self._prefix = manifest.prefix
        self._pad_token_id = manifest.pad_token_id

    @classmethod
    def load(cls, folder: Path, manifest: Manifest) -> "TextTokenizer":
        """Read the folder's tokenizer.

        Raises:
            ModelFolderError: the file is not a tokenizer.
        """
        try:
            return cls(Tokenizer.from_file(str(folder / TOKENIZER_FILE)), manifest)
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelFolderError(f"{folder / TOKENIZER_FILE} is not a tokenizer: {error}") from error

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of each text, in order; at least one each.

        A tokenizer that adds no special tokens gives nothing for an empty text; it then becomes one padding token
        that is attended to, because a mean over no tokens is undefined.
        """
        encodings = self._tokenizer.encode_batch_fast([self._prefix + _well_formed(text) for text in texts])
        return [Tokens(encoding.ids or [self._pad_token_id], bool(encoding.overflowing)) for encoding in encodings]


def _well_formed(text: str) -> str:
    """The text, with `?` for lone surrogates: JSON can carry them, UTF-8 and so the tokenizer cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
