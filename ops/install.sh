#!/usr/bin/env bash
# Makes .venv from the locks, every file checked against its hash, and this checkout installed in place.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1

usable() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

candidates=(python3 /usr/bin/python3 python3.13 python3.12 python3.11)
if [ -n "${PYTHON:-}" ]; then candidates=("$PYTHON"); fi

# The quickest of those that can make virtual environments: see ops/how_quick.py.
quickest() {
    local candidate milliseconds least=""
    for candidate in "${candidates[@]}"; do
        usable "$candidate" || continue
        milliseconds=$("$candidate" -I ops/how_quick.py)
        # The first keeps its place unless another is a tenth quicker.
        if [ -z "$least" ] || [ $((milliseconds * 10)) -lt $((least * 9)) ]; then
            python=$candidate least=$milliseconds
        fi
    done
}

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=""
    quickest
    if [ -z "$python" ]; then
        echo "Python 3.11 or later that can make virtual environments is needed; none of these is one: ${candidates[*]}" >&2
        echo "Install it (Debian, Ubuntu: apt-get install python3 python3-venv) or say: make PYTHON=/path/to/python3" >&2
        exit 1
    fi
    echo "making .venv with $("$python" --version), $(command -v "$python") …"
    rm -rf .venv
    "$python" -m venv .venv
fi
echo "installing the locked versions …"
.venv/bin/python -m pip install --quiet --require-hashes --requirement ops/bootstrap.lock
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/.installed
