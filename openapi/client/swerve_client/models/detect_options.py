from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.detect_options_detector import DetectOptionsDetector, check_detect_options_detector
from ..models.detect_options_encoding_format import DetectOptionsEncodingFormat, check_detect_options_encoding_format
from ..models.detect_options_include_item import DetectOptionsIncludeItem, check_detect_options_include_item
from ..types import UNSET, Unset

T = TypeVar("T", bound="DetectOptions")


@_attrs_define
class DetectOptions:
    """How to judge and what to send back.

    Attributes:
        detector (DetectOptionsDetector | Unset): The score that decides `mutated`. Default: 'bayes'.
        encoding_format (DetectOptionsEncodingFormat | Unset): Of vectors in the response. Default: 'float'.
        include (list[DetectOptionsIncludeItem] | Unset): The large parts of the response; all of them if absent.
        persist (bool | Unset): False: read the stored state, write nothing. Default: True.
        threshold (float | None | Unset): Instead of the calibrated or configured one.
    """

    detector: DetectOptionsDetector | Unset = "bayes"
    encoding_format: DetectOptionsEncodingFormat | Unset = "float"
    include: list[DetectOptionsIncludeItem] | Unset = UNSET
    persist: bool | Unset = True
    threshold: float | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        detector: str | Unset = UNSET
        if not isinstance(self.detector, Unset):
            detector = self.detector

        encoding_format: str | Unset = UNSET
        if not isinstance(self.encoding_format, Unset):
            encoding_format = self.encoding_format

        include: list[str] | Unset = UNSET
        if not isinstance(self.include, Unset):
            include = []
            for include_item_data in self.include:
                include_item: str = include_item_data
                include.append(include_item)

        persist = self.persist

        threshold: float | None | Unset
        if isinstance(self.threshold, Unset):
            threshold = UNSET
        else:
            threshold = self.threshold

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if detector is not UNSET:
            field_dict["detector"] = detector
        if encoding_format is not UNSET:
            field_dict["encoding_format"] = encoding_format
        if include is not UNSET:
            field_dict["include"] = include
        if persist is not UNSET:
            field_dict["persist"] = persist
        if threshold is not UNSET:
            field_dict["threshold"] = threshold

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _detector = d.pop("detector", UNSET)
        detector: DetectOptionsDetector | Unset
        if isinstance(_detector, Unset):
            detector = UNSET
        else:
            detector = check_detect_options_detector(_detector)

        _encoding_format = d.pop("encoding_format", UNSET)
        encoding_format: DetectOptionsEncodingFormat | Unset
        if isinstance(_encoding_format, Unset):
            encoding_format = UNSET
        else:
            encoding_format = check_detect_options_encoding_format(_encoding_format)

        _include = d.pop("include", UNSET)
        include: list[DetectOptionsIncludeItem] | Unset = UNSET
        if _include is not UNSET:
            include = []
            for include_item_data in _include:
                include_item = check_detect_options_include_item(include_item_data)

                include.append(include_item)

        persist = d.pop("persist", UNSET)

        def _parse_threshold(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        threshold = _parse_threshold(d.pop("threshold", UNSET))

        detect_options = cls(
            detector=detector,
            encoding_format=encoding_format,
            include=include,
            persist=persist,
            threshold=threshold,
        )

        return detect_options
