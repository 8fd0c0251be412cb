"""What was found in the chats after a backup was put back, as a line keeps it.

Pure. It stands in `LineClock.stopped_reason` while the line stands still for it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

# The line's waiting messages are looked for in their chats, and nothing leaves.
RESTORED = "restored"
# All of them were: somebody may let the line go on.
LOOKED_THROUGH = "restored_looked_through"


@dataclass(frozen=True)
class Findings:
    """How many were looked for since `backed_up_at` (ISO, may be unknown: empty).

    `doubtful` are those of which the history does not tell.
    """

    backed_up_at: str = ""
    looked: int = 0
    found: int = 0
    doubtful: int = 0

    @property
    def since(self) -> datetime | None:
        return datetime.fromisoformat(self.backed_up_at) if self.backed_up_at else None

    def plus(self, *, looked: int, found: int, doubtful: int) -> Findings:
        return Findings(
            self.backed_up_at,
            self.looked + looked,
            self.found + found,
            self.doubtful + doubtful,
        )

    def write(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Findings | None:
        """None for a text that `write` has not written."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None
