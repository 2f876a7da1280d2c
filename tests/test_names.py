"""What `import energan` offers, and that it stays light until something is used."""

import subprocess
import sys

import energan


def test_the_names_are_there() -> None:
    assert callable(energan.data.load) and callable(energan.load)


def test_nothing_heavy_comes_with_the_package() -> None:
    code = "import sys, energan; sys.exit('torch' in sys.modules or 'energan.data' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
