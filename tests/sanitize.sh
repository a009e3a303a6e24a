#!/usr/bin/env bash
# Runs the tests under AddressSanitizer and a sample of them under valgrind.
# usage: tests/sanitize.sh [asan|valgrind|all] [FILTER]
set -euo pipefail
cd "$(dirname "$0")/.."

tool=${1:-all}
shift || true
host=$(rustc -vV | sed -n 's/^host: //p')

# In a shell of its own: what it exports must not reach other builds.
asan() (
    # A target named explicitly keeps the flags away from build scripts and macros.
    export RUSTC_BOOTSTRAP=1
    # `gene_asan` makes the heap tell it which cells are free.
    export RUSTFLAGS="-Zsanitizer=address -Cforce-frame-pointers=yes --cfg gene_asan"
    export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:${ASAN_OPTIONS:-}"
    # Frames are several times larger, and the threads of tests have 2 MiB.
    export RUST_MIN_STACK=67108864
    export CARGO_TARGET_DIR=target/sanitize
    # Time limits mean nothing here.
    cargo test --target "$host" --workspace --lib -- --skip linear_time
    # The sanitizer reserves address space that the limit of the tests would deny.
    export GENE_TEST_NO_LIMIT=1
    # Programs take about as many times longer.
    export GENE_TEST_PATIENCE=8
    cargo test --target "$host" --test gene -- "$@"
)

valgrind_sample() {
    command -v valgrind >/dev/null || { echo "valgrind is not installed: skipped" >&2; return; }
    cargo build
    local folder file
    for folder in tests/lang/*/; do
        # The first of each topic that may run in every mode: the others are slow.
        file=$(grep -L '^# modes:' "$folder"*.gene | head -1 || true)
        # Programs that end with an error on purpose give 1; valgrind itself gives 99.
        local code=0
        valgrind --quiet --error-exitcode=99 --main-stacksize=8388608 \
            target/debug/gene run --jit=off "$file" </dev/null >/dev/null 2>target/valgrind.txt || code=$?
        if [ "$code" -eq 99 ]; then
            cat target/valgrind.txt
            echo "valgrind found an error in $file" >&2
            return 1
        fi
        echo "ok $file"
    done
}

case $tool in
    asan) asan "$@" ;;
    valgrind) valgrind_sample ;;
    all) asan "$@"; valgrind_sample ;;
    *) sed -n 's/^# usage/usage/p' "$0" >&2; exit 2 ;;
esac
