// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/sensor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/verdict_key.h"

static const struct event_file plain = {
	.inode = 7, .parent_inode = 3, .device = 0x800001, .generation = 9, .flags = FILE_KNOWN
};

static void a_file_is_known_by_inode_device_and_generation(void **state)
{
	struct verdict_key k;
	(void)state;

	sensor_verdict_key(&k, 5, &plain, EVENT_EXEC);
	assert_int_equal(k.image, 5);
	assert_int_equal(k.inode, 7);
	assert_int_equal(k.device, 0x800001);
	assert_int_equal(k.generation, 9);
	assert_int_equal(k.type, EVENT_EXEC);
}

static void on_an_overlay_the_device_says_nothing(void **state)
{
	struct event_file f = plain;
	struct verdict_key by_path, by_event, seen_in_kernel;
	(void)state;

	f.flags |= FILE_OVERLAY;
	sensor_verdict_key(&by_path, 5, &f, EVENT_EXEC);
	assert_int_equal(by_path.device, 0);
	f.flags |= FILE_MERGED;
	f.generation = 0;
	sensor_verdict_key(&by_event, 5, &f, EVENT_EXEC);
	verdict_key_of(&seen_in_kernel, 5, &f, EVENT_EXEC);
	assert_memory_equal(&by_path, &by_event, sizeof(by_path));
	assert_memory_equal(&by_path, &seen_in_kernel, sizeof(by_path));
}

static void an_overlay_that_the_host_did_not_mount_keeps_its_device_in_the_kernel(void **state)
{
	struct event_file f = plain;
	struct verdict_key k;
	(void)state;

	f.flags |= FILE_OVERLAY;
	verdict_key_of(&k, 5, &f, EVENT_EXEC);
	assert_int_equal(k.device, 0x800001);
}

static void a_directory_is_known_by_its_number_from_each_file_in_it(void **state)
{
	struct event_file directory = { .inode = 3, .device = 0x800001, .generation = 77 };
	struct verdict_key of_file, of_itself;
	(void)state;

	sensor_directory_key(&of_file, 5, &plain);
	sensor_verdict_key(&of_itself, 5, &directory, EVENT_MKDIR);
	assert_memory_equal(&of_file, &of_itself, sizeof(of_file));
	assert_int_equal(of_file.inode, 3);
	assert_int_equal(of_file.generation, 0);
	assert_int_equal(of_file.type, EVENT_MKDIR);
}

/* Of the bytes 0, 1, 2 ... with the key 0, 1, 2 ... 15, as its authors published them. */
static uint64_t hash_of_counting(uint32_t words)
{
	uint8_t bytes[256], key[16];
	uint64_t halves[2], word;
	struct sip s;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	memcpy(key, bytes, sizeof(key));
	memcpy(halves, key, sizeof(halves));
	sip_begin(&s, halves[0], halves[1]);
	for (uint32_t i = 0; i < words; i++) {
		memcpy(&word, bytes + 8 * i, sizeof(word));
		sip_word(&s, word);
	}
	return sip_end(&s, words * 8);
}

static void the_hash_of_scripts_is_siphash_2_4(void **state)
{
	(void)state;
	assert_true(hash_of_counting(0) == 0x726fdb47dd0e0e31ULL);
	assert_true(hash_of_counting(1) == 0x93f5f5799a932462ULL);
	assert_true(hash_of_counting(2) == 0x3f2acc7f57c29bdbULL);
}

static void a_key_of_a_script_is_none_of_a_file(void **state)
{
	struct verdict_key k;
	(void)state;

	script_key_of(&k, 5, 7);
	assert_int_equal(k.type, VERDICT_TYPE_SCRIPT);
	assert_true(k.type >= EVENT_TYPE_COUNT);
	assert_int_equal(k.device, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_known_by_inode_device_and_generation),
		cmocka_unit_test(on_an_overlay_the_device_says_nothing),
		cmocka_unit_test(
			an_overlay_that_the_host_did_not_mount_keeps_its_device_in_the_kernel),
		cmocka_unit_test(a_directory_is_known_by_its_number_from_each_file_in_it),
		cmocka_unit_test(the_hash_of_scripts_is_siphash_2_4),
		cmocka_unit_test(a_key_of_a_script_is_none_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
