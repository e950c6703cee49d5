"""Contains all the data models used in inputs/outputs"""

from .batch_item import BatchItem
from .batch_request import BatchRequest
from .batch_response import BatchResponse
from .behavior import Behavior
from .change import Change
from .change_detector import ChangeDetector
from .change_kind_type_0 import ChangeKindType0
from .check import Check
from .contribution import Contribution
from .delivery import Delivery
from .delivery_page import DeliveryPage
from .delivery_state import DeliveryState
from .detect_options import DetectOptions
from .detect_options_detector import DetectOptionsDetector
from .detect_options_encoding_format import DetectOptionsEncodingFormat
from .detect_options_include_item import DetectOptionsIncludeItem
from .detect_request import DetectRequest
from .detect_response import DetectResponse
from .detect_response_status import DetectResponseStatus
from .encode_request import EncodeRequest
from .encode_request_encoding_format import EncodeRequestEncodingFormat
from .encode_response import EncodeResponse
from .export import Export
from .export_tables import ExportTables
from .export_tables_additional_property_item import ExportTablesAdditionalPropertyItem
from .field_error import FieldError
from .get_history_encoding_format import GetHistoryEncodingFormat
from .get_interest_encoding_format import GetInterestEncodingFormat
from .interest import Interest
from .list_webhook_deliveries_state_type_0 import ListWebhookDeliveriesStateType0
from .liveness import Liveness
from .loaded_model import LoadedModel
from .model_ref import ModelRef
from .mutation import Mutation
from .mutation_event import MutationEvent
from .new_webhook import NewWebhook
from .problem_details import ProblemDetails
from .profile_ref import ProfileRef
from .readiness import Readiness
from .rejected import Rejected
from .resend import Resend
from .resent import Resent
from .rotation import Rotation
from .scores import Scores
from .snapshot import Snapshot
from .snapshot_page import SnapshotPage
from .snapshot_status import SnapshotStatus
from .snapshot_taken_for import SnapshotTakenFor
from .test_result import TestResult
from .topic_difference import TopicDifference
from .topic_share import TopicShare
from .topics import Topics
from .webhook import Webhook
from .webhook_list import WebhookList
from .webhook_update import WebhookUpdate
from .webhook_with_secret import WebhookWithSecret
from .withheld import Withheld
from .withheld_reason import WithheldReason

__all__ = (
    "BatchItem",
    "BatchRequest",
    "BatchResponse",
    "Behavior",
    "Change",
    "ChangeDetector",
    "ChangeKindType0",
    "Check",
    "Contribution",
    "Delivery",
    "DeliveryPage",
    "DeliveryState",
    "DetectOptions",
    "DetectOptionsDetector",
    "DetectOptionsEncodingFormat",
    "DetectOptionsIncludeItem",
    "DetectRequest",
    "DetectResponse",
    "DetectResponseStatus",
    "EncodeRequest",
    "EncodeRequestEncodingFormat",
    "EncodeResponse",
    "Export",
    "ExportTables",
    "ExportTablesAdditionalPropertyItem",
    "FieldError",
    "GetHistoryEncodingFormat",
    "GetInterestEncodingFormat",
    "Interest",
    "ListWebhookDeliveriesStateType0",
    "Liveness",
    "LoadedModel",
    "ModelRef",
    "Mutation",
    "MutationEvent",
    "NewWebhook",
    "ProblemDetails",
    "ProfileRef",
    "Readiness",
    "Rejected",
    "Resend",
    "Resent",
    "Rotation",
    "Scores",
    "Snapshot",
    "SnapshotPage",
    "SnapshotStatus",
    "SnapshotTakenFor",
    "TestResult",
    "TopicDifference",
    "Topics",
    "TopicShare",
    "Webhook",
    "WebhookList",
    "WebhookUpdate",
    "WebhookWithSecret",
    "Withheld",
    "WithheldReason",
)
