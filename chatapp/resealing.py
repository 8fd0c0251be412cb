"""Seals the stored tokens anew after SECRET_KEY has changed."""

from __future__ import annotations

from chatapp.encryption import seal, unseal
from chatapp.models import Account


def reseal() -> int:
    """Seals every stored token with the key of today; returns how many.

    Raises SealBroken where no key of the settings opens one. A renewal under way is
    not disturbed: the row keeps its version, and a newer pair is left alone.
    """
    resealed = 0
    for row in Account.objects.all():
        names = [n for n in ("sealed_access", "sealed_refresh") if getattr(row, n)]
        was = {name: getattr(row, name) for name in names}
        anew = {name: seal(unseal(sealed)) for name, sealed in was.items()}
        if anew and Account.objects.filter(pk=row.pk, **was).update(**anew):
            resealed += len(anew)
    return resealed
