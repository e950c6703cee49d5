"""Contains all the data models used in inputs/outputs"""

from .batch_item import BatchItem
from .batch_request import BatchRequest
from .batch_response import BatchResponse
from .because import Because
from .because_relation import BecauseRelation
from .behavior import Behavior
from .catalogue_item import CatalogueItem
from .catalogue_item_attributes import CatalogueItemAttributes
from .catalogue_item_encoding import CatalogueItemEncoding
from .change import Change
from .change_detector import ChangeDetector
from .change_kind_type_0 import ChangeKindType0
from .check import Check
from .cloud_event import CloudEvent
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
from .domain_mutations import DomainMutations
from .domain_mutations_bucket import DomainMutationsBucket
from .encode_request import EncodeRequest
from .encode_request_encoding_format import EncodeRequestEncodingFormat
from .encode_response import EncodeResponse
from .event_data import EventData
from .explanation import Explanation
from .export import Export
from .export_tables import ExportTables
from .export_tables_additional_property_item import ExportTablesAdditionalPropertyItem
from .field_error import FieldError
from .get_domain_mutations_bucket import GetDomainMutationsBucket
from .get_history_encoding_format import GetHistoryEncodingFormat
from .get_interest_encoding_format import GetInterestEncodingFormat
from .get_item_encoding_format import GetItemEncodingFormat
from .get_item_include_item import GetItemIncludeItem
from .interest import Interest
from .item_topic import ItemTopic
from .items_progress import ItemsProgress
from .kinds import Kinds
from .list_webhook_deliveries_state_type_0 import ListWebhookDeliveriesStateType0
from .liveness import Liveness
from .loaded_model import LoadedModel
from .memory_weight import MemoryWeight
from .mixture_shares import MixtureShares
from .model_ref import ModelRef
from .mutation import Mutation
from .mutation_event import MutationEvent
from .new_item import NewItem
from .new_item_attributes import NewItemAttributes
from .new_webhook import NewWebhook
from .policy import Policy
from .policy_in_force import PolicyInForce
from .policy_status import PolicyStatus
from .population_shift import PopulationShift
from .problem_details import ProblemDetails
from .profile_ref import ProfileRef
from .put_items_request import PutItemsRequest
from .put_items_response import PutItemsResponse
from .readiness import Readiness
from .recommendation import Recommendation
from .recommendation_attributes import RecommendationAttributes
from .recommendation_source import RecommendationSource
from .recommendations import Recommendations
from .rejected import Rejected
from .resend import Resend
from .resent import Resent
from .rotation import Rotation
from .scores import Scores
from .snapshot import Snapshot
from .snapshot_page import SnapshotPage
from .snapshot_status import SnapshotStatus
from .snapshot_taken_for import SnapshotTakenFor
from .space_progress import SpaceProgress
from .test_result import TestResult
from .time_bucket import TimeBucket
from .topic_count import TopicCount
from .topic_counts import TopicCounts
from .topic_difference import TopicDifference
from .topic_factor import TopicFactor
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
    "Because",
    "BecauseRelation",
    "Behavior",
    "CatalogueItem",
    "CatalogueItemAttributes",
    "CatalogueItemEncoding",
    "Change",
    "ChangeDetector",
    "ChangeKindType0",
    "Check",
    "CloudEvent",
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
    "DomainMutations",
    "DomainMutationsBucket",
    "EncodeRequest",
    "EncodeRequestEncodingFormat",
    "EncodeResponse",
    "EventData",
    "Explanation",
    "Export",
    "ExportTables",
    "ExportTablesAdditionalPropertyItem",
    "FieldError",
    "GetDomainMutationsBucket",
    "GetHistoryEncodingFormat",
    "GetInterestEncodingFormat",
    "GetItemEncodingFormat",
    "GetItemIncludeItem",
    "Interest",
    "ItemsProgress",
    "ItemTopic",
    "Kinds",
    "ListWebhookDeliveriesStateType0",
    "Liveness",
    "LoadedModel",
    "MemoryWeight",
    "MixtureShares",
    "ModelRef",
    "Mutation",
    "MutationEvent",
    "NewItem",
    "NewItemAttributes",
    "NewWebhook",
    "Policy",
    "PolicyInForce",
    "PolicyStatus",
    "PopulationShift",
    "ProblemDetails",
    "ProfileRef",
    "PutItemsRequest",
    "PutItemsResponse",
    "Readiness",
    "Recommendation",
    "RecommendationAttributes",
    "Recommendations",
    "RecommendationSource",
    "Rejected",
    "Resend",
    "Resent",
    "Rotation",
    "Scores",
    "Snapshot",
    "SnapshotPage",
    "SnapshotStatus",
    "SnapshotTakenFor",
    "SpaceProgress",
    "TestResult",
    "TimeBucket",
    "TopicCount",
    "TopicCounts",
    "TopicDifference",
    "TopicFactor",
    "Topics",
    "TopicShare",
    "Webhook",
    "WebhookList",
    "WebhookUpdate",
    "WebhookWithSecret",
    "Withheld",
    "WithheldReason",
)
