from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no bwrap')\ndef test_it(): ...\n",
    "call": "import pytest\ndef test_it(): pytest.skip('no bwrap')\n",
    "fixture": "import pytest\n@pytest.fixture\ndef f(): pytest.skip('no bwrap')\ndef test_it(f): ...\n",
    "module": "import pytest\npytest.skip('no bwrap', allow_module_level=True)\n",
    "import": "import pytest\npytest.importorskip('no_such_module', reason='no bwrap')\n",
}


def run(folder: Path, text: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, env=os.environ | {"CI": ci}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", TESTS)
def test_a_skipped_test_fails_in_ci(tmp_path: Path, way: str) -> None:
    done = run(tmp_path, TESTS[way], "true")
    assert done.returncode in (1, 2) and "nothing may be" in done.stdout and "no bwrap" in done.stdout


def test_elsewhere_a_skipped_test_is_skipped(tmp_path: Path) -> None:
    done = run(tmp_path, TESTS["call"], "")
    assert done.returncode == 0 and "1 skipped" in done.stdout


def test_passing_and_expected_failures_stay_what_they_are(tmp_path: Path) -> None:
    text = "import pytest\ndef test_a(): ...\n@pytest.mark.xfail\ndef test_b(): assert 0\n"
    done = run(tmp_path, text, "true")
    assert done.returncode == 0 and "1 passed, 1 xfailed" in done.stdout
