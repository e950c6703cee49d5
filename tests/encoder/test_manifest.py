"""Folders that must not be served, each refused with a message that says what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.encoder import ModelFolderError, OnnxEncoder, read_manifest
from tests_encoder_typing import WriteFolder
