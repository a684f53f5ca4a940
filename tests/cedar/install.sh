#!/bin/sh
# libcedar as others get it: installed below a folder, found by pkg-config, used by a program that knows cedar.h alone, shared and
# static; and no name of ours outside but those of the header. Prints TAP.
# Usage: install.sh SANITIZERS (as meson's b_sanitize)
set -u
flags=
[ "$1" = none ] || flags="-fsanitize=$1"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0
is() { # NAME, command...
	name=$1
	shift
	n=$((n + 1))
	if "$@" >"$dir/out" 2>&1; then echo "ok $n - $name"; else echo "not ok $n - $name: $(head -c 400 "$dir/out" | tr '\n' ' ')"; fi
}
cd "$RV_SOURCE" || exit 1
is 'make install' make -s install-libcedar BUILD="$RV_BUILD" DESTDIR="$dir" PREFIX=/usr/local
root=$dir/usr/local
export PKG_CONFIG_PATH="$root/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$dir" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
is 'pkg-config knows it' pkg-config --exists 'libcedar >= 0.1'
# shellcheck disable=SC2046,SC2086
is 'a program of cedar.h alone, shared' ${CC:-cc} -Wall -Wextra -Werror $flags -o "$dir/shared" examples/cedar/authorize.c $(pkg-config --cflags --libs libcedar)
# shellcheck disable=SC2046,SC2086
is 'a program of cedar.h alone, static' ${CC:-cc} -Wall -Wextra -Werror $flags -o "$dir/static" examples/cedar/authorize.c $(pkg-config --cflags libcedar) "$root/lib/libcedar.a" -lm
answers() { [ "$(LD_LIBRARY_PATH=$root/lib "$1" | tr '\n' ' ')" = "allow   permit ops " ]; }
is 'the shared one answers' answers "$dir/shared"
is 'the static one answers' answers "$dir/static"
# Everything a header declares is a function; nothing else may be seen.
declared() { sed -n 's/.*[ *]\(cedar_[a-z_0-9]*\)(.*/\1/p' include/cedar.h | sort -u; }
declared >"$dir/declared"
foreign() { nm "$@" --defined-only | awk '$2 ~ /[TDBRVWi]/ { print $3 }' | sort -u | comm -23 - "$dir/declared" | grep -v -e '^__odr_asan' -e '^_fini$' -e '^_init$' >"$dir/foreign"; cat "$dir/foreign"; [ ! -s "$dir/foreign" ]; }
is 'no other name in the shared library' foreign -D "$root/lib/libcedar.so"
is 'no other name in the static library' foreign -g "$root/lib/libcedar.a"
needed() { ! readelf -d "$root/lib/libcedar.so" | grep NEEDED | grep -v -e 'libc\.so' -e 'libm\.so' -e 'libasan' -e 'libubsan' -e 'libpthread' -e ld-linux; }
is 'it needs no library but the system'"'"'s' needed
is 'its manual page is there' grep -q '^.SH SYNOPSIS' "$root/share/man/man3/cedar.3"
echo "1..$n"
