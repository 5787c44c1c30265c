// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/detector/detector_baseline_world.h"

#include <arpa/inet.h>
#include <sys/sysmacros.h>

#include "collector/base/io.h"
#include "detector/detector_miner_internal.h"
#include "tests/unit/detector/dns_message.h"

static struct detector_miner *miner;
static struct dns_message m;

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int start(void **state)
{
	static const char names[] = "- list: miner_pools\n  items: [pool.example]\n"
				    "- list: miner_programs\n  items: [xmrig]\n";
	char path[200];

	if (world_up(state) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/pools.yaml", w.t.path);
	write_file(path, names);
	w.config.mining = true;
	w.config.mining_pools.n = 1;
	snprintf(w.config.mining_pools.items[0], sizeof(w.config.mining_pools.items[0]), "%s",
		 path);
	const struct detector_miner_settings s = {
		.services = &w.services, .alerts = w.alerts, .audit = w.audit, .baseline = w.d
	};

	return detector_miner_new(&miner, &s, NULL);
}

static int stop(void **state)
{
	detector_miner_free(miner);
	return world_down(state);
}

static bool tell(struct container *c, enum event_type type, const void *fixed, enum event_tag tag,
		 struct span text)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	struct event_head head = fixture_head(type);
	const struct event_context context = { .process = &child, .entry = c };
	struct event_writer writer;
	struct event_view v;
	struct err e = { "" };

	head.container_cgroup = c->inode;
	event_write_begin(&writer, record, sizeof(record), &head, fixed);
	event_write_string(&writer, tag, 0, text);
	if (event_decode(record, event_write_end(&writer), &v, &e) < 0)
		fail_msg("%s", e.text);
	return detector_miner_event(miner, &v, &context, c);
}

static bool says(struct container *c, uint64_t cookie, uint8_t direction, uint32_t offset,
		 const char *text, size_t n)
{
	const struct event_network net = { .family = AF_INET,
					   .type = SOCK_STREAM,
					   .direction = direction,
					   .offset = offset,
					   .cookie = cookie,
					   .remote = { 10, 0, 0, 9 },
					   .remote_port = htons(3333) };

	return tell(c, EVENT_PAYLOAD, &net, TAG_PAYLOAD, (struct span){ text, n });
}

static const char subscribe[] = "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n";

static void a_message_in_many_segments_is_one(void **state)
{
	struct container *c = box(0, 'a');
	bool found = false;

	(void)state;
	for (uint32_t i = 0; i < sizeof(subscribe) - 1; i += 5) {
		const size_t n = sizeof(subscribe) - 1 - i;

		found |= says(c, 9, DIRECTION_OUT, i, subscribe + i, n < 5 ? n : 5);
		found |= says(c, 9, DIRECTION_OUT, i, subscribe + i, n < 5 ? n : 5); /* again */
	}
	assert_true(found);
	assert_int_equal(told("miner", NULL), 1);
}

static void a_gap_and_other_connections_are_not_put_together(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	says(c, 9, DIRECTION_OUT, 0, subscribe, 20);
	says(c, 9, DIRECTION_IN, 20, subscribe + 20, 30);
	says(c, 10, DIRECTION_OUT, 20, subscribe + 20, 30);
	says(c, 9, DIRECTION_OUT, 30, subscribe + 30, 20);
	assert_int_equal(told("miner", NULL), 0);
	says(c, 9, DIRECTION_OUT, 20, subscribe + 20, sizeof(subscribe) - 21);
	assert_int_equal(told("miner", NULL), 1);
}

static void who_is_spoken_to_as_a_pool_is_likely_one(void **state)
{
	const json_t *a = NULL;

	(void)state;
	says(box(0, 'a'), 9, DIRECTION_IN, 0, subscribe, sizeof(subscribe) - 1);
	assert_int_equal(told("miner", NULL), 0);
	assert_int_equal(told("likely-miner", &a), 1);
	assert_non_null(strstr(text_of_alert(a, "title"), "a pool or a proxy of one"));
}

static void nobody_is_a_miner_when_it_is_off_or_of_the_host(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	c->kind = CGROUP_SERVICE;
	assert_false(says(c, 9, DIRECTION_OUT, 0, subscribe, sizeof(subscribe) - 1));
	assert_int_equal(told("miner", NULL), 0);
}

static bool asks(struct container *c, const char *name)
{
	const struct event_network net = { .family = AF_INET,
					   .type = SOCK_DGRAM,
					   .direction = DIRECTION_IN };

	dns_begin(&m, name, DNS_A);
	dns_a(&m, 60, 0x0a000009);
	return tell(c, EVENT_DNS, &net, TAG_PAYLOAD, (struct span){ (const char *)m.p, m.n });
}

static void a_pools_name_and_then_its_address(void **state)
{
	struct container *c = box(0, 'a');
	const struct event_network to = { .family = AF_INET,
					  .type = SOCK_STREAM,
					  .remote = { 10, 0, 0, 9 },
					  .remote_port = htons(3333) };

	(void)state;
	assert_false(asks(c, "www.example.org"));
	assert_true(asks(c, "eu.pool.example"));
	assert_int_equal(told("likely-miner", NULL), 1);
	assert_true(tell(c, EVENT_CONNECT, &to, TAG_PAYLOAD, SPAN_LIT("")));
	assert_int_equal(told("miner", NULL), 1);
	/* another container did not ask for it */
	assert_false(tell(box(1, 'b'), EVENT_CONNECT, &to, TAG_PAYLOAD, SPAN_LIT("")));
}

static void who_answers_dns_asks_for_others(void **state)
{
	static const char udp[] = "  sl  local_address rem_address\n"
				  "  1: 00000000:0035 00000000:0000 07\n";
	struct container *c = box(0, 'a');
	char path[300];
	struct err e;

	(void)state;
	c->pid = 5;
	snprintf(path, sizeof(path), "%s/5/net", w.proc);
	assert_int_equal(io_mkdir_p(path, 0755, &e), 0);
	snprintf(path, sizeof(path), "%s/5/net/udp", w.proc);
	write_file(path, udp);
	assert_false(asks(c, "eu.pool.example"));
	assert_int_equal(told("likely-miner", NULL), 0);
}

static void registers_are_known_by_number_and_by_name(void **state)
{
	struct event_open o = {
		.access = ACCESS_READ,
		.file = { .flags = FILE_KNOWN, .mode = S_IFCHR | 0600, .rdev = 202U << 20 }
	};

	(void)state;
	assert_true(tell(box(0, 'a'), EVENT_OPEN, &o, TAG_PATH, SPAN_LIT("/tmp/harmless")));
	o.file = (struct event_file){ .inode = 0 };
	assert_true(tell(box(1, 'b'), EVENT_OPEN, &o, TAG_RAW, SPAN_LIT("/dev/cpu/3/msr")));
	assert_int_equal(told("miner", NULL), 2);
	assert_false(
		tell(box(2, 'c'), EVENT_OPEN, &o, TAG_PATH, SPAN_LIT("/proc/sys/vm/nr_hugepages")));
	o.access = ACCESS_WRITE;
	assert_true(
		tell(box(2, 'c'), EVENT_OPEN, &o, TAG_PATH, SPAN_LIT("/proc/sys/vm/nr_hugepages")));
	assert_int_equal(told("likely-miner", NULL), 1);
	assert_int_equal(told("miner", NULL), 2);
}

static void an_exception_is_noted_and_not_told(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	w.config.rules_exceptions.n = 1;
	snprintf(w.config.rules_exceptions.items[0].rule, CONFIG_TEXT_BYTES, "*miner");
	snprintf(w.config.rules_exceptions.items[0].image, CONFIG_TEXT_BYTES, "*/nginx");
	says(c, 9, DIRECTION_OUT, 0, subscribe, sizeof(subscribe) - 1);
	assert_int_equal(told("miner", NULL), 0);
	assert_int_equal(suspect_find(miner, c)->told.level, MINER_IS);
}

static void what_is_excepted_is_not_acted_on(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	w.config.mining_action = MINING_KILL;
	w.config.rules_exceptions.n = 1;
	snprintf(w.config.rules_exceptions.items[0].rule, CONFIG_TEXT_BYTES, "miner");
	snprintf(w.config.rules_exceptions.items[0].image, CONFIG_TEXT_BYTES, "*/nginx");
	says(c, 9, DIRECTION_OUT, 0, subscribe, sizeof(subscribe) - 1);
	assert_int_equal(suspect_find(miner, c)->kills, 0);
	assert_string_equal(suspect_find(miner, c)->outcome, "");
}

static void the_end_of_a_container_ends_its_alert(void **state)
{
	struct container *c = box(0, 'a');
	const json_t *a = NULL;

	(void)state;
	says(c, 9, DIRECTION_OUT, 0, subscribe, sizeof(subscribe) - 1);
	detector_miner_life(miner, c, LIFE_STOPPED);
	assert_int_equal(told("miner", &a), 2);
	assert_string_equal(text_of_alert(a, "state"), "resolved");
	assert_null(suspect_find(miner, c));
	assert_int_equal(miner->suspects_n, 0);
}

static void flows_that_meet_in_one_place_are_counted(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	says(c, 1, DIRECTION_OUT, 0, subscribe, 10);
	says(c, 1 + MINER_FLOWS / 2, DIRECTION_OUT, 0, subscribe, 10);
	assert_int_equal(miner->counts.flows_refused, 1);
	/* the newer one is whole */
	assert_true(says(c, 1 + MINER_FLOWS / 2, DIRECTION_OUT, 10, subscribe + 10,
			 sizeof(subscribe) - 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
		TEST(a_message_in_many_segments_is_one),
		TEST(a_gap_and_other_connections_are_not_put_together),
		TEST(who_is_spoken_to_as_a_pool_is_likely_one),
		TEST(nobody_is_a_miner_when_it_is_off_or_of_the_host),
		TEST(a_pools_name_and_then_its_address),
		TEST(who_answers_dns_asks_for_others),
		TEST(registers_are_known_by_number_and_by_name),
		TEST(an_exception_is_noted_and_not_told),
		TEST(what_is_excepted_is_not_acted_on),
		TEST(the_end_of_a_container_ends_its_alert),
		TEST(flows_that_meet_in_one_place_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
