"""For how long answers to programs are kept."""

from __future__ import annotations

from datetime import timedelta

from asgi_app.database import orm_now
from campaigns.models import KeptAnswer

KEPT_FOR = timedelta(hours=24)


def is_over(kept: KeptAnswer) -> bool:
    return kept.kept_at <= orm_now() - KEPT_FOR


def forget_old() -> None:
    """Deletes what is kept no longer, by the index `answer_kept`."""
    KeptAnswer.objects.filter(kept_at__lte=orm_now() - KEPT_FOR).delete()
