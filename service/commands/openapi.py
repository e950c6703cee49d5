"""`swerve openapi`: the document, without model or database."""

import json
from pathlib import Path

from service.app import create_app
from service.errors import OperatorError
from service.files import write_whole
from service.settings import Settings


def run(out: Path | None) -> str:
    """Write the document to a file, whole or not at all; or give it, where there is none to write.

    Raises:
        OperatorError: the file cannot be written.
    """
    # The document must not depend on the environment that it is written in.
    document = create_app(Settings.model_construct()).openapi()
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if out is None:
        return text
    try:
        write_whole(out, text)
    except OSError as error:
        raise OperatorError(f"cannot write {out}: {error.strerror}") from error
    return ""
