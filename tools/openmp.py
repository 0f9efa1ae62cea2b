"""See that OpenMP's run-time library is there (the boosted model needs it), and install it where we may.

LightGBM's wheel links to the system's libgomp1, which a bare machine can lack.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys


def present() -> bool:
    if sys.platform == "win32":
        return True
    try:
        ctypes.CDLL("libomp.dylib" if sys.platform == "darwin" else "libgomp.so.1")
    except OSError:
        return False
    return True


def main() -> int:
    if present():
        return 0
    if sys.platform.startswith("linux") and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing libgomp1 (OpenMP, needed by the boosted model) ...")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update"], check=False, **quiet)  # type: ignore[call-overload]
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "libgomp1"], check=False, **quiet)  # type: ignore[call-overload]
        if present():
            return 0
    cure = (
        "brew install libomp"
        if sys.platform == "darwin"
        else "sudo apt-get install libgomp1 (or your system's name for it)"
    )
    print(f"OpenMP's run-time library is missing; the boosted model can't train without it. Install it with: {cure}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
