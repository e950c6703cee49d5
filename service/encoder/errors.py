"""What can go wrong with an encoder, besides saturation (`contract.EncoderSaturatedError`)."""

from service.errors import MisuseError


class ModelFolderError(MisuseError):
    """The exported model's folder cannot be served; the message says what is wrong and how to mend it."""


class EncoderClosedError(Exception):
    """The encoder was closed, or its thread has ended: nothing can be encoded any more."""

    def __init__(self) -> None:
        super().__init__("the encoder is closed")


class EncodingFailedError(Exception):
    """The model failed on a text of this call; the model's own exception is the cause (`__cause__`)."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"the model failed to encode a text: {cause}")
        self.__cause__ = cause
