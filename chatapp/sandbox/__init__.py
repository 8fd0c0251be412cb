"""A stand-in for the ChatApp API, for the demo and the tests; nothing leaves it.

It behaves as the working contract of the API says. What that contract leaves
unknown is our own invention, and always the stricter reading:

* a refresh kills the old pair at once;
* log-ins and refreshes both count against the 100 tokens in 24 hours;
* wrong credentials: 403 ``ApiInvalidCredentialsError``;
* quota used up: 403 ``ApiTokenQuotaError``;
* bad parameter: 422 ``ApiInvalidParameterError``;
* over the rate limit: 429 ``ApiRateLimitError`` with ``Retry-After: 1``;
* unknown licence or messenger: 404 ``ApiLicenseNotFoundError``,
  ``ApiMessengerNotFoundError``; licence past its date: 400
  ``ApiLicenseExpiredError``;
* a number without WhatsApp: 400 ``ApiChatNotFoundError``;
* a callback URL that does not answer 200 to an empty POST, or is not on this
  computer or a private network: 400 ``ApiCallbackUrlError``.

Licences: 50001 (grWhatsApp, paid), 50002 (caWhatsApp and telegram, paid),
50003 (grWhatsApp, expired).
"""
