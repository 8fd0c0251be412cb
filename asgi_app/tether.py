"""Becomes a program that dies with its parent: `tether.py SIGNAL PARENT COMMAND…`.

A small program and not a `preexec_fn`: that one runs between fork and exec, where a
lock held by another thread of the parent would hang it. Needs nothing but the standard
library, so that it starts in about 10 ms.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    death_signal, parent, *command = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.Signals(int(death_signal))) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        # A parent that died before the call above sends nothing any more.
        if os.getppid() != int(parent):
            sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as exc:
        sys.exit(f"{command[0]}: {exc.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
