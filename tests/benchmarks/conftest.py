"""Makes the benchmark's package importable without its folder on the path, where files have the names of packages."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2] / "benchmarks" / "head_to_head"

if "head_to_head" not in sys.modules:
    _spec = spec_from_file_location(
        "head_to_head", _PACKAGE / "__init__.py", submodule_search_locations=[str(_PACKAGE)]
    )
    assert _spec is not None
    sys.modules["head_to_head"] = module_from_spec(_spec)
