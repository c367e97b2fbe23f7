#!/usr/bin/env bash
# Builds the fuzz targets once (tests/fuzz, with AddressSanitizer) and runs each for a while, one after the other.
# Starts from the seeds, the finds, what earlier runs collected, and conformance data where it is there (never copied
# into the project). Ends at the first find with its file, which then belongs into tests/fuzz/finds/TARGET.
#   usage: fuzz.sh [SECONDS] [TARGET…]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-600}
shift || true
built=${FUZZ_TARGET_DIR:-$PWD/target/fuzz}
corpora=${POSTEL_CORPORA:-$PWD/../shared/data}
triple=$(rustc -vV | sed -n 's/^host: //p')
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(addresses cut html mail signatures smtp spf)

if ! command -v c++ >/dev/null; then
    echo "A C++ compiler is missing (libFuzzer is C++). Debian's name: g++" >&2
    exit 1
fi
if ! command -v cargo-fuzz >/dev/null; then
    echo "Installing cargo-fuzz (1 to 2 minutes)"
    cargo install --locked cargo-fuzz --version 0.13.2
fi
# The versions that are tested are the project's; libFuzzer itself is added.
cp Cargo.lock tests/fuzz/Cargo.lock
# The switches for coverage and sanitizers are unstable; the pinned stable compiler has them behind this word.
RUSTC_BOOTSTRAP=1 cargo fuzz build --fuzz-dir tests/fuzz --release --debug-assertions --target-dir "$built"

# Seeds of others, by target; absent ones are passed over.
others() {
    case $1 in
    mail) echo "$corpora/mime $corpora/charset $corpora/autoreply-bounce" ;;
    html) echo "$corpora/html-text" ;;
    cut) echo "$corpora/reply-discourse-trimmer $corpora/reply-forward-parser" ;;
    esac
}

summary=()
for target in "${targets[@]}"; do
    found=$built/corpus/$target
    mkdir -p "$found" "$built/finds/$target"
    folders=("$found" "tests/fuzz/seeds/$target")
    for folder in "tests/fuzz/finds/$target" $(others "$target"); do
        [ -d "$folder" ] && folders+=("$folder")
    done
    largest=65536
    # Its bytes come one by one, each through several tasks.
    [ "$target" = smtp ] && largest=4096
    [ "$target" = addresses ] && largest=1024
    echo "== $target, $seconds s"
    log=$built/$target.log
    # SQLite has two static tables of one name in its one file, which is no fault.
    ASAN_OPTIONS=quarantine_size_mb=32:detect_leaks=0:detect_odr_violation=0 "$built/$triple/release/$target" \
        -max_total_time="$seconds" -timeout=25 -rss_limit_mb=512 -max_len=$largest -print_final_stats=1 \
        -dict=tests/fuzz/words.dict -artifact_prefix="$built/finds/$target/" "${folders[@]}" >"$log" 2>&1 || {
        tail -n 60 "$log"
        echo "A find of $target: the file that it names above. Mend the fault at its place, then keep the file in tests/fuzz/finds/$target." >&2
        exit 1
    }
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    cover=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -1)
    summary+=("fuzz $target: $runs runs, $cover, no find")
done
printf '%s\n' "${summary[@]}"
