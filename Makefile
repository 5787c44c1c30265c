# SPDX-License-Identifier: GPL-2.0-or-later
# bulkhead: one makefile, no recursion; everything that is generated goes under build/.
#
#   make              both programs (release, hardened)
#   make run          installs what is missing, builds, runs the agent in the foreground (root)
#   make test         installs what the tests need, builds, runs every test (root)
#   make unit         unit tests alone; SAN=address,undefined or SAN=thread for sanitizers
#   make integration  integration tests alone (root); T=name runs those whose name holds it
#   make lint         clang-format, clang-tidy, cppcheck, gcc -fanalyzer
#   make bench        figures: floor, ours, ratios (root)
#   make install      DESTDIR= PREFIX=/usr/local; make uninstall takes it away again
#   make clean

VERSION := 0.1.0
REVISION := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

PREFIX ?= /usr/local
DESTDIR ?=
SYSCONFDIR ?= /etc
UNITDIR ?= /lib/systemd/system
BUILD ?= build
CC := gcc
PYTHON := /usr/bin/python3

SAN ?=
ifneq ($(SAN),)
comma := ,
OUT := $(BUILD)/san-$(subst $(comma),-,$(SAN))
else
OUT := $(BUILD)
endif
OBJ := $(OUT)/obj

WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wformat=2 -Wswitch-enum -Wundef -Wvla
# gcc sees null dereferences across inlined sanitizer checks that are not there
ifeq ($(SAN),)
WARN += -Wnull-dereference
endif
ifeq ($(WERROR),1)
WARN += -Werror
endif

CPPFLAGS := -I. -D_GNU_SOURCE -isystem $(OUT)/gen \
	-DBULKHEAD_VERSION='"$(VERSION)"' -DBULKHEAD_REVISION='"$(REVISION)"'
BASE_CFLAGS := -std=gnu11 -g -fno-common -fPIE -pthread -ffile-prefix-map=$(CURDIR)=. $(WARN)
ifneq ($(SAN),)
CFLAGS := -O1 -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all $(BASE_CFLAGS)
LDFLAGS := -pie -pthread -fsanitize=$(SAN)
else
CPPFLAGS += -D_FORTIFY_SOURCE=3
CFLAGS := -O2 -fstack-protector-strong -fstack-clash-protection $(BASE_CFLAGS)
LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed
endif
# Poisoned names come last: -include reads banned.h after nothing, so it pulls the system headers
# that declare them in first.
CPPFLAGS += -include collector/base/banned.h

DAEMON_LIBS := -lyaml -ljansson -lnettle -lcap -lm
SERVE_LIBS := -lmicrohttpd -lrrd -ljansson -lseccomp -lgnutls -lz -lm

BASE_SRC := $(wildcard collector/base/*.c)
WIRE_SRC := $(wildcard collector/wire*.c)
DAEMON_SRC := $(filter-out collector/main.c,$(wildcard collector/*.c)) $(BASE_SRC) \
	$(wildcard detector/*.c)
SERVE_SRC := $(filter-out http/main.c,$(wildcard http/*.c)) $(BASE_SRC) $(WIRE_SRC)

objs = $(patsubst %.c,$(OBJ)/%.o,$(1))

all: $(OUT)/bulkheadd $(OUT)/bulkhead
.PHONY: all run test unit integration lint bench install uninstall clean deps test-deps \
	format fuzz
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-5s %s\n' $(1) $(2)
else
Q :=
say = @:
endif

$(OBJ)/%.o: %.c $(OUT)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Rebuilds everything when flags or version change, and nothing when they do not.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

# Static files of the dashboard become C arrays; sorted, so that the bytes are reproducible.
ASSETS := $(sort $(wildcard http/dashboard/*))
ifneq ($(ASSETS),)
$(OUT)/gen/assets.c: $(ASSETS) http/embed.sh
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)sh http/embed.sh $(ASSETS) > $@
$(OUT)/gen/assets.o: $(OUT)/gen/assets.c $(OUT)/flags
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
SERVE_GEN := $(OUT)/gen/assets.o
endif

$(OUT)/libdaemon.a: $(call objs,$(DAEMON_SRC))
$(OUT)/libserve.a: $(call objs,$(SERVE_SRC)) $(SERVE_GEN)
%.a:
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcsD $@ $^

$(OUT)/bulkheadd: $(OBJ)/collector/main.o $(OUT)/libdaemon.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

$(OUT)/bulkhead: $(OBJ)/http/main.o $(OUT)/libserve.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(SERVE_LIBS)

# --- unit tests: tests/unit/{collector,http}/test_NAME.c, one program each -------------------
TEST_DAEMON := $(patsubst tests/unit/collector/%.c,$(OUT)/unit/collector/%,\
	$(wildcard tests/unit/collector/test_*.c))
TEST_SERVE := $(patsubst tests/unit/http/%.c,$(OUT)/unit/http/%,\
	$(wildcard tests/unit/http/test_*.c))
UNIT_HELP := $(call objs,$(wildcard tests/unit/*.c))

$(OUT)/unit/collector/%: $(OBJ)/tests/unit/collector/%.o $(UNIT_HELP) $(OUT)/libdaemon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) -lcmocka
$(OUT)/unit/http/%: $(OBJ)/tests/unit/http/%.o $(UNIT_HELP) $(OUT)/libserve.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(SERVE_LIBS) -lcmocka

unit: $(TEST_DAEMON) $(TEST_SERVE)
	@sh tests/unit/run.sh $^

# --- helpers of integration tests and benches: one C file, one program, no library of ours ----
TOOLS := $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/integration/*.c tests/bench/*.c))
$(OUT)/tests/%: tests/%.c $(OUT)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -D_GNU_SOURCE -Wall -Wextra -static -pthread -o $@ $<
tools: $(TOOLS)

FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz/%: tests/fuzz/%.c $(DAEMON_SRC) $(SERVE_SRC)
	@mkdir -p $(@D)
	$(Q)clang -I. -D_GNU_SOURCE -DBULKHEAD_VERSION='"fuzz"' -DBULKHEAD_REVISION='"fuzz"' \
		-O1 -g -fsanitize=fuzzer,address,undefined -o $@ $< $(DAEMON_SRC) \
		$(DAEMON_LIBS) -lpthread
fuzz: $(FUZZERS)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

clean:
	rm -rf $(BUILD)
