# SPDX-License-Identifier: GPL-2.0-or-later
# bulkhead: one makefile, no recursion; everything that is generated goes under build/.
#
#   make              both programs (release, hardened)
#   make run          installs what is missing, builds, runs the agent in the foreground (root)
#   make test         installs what the tests need, builds, runs every test (root)
#   make unit         unit tests alone; SAN=address,undefined or SAN=thread for sanitizers
#   make integration  integration tests alone (root); T=name runs those whose name holds it
#   make soak         1000 containers come and go without a false alarm (root); COUNT=200
#   make vm-test      the agent in virtual machines with Debian's kernels; VM_ARGS="-k cpu"
#   make lint         rules of the tree, clang-format, clang-tidy, cppcheck, gcc -fanalyzer
#   make fuzz-run     each fuzz target for SECONDS=20 (clang)
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

DAEMON_LIBS := -lbpf -lyaml -ljansson -lnettle -lcap -lseccomp -lpcre2-8 -lzstd -lm
SERVE_LIBS := -lmicrohttpd -lrrd -ljansson -lseccomp -lcurl -lgnutls -lz -lzstd -lm

BASE_SRC := $(sort $(wildcard collector/base/*.c))
WIRE_SRC := $(sort $(wildcard collector/wire*.c))
DAEMON_SRC := $(filter-out collector/main.c,$(sort $(wildcard collector/*.c))) $(BASE_SRC) \
	$(sort $(wildcard detector/*.c))
SERVE_SRC := $(filter-out http/main.c,$(sort $(wildcard http/*.c))) $(BASE_SRC) $(WIRE_SRC)

objs = $(patsubst %.c,$(OBJ)/%.o,$(1))

all: $(OUT)/bulkheadd $(OUT)/bulkhead $(OUT)/probe
.PHONY: all tools run test unit integration soak vm-test lint bench install uninstall clean deps test-deps \
	format fuzz fuzz-run
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

# The kernel's programs: compiled once, for every kernel with BTF, and embedded. bpftool writes the
# same bytes whatever the folder is called.
BPF_CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
BPF_FLAGS := -g -O2 -target bpf -mcpu=v3 -I. -idirafter /usr/include/$(shell $(CC) -print-multiarch) \
	-Wall -Wextra -Wno-unused-parameter -Werror -ffile-prefix-map=$(CURDIR)=.
$(OUT)/gen/sensor.bpf.o: bpf/sensor.bpf.c $(wildcard bpf/*.h) $(OUT)/flags
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) $(BPF_FLAGS) -c $< -o $@.raw
	$(Q)$(BPFTOOL) gen object $@ $@.raw
$(OUT)/gen/sensor.skel.h: $(OUT)/gen/sensor.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name sensor_bpf > $@
$(OBJ)/collector/sensor.o $(OBJ)/collector/sensor_maps.o $(OBJ)/collector/sensor_trampoline.o \
	$(OBJ)/collector/sensor_verdicts.o $(OBJ)/tests/sensor/enforcer.o: \
	$(OUT)/gen/sensor.skel.h

$(OUT)/libdaemon.a: $(call objs,$(DAEMON_SRC))
$(OUT)/libserve.a: $(call objs,$(SERVE_SRC)) $(SERVE_GEN)
%.a:
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcsD $@ $^

$(OUT)/bulkheadd: $(OBJ)/collector/main.o $(OUT)/libdaemon.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

# What bulkhead selftest runs in its container: alone there, so static and without a library of ours.
$(OUT)/probe: http/selftest/probe.c $(OUT)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -I. -D_GNU_SOURCE -include collector/base/banned.h $(WARN) \
		-ffile-prefix-map=$(CURDIR)=. -static -s -o $@ $<

$(OUT)/bulkhead: $(OBJ)/http/main.o $(OUT)/libserve.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(SERVE_LIBS)

# --- unit tests: tests/unit/{collector,detector,http}/test_NAME.c, one program each ----------
TEST_DAEMON := $(patsubst tests/unit/collector/%.c,$(OUT)/unit/collector/%,\
	$(wildcard tests/unit/collector/test_*.c))
TEST_DETECTOR := $(patsubst tests/unit/detector/%.c,$(OUT)/unit/detector/%,\
	$(wildcard tests/unit/detector/test_*.c))
TEST_SERVE := $(patsubst tests/unit/http/%.c,$(OUT)/unit/http/%,\
	$(wildcard tests/unit/http/test_*.c))
UNIT_HELP := $(call objs,$(wildcard tests/unit/*.c))

$(OUT)/unit/collector/%: $(OBJ)/tests/unit/collector/%.o $(UNIT_HELP) $(OUT)/libdaemon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) -lcmocka
$(OUT)/unit/detector/%: $(OBJ)/tests/unit/detector/%.o $(UNIT_HELP) $(OUT)/libdaemon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) -lcmocka
$(OUT)/unit/http/%: $(OBJ)/tests/unit/http/%.o $(UNIT_HELP) $(OUT)/libserve.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(SERVE_LIBS) -lcmocka

# A build with sanitizers is not hardened and is not what is installed.
ifeq ($(SAN),)
CHECK_ELF = 'sh tests/unit/check_elf.sh $(OUT)/bulkheadd $(OUT)/bulkhead'
unit: $(OUT)/bulkheadd $(OUT)/bulkhead
endif
unit: $(TEST_DAEMON) $(TEST_DETECTOR) $(TEST_SERVE)
	@sh tests/unit/run.sh $(TEST_DAEMON) $(TEST_DETECTOR) $(TEST_SERVE) \
		'sh tests/lint/check_tree.sh' $(CHECK_ELF)

# --- helpers of integration tests and benches: one C file, one program, no library of ours ----
TOOLS := $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/integration/*.c tests/bench/*.c \
	tests/vm/*.c tests/sensor/*.c))
$(OUT)/tests/%: tests/%.c $(wildcard tests/integration/*.h) $(OUT)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -D_GNU_SOURCE -Wall -Wextra -static -pthread -o $@ $<
# ... but for those that try a module of ours outside of the agent.
SENSOR_TOOLS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/sensor/*.c))
$(SENSOR_TOOLS): $(OUT)/%: $(OBJ)/%.o $(OUT)/libdaemon.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)
tools: $(TOOLS)

# --- all tests: tests/run.sh installs, builds as the user who called sudo, runs, sums ---------
test:
	+@MAKE='$(MAKE)' BULKHEAD_BUILD='$(abspath $(OUT))' sh tests/run.sh
integration:
	+@MAKE='$(MAKE)' BULKHEAD_BUILD='$(abspath $(OUT))' T='$(T)' sh tests/run.sh integration
COUNT ?= 1000
soak:
	+@MAKE='$(MAKE)' BULKHEAD_BUILD='$(abspath $(OUT))' BULKHEAD_CHURN='$(COUNT)' \
		T='isolation_churn' sh tests/run.sh integration

# In every kernel that can be had, without KVM; `make test` runs the short form.
vm-test: all tools
	@BULKHEAD_BUILD='$(abspath $(OUT))' $(PYTHON) tests/vm/run.py $(VM_ARGS)

# Figures, never asserted: run on a quiet machine.
bench: all tools
	@$(PYTHON) tests/bench/bench.py $(OUT) $(BENCH_ARGS)
	@$(PYTHON) tests/bench/sensor.py $(OUT) $(SENSOR_BENCH_ARGS)
	@$(PYTHON) tests/bench/alerts.py $(OUT) $(ALERTS_BENCH_ARGS)
	@$(PYTHON) tests/bench/rules.py $(OUT) $(RULES_BENCH_ARGS)

# --- fuzzing: clang's libFuzzer; the parsers are compiled once for all targets ---------------
FUZZ_DIR := $(BUILD)/fuzz
FUZZ_SRC := $(BASE_SRC) $(WIRE_SRC) \
	$(wildcard collector/cgparse*.c collector/config*.c) collector/cgroup_layout.c \
	collector/identity.c collector/kmsg.c collector/procstat.c http/request.c \
	$(wildcard collector/event_json*.c) collector/event_view.c collector/event_names.c \
	collector/event_text.c collector/json_put.c collector/redact.c collector/redact_text.c \
	$(wildcard detector/condition*.c detector/rule_*.c detector/field*.c detector/path_tree*.c) detector/dns.c \
	$(filter-out $(wildcard detector/baseline_store*.c detector/baseline_export*.c),$(wildcard detector/baseline*.c)) \
	detector/sketch.c detector/maturity.c detector/interpreter.c \
	detector/posture_read.c detector/posture_host_yaml.c \
	detector/invariant.c detector/isolation_mounts.c detector/isolation_mounts_list.c \
	detector/stratum.c detector/stratum_json.c detector/tls_hello.c detector/evt_type.c detector/byte_map.c detector/prefix_set.c detector/pattern.c detector/glob.c detector/needle.c \
	collector/container.c $(wildcard collector/metadata*.c) collector/resolve_text.c
FUZZ_NAMES := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZERS := $(addprefix $(FUZZ_DIR)/,$(FUZZ_NAMES))
FUZZ_CFLAGS := -std=gnu11 -O1 -g -pthread -I. -D_GNU_SOURCE -DBULKHEAD_VERSION='"fuzz"' \
	-DBULKHEAD_REVISION='"fuzz"' -include collector/base/banned.h $(WARN) \
	-fno-sanitize-recover=all
$(FUZZ_DIR)/obj/%.o: %.c Makefile
	$(call say,FUZZ,$<)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c $< -o $@
$(FUZZ_DIR)/libfuzz.a: $(patsubst %.c,$(FUZZ_DIR)/obj/%.o,$(FUZZ_SRC))
$(FUZZ_DIR)/fuzz_%: $(FUZZ_DIR)/obj/tests/fuzz/fuzz_%.o $(FUZZ_DIR)/libfuzz.a
	$(call say,LD,$@)
	$(Q)clang -pthread -fsanitize=fuzzer,address,undefined -o $@ $^ -lyaml -ljansson -lnettle \
		-lseccomp -lpcre2-8 -lzstd -lm
fuzz: $(FUZZERS)
	@:

# Whether clang has the runtime is asked only when it matters.
SECONDS ?= 20
fuzz-run:
	+@if echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null; then \
		$(MAKE) --no-print-directory fuzz || exit 1; fi; \
	sh tests/fuzz/run.sh $(SECONDS) $(FUZZERS)

-include $(shell find $(OUT) $(FUZZ_DIR) -name '*.d' 2>/dev/null | sort -u)

# --- run, install, lint: what follows builds nothing of its own ------------------------------
# Under sudo the build belongs to the user who called it, so that `make` works afterwards too.
ifeq ($(shell id -u)$(if $(SUDO_UID),:sudo),0:sudo)
AS_USER := setpriv --reuid=$(SUDO_UID) --regid=$(or $(SUDO_GID),$(SUDO_UID)) --init-groups -- \
	env HOME="$(shell getent passwd $(SUDO_UID) | cut -d: -f6)"
endif
build-as-user:
	@$(AS_USER) $(MAKE) --no-print-directory all
.PHONY: build-as-user

deps:
	@deploy/install-deps.sh run
test-deps:
	@deploy/install-deps.sh test

# State stays under build/run/; ARGS= adds flags.
RUN_DIR := $(abspath $(BUILD))/run
run:
	@[ "$$(id -u)" -eq 0 ] || { echo "make run needs root: sudo make run" >&2; exit 1; }
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory build-as-user
	@mkdir -p $(RUN_DIR)/state $(RUN_DIR)/run
	@exec $(OUT)/bulkheadd --state-dir $(RUN_DIR)/state --run-dir $(RUN_DIR)/run \
		--set user=auto --print-login-link $(ARGS)

SBINDIR = $(PREFIX)/sbin
BINDIR = $(PREFIX)/bin
CONFDIR = $(SYSCONFDIR)/bulkhead
RULESDIR = $(PREFIX)/share/bulkhead/rules
LIBEXECDIR = $(PREFIX)/libexec/bulkhead
install: build-as-user
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(CONFDIR) \
		$(DESTDIR)$(CONFDIR)/rules.d $(DESTDIR)$(RULESDIR) $(DESTDIR)$(LIBEXECDIR)
	install -m 755 $(OUT)/bulkheadd $(DESTDIR)$(SBINDIR)/bulkheadd
	install -m 755 $(OUT)/bulkhead $(DESTDIR)$(BINDIR)/bulkhead
	install -m 755 $(OUT)/probe $(DESTDIR)$(LIBEXECDIR)/probe
	install -m 644 $(wildcard rules/*.yaml) rules/README.md $(DESTDIR)$(RULESDIR)
	sed 's|/usr/local/sbin|$(SBINDIR)|g; s|/etc/bulkhead|$(CONFDIR)|g' deploy/bulkhead.service \
		> $(DESTDIR)$(UNITDIR)/bulkhead.service
	chmod 644 $(DESTDIR)$(UNITDIR)/bulkhead.service
	@f=$(DESTDIR)$(CONFDIR)/bulkhead.yaml; t=$$(mktemp) || exit 1; trap 'rm -f "$$t"' EXIT; \
		sed 's|/etc/bulkhead|$(CONFDIR)|g' deploy/bulkhead.yaml > $$t; \
		[ ! -e $$f ] || f=$$f.new; \
		cmp -s $$t $${f%.new} || { echo "install $$f"; install -m 644 $$t $$f; }
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || getent passwd bulkhead >/dev/null || { \
		echo "useradd bulkhead: the user of bulkhead serve"; useradd --system --user-group \
		--no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin bulkhead; }
	@[ -n "$(DESTDIR)" ] || ! [ -d /run/systemd/system ] || systemctl daemon-reload
	@echo "start it with: systemctl enable --now bulkhead"

uninstall:
	@[ -n "$(DESTDIR)" ] || ! [ -d /run/systemd/system ] || \
		systemctl disable --now bulkhead 2>/dev/null || true
	rm -f $(DESTDIR)$(SBINDIR)/bulkheadd $(DESTDIR)$(BINDIR)/bulkhead \
		$(DESTDIR)$(UNITDIR)/bulkhead.service
	rm -f $(DESTDIR)$(LIBEXECDIR)/probe
	rm -f $(addprefix $(DESTDIR)$(RULESDIR)/,$(notdir $(wildcard rules/*.yaml)) README.md)
	@rmdir --ignore-fail-on-non-empty $(DESTDIR)$(RULESDIR) $(DESTDIR)$(PREFIX)/share/bulkhead \
		$(DESTDIR)$(LIBEXECDIR) \
		2>/dev/null || true
	@[ -n "$(DESTDIR)" ] || ! [ -d /run/systemd/system ] || systemctl daemon-reload
	@echo "left in place: $(DESTDIR)$(CONFDIR) (settings), $(DESTDIR)/var/lib/bulkhead (tokens," \
		"history), the user bulkhead (userdel bulkhead removes it)"

LINT_SRC := $(sort $(DAEMON_SRC) $(SERVE_SRC) $(wildcard collector/main.c http/main.c))
FORMAT_SRC = $(shell find $(wildcard bpf collector detector http tests) -name '*.[ch]' | sort)
# err.c defines what the assumption wraps; every other file sees it.
LINT_EACH := $(filter-out collector/base/err.c,$(LINT_SRC))
LINT_FLAGS := $(filter-out -D_FORTIFY_SOURCE=3,$(CPPFLAGS)) -std=gnu11 -pthread
LINT_ASSUME := -include tests/lint/assume.h
# Leaks are gcc's alone: clang-tidy and cppcheck do not know cleanup attributes. gcc in turn loses
# sight of memory that a structure of the caller keeps, in these files; LeakSanitizer looks after
# them (make unit SAN=address).
LINT_KEEPS := collector/agent_disk.c collector/agent_slow.c collector/agent_requests.c http/link.c \
	collector/stream.c collector/replay.c collector/agent_sensor_figures.c \
	collector/agent_sensor_cgroups.c http/sink_settings.c \
	collector/metadata_confine.c detector/posture_images.c detector/posture_host_yaml.c
LINT_JOBS ?= 2
format:
	clang-format -i $(FORMAT_SRC)
lint: lint-tree lint-format lint-cppcheck lint-gcc lint-tidy # make -k lint shows all of them
lint-tree:
	@sh tests/lint/check_tree.sh
lint-format:
	clang-format --dry-run -Werror $(FORMAT_SRC)
lint-cppcheck:
	cppcheck -q -j $(LINT_JOBS) --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppress=varFuncNullUB --suppress=memleak \
		--error-exitcode=1 \
		--include=tests/lint/cppcheck.h \
		-I. -D_GNU_SOURCE -DBULKHEAD_VERSION='""' -DBULKHEAD_REVISION='""' $(LINT_SRC)
lint-gcc: $(SERVE_GEN)
	@echo 'gcc -fanalyzer on every file'
	@gcc $(LINT_FLAGS) -O2 -fPIE -fanalyzer -Werror -c collector/base/err.c -o /dev/null
	@printf '%s\n' $(filter-out $(LINT_KEEPS),$(LINT_EACH)) | xargs -P $(LINT_JOBS) -I '{}' \
		gcc $(LINT_FLAGS) $(LINT_ASSUME) -O2 -fPIE -fanalyzer -Werror -c '{}' -o /dev/null
	@printf '%s\n' $(LINT_KEEPS) | xargs -P $(LINT_JOBS) -I '{}' \
		gcc $(LINT_FLAGS) $(LINT_ASSUME) -O2 -fPIE -fanalyzer -Wno-analyzer-malloc-leak \
		-Werror -c '{}' -o /dev/null
lint-tidy: $(SERVE_GEN)
	@echo 'clang-tidy on every file'
	@clang-tidy --quiet collector/base/err.c -- $(LINT_FLAGS) 2>/dev/null
	@printf '%s\n' $(LINT_EACH) | xargs -P $(LINT_JOBS) -I '{}' sh -c \
		'clang-tidy --quiet "$$0" -- "$$@" 2>/dev/null' '{}' $(LINT_FLAGS) $(LINT_ASSUME)
.PHONY: lint-tree lint-format lint-cppcheck lint-gcc lint-tidy

clean:
	rm -rf $(BUILD)
