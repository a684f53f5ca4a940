# The doorway. Everything else is meson's and the scripts'. `make test` and `make demo` install what is missing, build and run.
BUILD ?= build
PREFIX ?= /usr/local

.PHONY: help build test demo check bench fuzz torture regold install install-libcedar clean format
help:
	@sed -n 's/^## //p' Makefile

## make build     install what building needs, leave the binary at build/reeve
build:
	@scripts/deps build
	@TARGETS="reeve tests/ledger/forge_log" scripts/build $(BUILD) -Dbuildtype=release

## make demo      the story with real processes, then it ends (TRY=1 make demo: then a worker's shell to attack from)
demo: build
	@scripts/deps demo
	@scripts/demo

## make test      every test that CI runs; ends with "N passed, N failed, N skipped"
test:
	@scripts/deps
	@tests/run

## make check     the quick part: build, unit tests, layers, headers, format; no network, no root
check:
	@scripts/build build-check -Db_sanitize=address,undefined -Dbuildtype=debug
	@tests/run --quick

## make bench     benchmarks, ratios side by side
bench:
	@scripts/deps
	@scripts/build build-bench -Dbuildtype=release -Dbench=true
	@bench/run build-bench

## make fuzz      every fuzz target, SECONDS_EACH (default 300) each
fuzz:
	@scripts/deps
	@tests/run --only fuzz --fuzz-seconds $${SECONDS_EACH:-300}

## make torture   long fuzzing, a thousand kill -9, faults; hours
torture:
	@scripts/deps
	@tests/run --torture

## make regold    rewrite the golden files; read that diff first
regold:
	@scripts/build build-check -Db_sanitize=address,undefined -Dbuildtype=debug
	@RV_REGOLD=1 meson test -C build-check --no-rebuild --suite golden

## make install   the program, its man page, and libcedar with header, pkg-config file and manual, under PREFIX (/usr/local)
install: build install-libcedar
	install -D -m 0755 $(BUILD)/reeve $(DESTDIR)$(PREFIX)/bin/reeve
	tools/make_man $(BUILD)/reeve >$(BUILD)/reeve.1
	install -D -m 0644 $(BUILD)/reeve.1 $(DESTDIR)$(PREFIX)/share/man/man1/reeve.1

VERSION = $(shell sed -n "s/^  version: '\\(.*\\)',/\\1/p" meson.build)
LIBDIR = $(DESTDIR)$(PREFIX)/lib
LIBCEDAR = src/cedar/libcedar.a src/cedar/libcedar.so.$(VERSION)
install-libcedar: # out of the folder as it was configured: a test installs from the sanitizers' build

	@if [ -f $(BUILD)/build.ninja ]; then ninja -C $(BUILD) $(LIBCEDAR) >/dev/null; \
	else TARGETS="$(LIBCEDAR)" scripts/build $(BUILD) -Dbuildtype=release; fi
	install -D -m 0644 include/cedar.h $(DESTDIR)$(PREFIX)/include/cedar.h
	install -D -m 0644 $(BUILD)/src/cedar/libcedar.a $(LIBDIR)/libcedar.a
	install -m 0755 $(BUILD)/src/cedar/libcedar.so.$(VERSION) $(LIBDIR)/
	ln -sf libcedar.so.$(VERSION) $(LIBDIR)/libcedar.so.0
	ln -sf libcedar.so.0 $(LIBDIR)/libcedar.so
	install -d $(LIBDIR)/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' src/cedar/libcedar.pc.in >$(LIBDIR)/pkgconfig/libcedar.pc
	install -D -m 0644 man/cedar.3 $(DESTDIR)$(PREFIX)/share/man/man3/cedar.3

format:
	clang-format-14 -i $$(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'fuzz/*.[ch]' 'bench/*.[ch]' 'include/*.h')

clean:
	rm -rf build build-*
