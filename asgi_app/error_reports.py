"""Errors told to Sentry, where SENTRY_DSN names one: without secrets and phones."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from asgi_app.logs import LineFormatter


def report_errors() -> None:
    """From now on reports what is logged as an error; does nothing without a DSN."""
    if not settings.SENTRY_DSN:
        return
    # Only here: it takes a while, and most do without.
    import sentry_sdk

    mask = LineFormatter(settings.MASKED_SECRETS).mask

    def scrub(event: Any, _hint: Any) -> Any:
        event.pop("request", None)
        event.pop("server_name", None)
        return _masked(event, mask)

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        send_default_pii=False,
        # A variable may be a token, a text or a list of phones.
        include_local_variables=False,
        max_request_body_size="never",
        # What is logged as an error is reported; nothing is traced.
        auto_enabling_integrations=False,
        before_send=scrub,
        before_breadcrumb=lambda _crumb, _hint: None,
    )


def _masked(value: Any, mask: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(item, mask) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, mask) for item in value]
    return value
