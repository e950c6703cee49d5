from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.export_tables import ExportTables


T = TypeVar("T", bound="Export")


@_attrs_define
class Export:
    """Everything held about a user in one domain, as of one moment.

    Attributes:
        domain (str):
        exported_at (datetime.datetime):
        tables (ExportTables): For each table that holds something of users, the user's rows by column. What each column
            is and why it is kept is in docs/privacy.md. `user_key` is in hexadecimal, vectors are numbers, and the
            detectors' `state` is shown by its parts, with its bytes in base64 as `data`.
        user_id (str): As asked for; it is not stored.
    """

    domain: str
    exported_at: datetime.datetime
    tables: ExportTables
    user_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        domain = self.domain

        exported_at = self.exported_at.isoformat()

        tables = self.tables.to_dict()

        user_id = self.user_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "domain": domain,
                "exported_at": exported_at,
                "tables": tables,
                "user_id": user_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.export_tables import ExportTables  # noqa: PLC0415

        d = dict(src_dict)
        domain = d.pop("domain")

        exported_at = datetime.datetime.fromisoformat(d.pop("exported_at"))

        tables = ExportTables.from_dict(d.pop("tables"))

        user_id = d.pop("user_id")

        export = cls(
            domain=domain,
            exported_at=exported_at,
            tables=tables,
            user_id=user_id,
        )

        export.additional_properties = d
        return export

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
