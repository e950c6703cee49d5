"""Contains all the data models used in inputs/outputs"""

from .batch_item import BatchItem
from .batch_request import BatchRequest
from .batch_response import BatchResponse
from .behavior import Behavior
from .change import Change
from .change_detector import ChangeDetector
from .change_kind_type_0 import ChangeKindType0
from .check import Check
from .cloud_event import CloudEvent
from .contribution import Contribution
from .detect_options import DetectOptions
from .detect_options_detector import DetectOptionsDetector
from .detect_options_encoding_format import DetectOptionsEncodingFormat
from .detect_options_include_item import DetectOptionsIncludeItem
from .detect_request import DetectRequest
from .detect_response import DetectResponse
from .detect_response_status import DetectResponseStatus
from .domain_mutations import DomainMutations
from .domain_mutations_bucket import DomainMutationsBucket
from .encode_request import EncodeRequest
from .encode_request_encoding_format import EncodeRequestEncodingFormat
from .encode_response import EncodeResponse
from .event_data import EventData
from .export import Export
from .export_tables import ExportTables
from .export_tables_additional_property_item import ExportTablesAdditionalPropertyItem
from .field_error import FieldError
from .get_domain_mutations_bucket import GetDomainMutationsBucket
from .get_history_encoding_format import GetHistoryEncodingFormat
from .get_interest_encoding_format import GetInterestEncodingFormat
from .interest import Interest
from .kinds import Kinds
from .liveness import Liveness
from .loaded_model import LoadedModel
from .model_ref import ModelRef
from .population_shift import PopulationShift
from .problem_details import ProblemDetails
from .profile_ref import ProfileRef
from .readiness import Readiness
from .rejected import Rejected
from .scores import Scores
from .snapshot import Snapshot
from .snapshot_page import SnapshotPage
from .snapshot_status import SnapshotStatus
from .snapshot_taken_for import SnapshotTakenFor
from .time_bucket import TimeBucket
from .topic_count import TopicCount
from .topic_counts import TopicCounts
from .topic_difference import TopicDifference
from .topic_share import TopicShare
from .topics import Topics
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
    "CloudEvent",
    "Contribution",
    "DetectOptions",
    "DetectOptionsDetector",
    "DetectOptionsEncodingFormat",
    "DetectOptionsIncludeItem",
    "DetectRequest",
    "DetectResponse",
    "DetectResponseStatus",
    "DomainMutations",
    "DomainMutationsBucket",
    "EncodeRequest",
    "EncodeRequestEncodingFormat",
    "EncodeResponse",
    "EventData",
    "Export",
    "ExportTables",
    "ExportTablesAdditionalPropertyItem",
    "FieldError",
    "GetDomainMutationsBucket",
    "GetHistoryEncodingFormat",
    "GetInterestEncodingFormat",
    "Interest",
    "Kinds",
    "Liveness",
    "LoadedModel",
    "ModelRef",
    "PopulationShift",
    "ProblemDetails",
    "ProfileRef",
    "Readiness",
    "Rejected",
    "Scores",
    "Snapshot",
    "SnapshotPage",
    "SnapshotStatus",
    "SnapshotTakenFor",
    "TimeBucket",
    "TopicCount",
    "TopicCounts",
    "TopicDifference",
    "Topics",
    "TopicShare",
    "Withheld",
    "WithheldReason",
)
