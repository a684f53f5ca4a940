#!/bin/sh
# One archive that stands alone: all of cedar, what it needs of base, and only the names of cedar.h visible outside.
# Usage: archive.sh OUTPUT SCRATCH-DIR CEDAR-ARCHIVE BASE-ARCHIVE
set -eu
out=$1 dir=$2 cedar=$3 base=$4
mkdir -p "$dir"
ld -r -o "$dir/all.o" --whole-archive "$cedar" --no-whole-archive "$base"
objcopy --localize-hidden "$dir/all.o" "$dir/cedar.o"
rm -f "$out"
ar rcsD "$out" "$dir/cedar.o"
