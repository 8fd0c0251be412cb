"""The refusals of the API: a code, its HTTP status, its text in two languages."""

from __future__ import annotations

# code: (status, English, Russian). Only the first two are ChatApp's own.
KNOWN: dict[str, tuple[int, str, str]] = {
    "ApiInvalidTokenError": (403, "Invalid Token", "Неверный токен"),
    "ApiInvalidRefreshTokenError": (
        403,
        "Invalid Refresh Token",
        "Неверный токен обновления",
    ),
    "ApiInvalidCredentialsError": (
        403,
        "Invalid e-mail, password or appId",
        "Неверный e-mail, пароль или appId",
    ),
    "ApiTokenQuotaError": (
        403,
        "The day's quota of tokens is used up",
        "Суточная квота токенов исчерпана",
    ),
    "ApiInvalidParameterError": (422, "Invalid parameter", "Неверный параметр"),
    "ApiRateLimitError": (429, "Too many requests", "Слишком много запросов"),
    "ApiLicenseNotFoundError": (404, "License not found", "Лицензия не найдена"),
    "ApiLicenseExpiredError": (400, "License has expired", "Лицензия истекла"),
    "ApiMessengerNotFoundError": (
        404,
        "The license has no such messenger",
        "В лицензии нет такого мессенджера",
    ),
    "ApiChatNotFoundError": (
        400,
        "The number is not on WhatsApp",
        "Номера нет в WhatsApp",
    ),
    "ApiCallbackUrlError": (
        400,
        "The callback URL did not answer 200 to an empty POST",
        "Адрес не ответил 200 на пустой POST",
    ),
    "ApiNotFoundError": (404, "Not found", "Не найдено"),
    "ApiMethodNotAllowedError": (405, "Method not allowed", "Метод не разрешён"),
}


class ApiError(Exception):
    """A request is refused, with a code out of ``KNOWN``."""

    def __init__(
        self, code: str, message: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = KNOWN[code][0]
        self.headers = headers or {}
        self._message = message

    def message(self, language: str) -> str:
        """The text in Russian for ``ru``, in English for everything else."""
        if self._message:
            return self._message
        _, english, russian = KNOWN[self.code]
        return russian if language == "ru" else english
