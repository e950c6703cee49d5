from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.memory_weight import MemoryWeight
    from ..models.policy import Policy


T = TypeVar("T", bound="PolicyInForce")


@_attrs_define
class PolicyInForce:
    """The policy of a user, with what it rests on.

    Attributes:
        as_of (datetime.datetime | None): Time of the newest behaviour in it. Null for a new user.
        behaviors (int): The user's behaviours up to then.
        changes (int): Changes of interest so far.
        domain (str):
        memories (list[MemoryWeight]): Which memory foretells this user best, learnt from behaviours on items that were
            new to the user.
        policy (Policy): How to recommend to a user now. It follows from the detector's posterior; nothing in it is set
            by hand.
        user_id (str):
    """

    as_of: datetime.datetime | None
    behaviors: int
    changes: int
    domain: str
    memories: list[MemoryWeight]
    policy: Policy
    user_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        as_of: None | str
        if isinstance(self.as_of, datetime.datetime):
            as_of = self.as_of.isoformat()
        else:
            as_of = self.as_of

        behaviors = self.behaviors

        changes = self.changes

        domain = self.domain

        memories = []
        for memories_item_data in self.memories:
            memories_item = memories_item_data.to_dict()
            memories.append(memories_item)

        policy = self.policy.to_dict()

        user_id = self.user_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "as_of": as_of,
                "behaviors": behaviors,
                "changes": changes,
                "domain": domain,
                "memories": memories,
                "policy": policy,
                "user_id": user_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.memory_weight import MemoryWeight  # noqa: PLC0415
        from ..models.policy import Policy  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_as_of(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                as_of_type_0 = datetime.datetime.fromisoformat(data)

                return as_of_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        as_of = _parse_as_of(d.pop("as_of"))

        behaviors = d.pop("behaviors")

        changes = d.pop("changes")

        domain = d.pop("domain")

        memories = []
        _memories = d.pop("memories")
        for memories_item_data in _memories:
            memories_item = MemoryWeight.from_dict(memories_item_data)

            memories.append(memories_item)

        policy = Policy.from_dict(d.pop("policy"))

        user_id = d.pop("user_id")

        policy_in_force = cls(
            as_of=as_of,
            behaviors=behaviors,
            changes=changes,
            domain=domain,
            memories=memories,
            policy=policy,
            user_id=user_id,
        )

        policy_in_force.additional_properties = d
        return policy_in_force

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
