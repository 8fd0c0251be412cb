"""The program's worker with the times of `shortened`."""

from __future__ import annotations

import uvloop

import worker
from tests.chaos import shortened

if __name__ == "__main__":
    shortened.apply_all(worker)
    uvloop.run(worker.main())
