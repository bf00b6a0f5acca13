"""The page on the architecture is the one that the import contract generates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parent.parent / "tools" / "architecture.py"


def test_the_page_on_the_architecture_is_up_to_date():
    subprocess.run([sys.executable, TOOL, "--check"], check=True)
