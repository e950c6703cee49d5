from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.policy_status import PolicyStatus, check_policy_status

if TYPE_CHECKING:
    from ..models.topic_factor import TopicFactor


T = TypeVar("T", bound="Policy")


@_attrs_define
class Policy:
    """How to recommend to a user now. It follows from the detector's posterior; nothing in it is set by hand.

    Attributes:
        boost (list[TopicFactor]): Topics that the present interest has more of than usual.
        exploration (float): Share to recommend from what the domain's users like, or to try.
        learning_rate (float): How far one more behaviour moves the present interest, 0 to 1: jumps with a change, then
            decays.
        long_term (float): Share to recommend from the user's earlier interests.
        present (float): Share to recommend from the present interest. The three shares add up to 1.
        since (datetime.datetime | None): Time of the first behaviour of the present interest, where known.
        status (PolicyStatus): `new`: nothing is known of the user, the domain's prior is all there is. `warming_up`:
            too little history to judge changes. `uncalibrated`: no profile fits this model, so there are no topics.
        suppress (list[TopicFactor]): Topics that the user has turned away from.
        until (datetime.datetime | None): When the present interest is expected to end, by the hazard of a change and
            the user's pace. Null where there is no pace yet.
    """

    boost: list[TopicFactor]
    exploration: float
    learning_rate: float
    long_term: float
    present: float
    since: datetime.datetime | None
    status: PolicyStatus
    suppress: list[TopicFactor]
    until: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        boost = []
        for boost_item_data in self.boost:
            boost_item = boost_item_data.to_dict()
            boost.append(boost_item)

        exploration = self.exploration

        learning_rate = self.learning_rate

        long_term = self.long_term

        present = self.present

        since: None | str
        if isinstance(self.since, datetime.datetime):
            since = self.since.isoformat()
        else:
            since = self.since

        status: str = self.status

        suppress = []
        for suppress_item_data in self.suppress:
            suppress_item = suppress_item_data.to_dict()
            suppress.append(suppress_item)

        until: None | str
        if isinstance(self.until, datetime.datetime):
            until = self.until.isoformat()
        else:
            until = self.until

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "boost": boost,
                "exploration": exploration,
                "learning_rate": learning_rate,
                "long_term": long_term,
                "present": present,
                "since": since,
                "status": status,
                "suppress": suppress,
                "until": until,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.topic_factor import TopicFactor  # noqa: PLC0415

        d = dict(src_dict)
        boost = []
        _boost = d.pop("boost")
        for boost_item_data in _boost:
            boost_item = TopicFactor.from_dict(boost_item_data)

            boost.append(boost_item)

        exploration = d.pop("exploration")

        learning_rate = d.pop("learning_rate")

        long_term = d.pop("long_term")

        present = d.pop("present")

        def _parse_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                since_type_0 = datetime.datetime.fromisoformat(data)

                return since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        since = _parse_since(d.pop("since"))

        status = check_policy_status(d.pop("status"))

        suppress = []
        _suppress = d.pop("suppress")
        for suppress_item_data in _suppress:
            suppress_item = TopicFactor.from_dict(suppress_item_data)

            suppress.append(suppress_item)

        def _parse_until(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                until_type_0 = datetime.datetime.fromisoformat(data)

                return until_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        until = _parse_until(d.pop("until"))

        policy = cls(
            boost=boost,
            exploration=exploration,
            learning_rate=learning_rate,
            long_term=long_term,
            present=present,
            since=since,
            status=status,
            suppress=suppress,
            until=until,
        )

        policy.additional_properties = d
        return policy

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
