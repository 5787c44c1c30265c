// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/dns_names.h"
#include "tests/unit/detector/dns_message.h"

#define MINUTE (60 * NS_PER_S)
#define HOST   0

static struct dns_names *names;
static uint64_t now;

static int open_names(void **state)
{
	(void)state;
	now = 1000 * NS_PER_S;
	return dns_names_new(&names, NULL);
}

static int close_names(void **state)
{
	(void)state;
	dns_names_free(names);
	names = NULL;
	return 0;
}

static struct event_view view_of(enum event_type type, enum event_tag tag, struct span text)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	struct event_head head = { .type = (uint16_t)type, .boot_ns = now };
	struct event_writer w;
	struct event_view v;

	event_write_begin(&w, record, sizeof(record), &head, NULL);
	if (text.p)
		event_write_string(&w, tag, 0, text);
	assert_int_equal(event_decode(record, event_write_end(&w), &v, NULL), 0);
	return v;
}

static size_t take(uint64_t key, const struct dns_message *m)
{
	struct event_view v = view_of(EVENT_DNS, TAG_PAYLOAD, dns_span(m));

	return dns_names_event(names, &v, key);
}

static size_t learn(uint64_t key, const char *name, uint32_t address, uint32_t ttl)
{
	static struct dns_message m;

	dns_begin(&m, name, DNS_A);
	dns_a(&m, ttl, address);
	return take(key, &m);
}

static void exec_with(uint64_t key, struct span env)
{
	struct event_view v = view_of(EVENT_EXEC, TAG_ENV, env);

	dns_names_exec(names, &v, key);
}

/* "a b c" */
static const char *names_of(uint64_t key, uint32_t address)
{
	static char text[4096];
	const uint8_t bytes[4] = { (uint8_t)(address >> 24), (uint8_t)(address >> 16),
				   (uint8_t)(address >> 8), (uint8_t)address };
	struct span out[16];
	size_t n = dns_names_find(names, key, bytes, 4, now, out, 16), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i ? " " : "",
				       (int)out[i].n, out[i].p);
	return text;
}

static struct capacity row(size_t i)
{
	struct capacity rows[DNS_NAMES_CAPACITY_ROWS];

	assert_int_equal(dns_names_capacity(names, rows), DNS_NAMES_CAPACITY_ROWS);
	return rows[i];
}
#define CONTAINERS row(0)
#define ADDRESSES  row(1)
#define NAMES	   row(2)

static void an_answer_names_an_address(void **state)
{
	(void)state;
	assert_string_equal(names_of(7, 1), "");
	assert_int_equal(learn(7, "Web.Example", 1, 300), 1);
	assert_string_equal(names_of(7, 1), "web.example");
	assert_string_equal(names_of(7, 2), "");
	assert_int_equal(dns_names_stats(names).answers, 1);
}

static void a_container_is_told_its_own_then_the_hosts_and_nobody_elses(void **state)
{
	(void)state;
	learn(7, "mine", 1, 300);
	learn(8, "theirs", 1, 300);
	learn(HOST, "of-host", 1, 300);
	learn(HOST, "mine", 1, 300); /* told once */
	assert_string_equal(names_of(7, 1), "mine of-host");
	assert_string_equal(names_of(8, 1), "theirs mine of-host");
	assert_string_equal(names_of(9, 1), "mine of-host");
	assert_string_equal(names_of(HOST, 1), "mine of-host");
	dns_names_forget(names, HOST);
	assert_string_equal(names_of(9, 1), "");
	assert_string_equal(names_of(7, 1), "mine");
}

static void the_newest_name_comes_first_and_the_fifth_makes_the_oldest_go(void **state)
{
	(void)state;
	learn(7, "a", 1, 300);
	learn(7, "b", 1, 300);
	learn(7, "c", 1, 300);
	assert_string_equal(names_of(7, 1), "c b a");
	learn(7, "a", 1, 300);
	assert_string_equal(names_of(7, 1), "a c b");
	learn(7, "d", 1, 300);
	learn(7, "e", 1, 300);
	assert_string_equal(names_of(7, 1), "e d a c");
	assert_int_equal(NAMES.used, 4);
}

static void names_end_some_time_after_their_time_to_live(void **state)
{
	static const struct {
		uint32_t ttl;
		uint64_t lives;
	} cases[] = { { 0, 6 * MINUTE },
		      { 60, 6 * MINUTE },
		      { 600, 15 * MINUTE },
		      { 3600, 65 * MINUTE },
		      { INT32_MAX, 65 * MINUTE } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		learn(7, "a", 1, cases[i].ttl);
		now += cases[i].lives - 1;
		assert_string_equal(names_of(7, 1), "a");
		now++;
		assert_string_equal(names_of(7, 1), "");
	}
	/* one that is told again lives on; one that is not ends alone */
	learn(7, "a", 1, 60);
	now += 5 * MINUTE;
	learn(7, "b", 1, 60);
	now += MINUTE;
	assert_string_equal(names_of(7, 1), "b");
}

static void what_is_over_is_freed_by_and_by(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1500; i++)
		learn(7, "a", i, 60);
	assert_int_equal(ADDRESSES.used, 1500);
	dns_names_expire(names, now);
	assert_int_equal(ADDRESSES.used, 1500);
	now += 6 * MINUTE;
	dns_names_expire(names, now);
	dns_names_expire(names, now);
	assert_int_equal(ADDRESSES.used, 0);
	assert_int_equal(NAMES.used, 0);
	assert_int_equal(CONTAINERS.used, 0);
	assert_int_equal(ADDRESSES.refused, 0);
	dns_names_expire(names, now);
}

static void a_container_has_its_share_of_addresses(void **state)
{
	(void)state;
	learn(8, "other", 1, 300);
	for (uint32_t i = 0; i < DNS_NAMES_OF_CONTAINER; i++)
		learn(7, "a", i, 300);
	assert_int_equal(ADDRESSES.refused, 0);
	assert_string_equal(names_of(7, 0), "a"); /* asked for: the second is the oldest now */
	learn(7, "a", 99999, 300);
	assert_int_equal(ADDRESSES.used, DNS_NAMES_OF_CONTAINER + 1);
	assert_int_equal(ADDRESSES.refused, 1);
	assert_string_equal(names_of(7, 0), "a");
	assert_string_equal(names_of(7, 1), "");
	assert_string_equal(names_of(7, 99999), "a");
	assert_string_equal(names_of(8, 1), "other");
	dns_names_forget(names, 7);
	assert_int_equal(ADDRESSES.used, 1);
	assert_int_equal(NAMES.used, 1);
	assert_int_equal(CONTAINERS.used, 1);
	assert_string_equal(names_of(7, 0), "");
}

static void all_containers_share_one_table_and_the_least_used_makes_room(void **state)
{
	const uint32_t each = 2000, keys = DNS_NAMES_ADDRESSES / each + 2;

	(void)state;
	exec_with(1, SPAN_LIT("KUBERNETES_SERVICE_HOST=10.0.0.1\0"));
	for (uint64_t key = 1; key <= keys; key++)
		for (uint32_t i = 0; i < each; i++)
			assert_int_equal(learn(key, "a", i, 300), 1);
	assert_int_equal(ADDRESSES.used, DNS_NAMES_ADDRESSES);
	assert_int_equal(ADDRESSES.capacity, DNS_NAMES_ADDRESSES);
	assert_int_equal(ADDRESSES.refused, (uint64_t)keys * each + 1 - DNS_NAMES_ADDRESSES);
	assert_string_equal(names_of(1, 5), "");
	assert_string_equal(names_of(keys, 5), "a");
	/* what the environment said stays, and its container with it */
	assert_string_not_equal(names_of(1, 0x0a000001), "");
	for (uint64_t key = 1; key <= keys; key++)
		dns_names_forget(names, key);
	assert_int_equal(ADDRESSES.used, 0);
	assert_int_equal(NAMES.used, 0);
	assert_int_equal(CONTAINERS.used, 0);
}

static void names_make_room_too_when_addresses_have_several(void **state)
{
	static const char *const four[] = { "a", "b", "c", "d" };

	(void)state;
	for (uint64_t key = 1; key <= 12; key++)
		for (uint32_t i = 0; i < 2000; i++)
			for (size_t k = 0; k < 4; k++)
				assert_int_equal(learn(key, four[k], i, 300), 1);
	assert_true(NAMES.used <= DNS_NAMES_ADDRESSES);
	assert_true(NAMES.refused > 0);
	assert_string_equal(names_of(12, 1999), "d c b a");
	assert_string_equal(names_of(1, 0), "");
}

static void only_so_many_containers_learn(void **state)
{
	(void)state;
	for (uint64_t key = 1; key <= DNS_NAMES_CONTAINERS; key++)
		assert_int_equal(learn(key, "a", 1, 300), 1);
	assert_int_equal(CONTAINERS.refused, 0);
	assert_int_equal(learn(9999, "a", 1, 300), 0);
	exec_with(9999, SPAN_LIT("KUBERNETES_SERVICE_HOST=10.0.0.1"));
	assert_int_equal(CONTAINERS.refused, 2);
	assert_int_equal(CONTAINERS.used, DNS_NAMES_CONTAINERS);
	dns_names_forget(names, 5);
	assert_int_equal(learn(9999, "a", 1, 300), 1);
}

#define CLUSTER                                                                                    \
	"kubernetes.default.svc.cluster.local kubernetes.default.svc kubernetes.default "          \
	"kubernetes"

static void the_environment_names_the_api_server_as_long_as_the_container_lives(void **state)
{
	(void)state;
	exec_with(7, SPAN_LIT("PATH=/bin\0KUBERNETES_SERVICE_HOST=10.0.0.1\0"
			      "KUBERNETES_SERVICE_HOST=10.0.0.2\0"));
	assert_string_equal(names_of(7, 0x0a000001), CLUSTER);
	assert_string_equal(names_of(7, 0x0a000002), "");
	assert_string_equal(names_of(8, 0x0a000001), "");
	now += 10000 * MINUTE;
	dns_names_expire(names, now);
	assert_string_equal(names_of(7, 0x0a000001), CLUSTER);
	/* names that are learned come behind */
	learn(7, "evil", 0x0a000001, 300);
	assert_string_equal(names_of(7, 0x0a000001), CLUSTER " evil");
	learn(7, "kubernetes", 0x0a000001, 300);
	assert_string_equal(names_of(7, 0x0a000001), CLUSTER " evil");
	dns_names_forget(names, 7);
	assert_string_equal(names_of(7, 0x0a000001), "");
	assert_int_equal(NAMES.used, 0);
}

static void an_address_that_was_learned_before_becomes_the_api_servers(void **state)
{
	(void)state;
	learn(7, "api", 0x0a000001, 300);
	learn(7, "b", 2, 300);
	exec_with(7, SPAN_LIT("KUBERNETES_SERVICE_HOST=::ffff:10.0.0.1"));
	exec_with(7, SPAN_LIT("KUBERNETES_SERVICE_HOST=10.0.0.1"));
	assert_string_equal(names_of(7, 0x0a000001), CLUSTER " api");
	assert_int_equal(ADDRESSES.used, 2);
	dns_names_forget(names, 7);
	assert_int_equal(ADDRESSES.used, 0);
	assert_int_equal(CONTAINERS.used, 0);
}

static void later_programs_cannot_push_the_api_server_out(void **state)
{
	char env[64];

	(void)state;
	exec_with(7, SPAN_LIT("KUBERNETES_SERVICE_HOST=10.0.0.1"));
	for (unsigned i = 0; i < 20; i++) {
		int n = snprintf(env, sizeof(env), "KUBERNETES_SERVICE_HOST=10.1.0.%u", i);

		exec_with(7, (struct span){ env, (size_t)n });
	}
	for (uint32_t i = 0; i < 2 * DNS_NAMES_OF_CONTAINER; i++)
		learn(7, "a", i, 300);
	assert_string_equal(names_of(7, 0x0a000001), CLUSTER);
	assert_string_equal(names_of(7, 0x0a010002), CLUSTER);
	assert_string_equal(names_of(7, 0x0a010003), "");
	assert_int_equal(ADDRESSES.used, DNS_NAMES_OF_CONTAINER);
}

static void environments_without_an_address_say_nothing(void **state)
{
	static const struct span bad[] = {
		SPAN_LIT(""),
		SPAN_LIT("PATH=/bin"),
		SPAN_LIT("KUBERNETES_SERVICE_HOST="),
		SPAN_LIT("KUBERNETES_SERVICE_HOST=name"),
		SPAN_LIT("XKUBERNETES_SERVICE_HOST=10.0.0.1"),
		SPAN_LIT("X=KUBERNETES_SERVICE_HOST=10.0.0.1"),
		SPAN_LIT("KUBERNETES_SERVICE_HOST=10.0.0.1 "),
		SPAN_LIT("KUBERNETES_SERVICE_HOST=10.0.0.1000000000000000000000000000000000000000"),
		SPAN_LIT("KUBERNETES_SERVICE_HOST"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		exec_with(7, bad[i]);
	exec_with(7, (struct span){ NULL, 0 });
	assert_int_equal(ADDRESSES.used, 0);
	assert_int_equal(CONTAINERS.used, 0);
}

static void other_events_and_bad_messages_teach_nothing(void **state)
{
	static struct dns_message m;
	struct event_view v;

	(void)state;
	dns_begin(&m, "a", DNS_A);
	assert_int_equal(take(7, &m), 0);
	assert_int_equal(dns_names_stats(names).others, 1);
	dns_a(&m, 1, 1);
	m.p[12] = 0x80;
	assert_int_equal(take(7, &m), 0);
	assert_int_equal(dns_names_stats(names).malformed, 1);
	m.p[12] = 1;
	v = view_of(EVENT_PAYLOAD, TAG_PAYLOAD, dns_span(&m));
	assert_int_equal(dns_names_event(names, &v, 7), 0);
	v = view_of(EVENT_DNS, TAG_PAYLOAD, (struct span){ NULL, 0 });
	assert_int_equal(dns_names_event(names, &v, 7), 0);
	assert_int_equal(ADDRESSES.used, 0);
	assert_int_equal(take(7, &m), 1);
}

static void all_addresses_of_an_answer_are_told(void **state)
{
	static struct dns_message m;
	struct span out[2];

	(void)state;
	dns_begin(&m, "many", DNS_A);
	for (uint32_t i = 0; i < 40; i++)
		dns_a(&m, 1, i);
	assert_int_equal(take(7, &m), 32);
	assert_int_equal(dns_names_stats(names).cut, 1);
	assert_string_equal(names_of(7, 0), "many");
	assert_string_equal(names_of(7, 31), "many");
	assert_int_equal(dns_names_find(names, 7, (const uint8_t *)"\0\0\0\1", 4, now, out, 0), 0);
	assert_int_equal(dns_names_find(names, 7, (const uint8_t *)"\0\0\0\1", 3, now, out, 2), 0);
}

#define WITH_NAMES(test) cmocka_unit_test_setup_teardown(test, open_names, close_names)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_NAMES(an_answer_names_an_address),
		WITH_NAMES(a_container_is_told_its_own_then_the_hosts_and_nobody_elses),
		WITH_NAMES(the_newest_name_comes_first_and_the_fifth_makes_the_oldest_go),
		WITH_NAMES(names_end_some_time_after_their_time_to_live),
		WITH_NAMES(what_is_over_is_freed_by_and_by),
		WITH_NAMES(a_container_has_its_share_of_addresses),
		WITH_NAMES(all_containers_share_one_table_and_the_least_used_makes_room),
		WITH_NAMES(names_make_room_too_when_addresses_have_several),
		WITH_NAMES(only_so_many_containers_learn),
		WITH_NAMES(the_environment_names_the_api_server_as_long_as_the_container_lives),
		WITH_NAMES(an_address_that_was_learned_before_becomes_the_api_servers),
		WITH_NAMES(later_programs_cannot_push_the_api_server_out),
		WITH_NAMES(environments_without_an_address_say_nothing),
		WITH_NAMES(other_events_and_bad_messages_teach_nothing),
		WITH_NAMES(all_addresses_of_an_answer_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
