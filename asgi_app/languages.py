"""In which language a page is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import async_only_middleware

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


# Django's own LocaleMiddleware would cost two more thread hops a request.
@async_only_middleware
def language(get_response: GetResponse) -> GetResponse:
    """Takes the language from the switch's cookie, the browser, or LANGUAGE_CODE."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        chosen = translation.get_language_from_request(request)
        # Not undone afterwards: a streamed body is made later, and each request has a
        # context of its own.
        translation.activate(chosen)
        response = await get_response(request)
        # What caches may keep, the style sheet, is the same in every language.
        if "Cache-Control" not in response.headers:
            response.headers.setdefault("Content-Language", chosen)
            patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response

    return middleware
