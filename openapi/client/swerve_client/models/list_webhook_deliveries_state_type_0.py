from typing import Literal

ListWebhookDeliveriesStateType0 = Literal["delivered", "failed", "pending"]

LIST_WEBHOOK_DELIVERIES_STATE_TYPE_0_VALUES: set[ListWebhookDeliveriesStateType0] = {
    "delivered",
    "failed",
    "pending",
}


def check_list_webhook_deliveries_state_type_0(value: str) -> ListWebhookDeliveriesStateType0:
    if value in LIST_WEBHOOK_DELIVERIES_STATE_TYPE_0_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {LIST_WEBHOOK_DELIVERIES_STATE_TYPE_0_VALUES!r}")
