"""The tokenizer file: what the fast tokenizer of transformers does, for the `tokenizers` library alone."""

from pathlib import Path

from tokenizers import Tokenizer, normalizers

from onnx_export.reference import Reference


def save_tokenizer(reference: Reference, path: Path) -> None:
    """Write tokenizer.json with truncation and padding off, its special tokens added by its post-processor.

    A model that wants lowercased texts gets the lowercasing as the first step of the file.
    """
    tokenizer = Tokenizer.from_str(reference.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if reference.lowercase:
        inner = tokenizer.normalizer
        steps = [normalizers.Lowercase(), *([inner] if inner is not None else [])]
        tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.save(str(path), pretty=False)
