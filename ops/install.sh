#!/usr/bin/env bash
# Makes .venv from the locks, every file checked against its hash, and this checkout installed in place.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1

python=""
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11 or later is needed, and none of ${PYTHON:-} python3 python3.13 python3.12 python3.11 is one." >&2
    echo "Install it (Debian, Ubuntu: apt-get install python3 python3-venv) or say: make PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2
    exit 1
fi

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "making .venv with $("$python" --version) …"
    rm -rf .venv
    "$python" -m venv .venv
fi
echo "installing the locked versions …"
.venv/bin/python -m pip install --quiet --require-hashes --requirement ops/bootstrap.lock
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/.installed
