"""What Python imports first in the processes that `lineage run` starts: its folder is on PYTHONPATH there.

A `sitecustomize` of the environment's own comes after it as if this one were not there.
"""

import os
import sys
from contextlib import suppress

_HERE = os.path.dirname(os.path.abspath(__file__))


def _import_the_other() -> None:
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != _HERE]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as missing:
        if missing.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


try:
    with suppress(ImportError):  # another interpreter, which has not this package
        import lineage  # noqa: F401 - which follows LINEAGE_INSTRUMENT
finally:
    _import_the_other()
