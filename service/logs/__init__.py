"""Behaviour logs: reading them user by user, and writing the decisions of a replay."""

from service.logs.decisions import DECISION_COLUMNS, SCHEMA, DecisionsWriter
from service.logs.errors import LogError
from service.logs.history import History
from service.logs.log import Log, open_log
from service.logs.weights import weights_of

__all__ = ["DECISION_COLUMNS", "SCHEMA", "DecisionsWriter", "History", "Log", "LogError", "open_log", "weights_of"]
