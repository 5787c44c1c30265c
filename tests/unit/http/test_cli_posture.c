// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/cli_posture.h"

#define ANSWER                                                                                     \
	"{\"schema\":1,\"benchmark\":\"CIS\",\"containers\":[{\"id\":\"a\",\"name\":\"web\","      \
	"\"image\":\"nginx:1\",\"grade\":\"E\",\"compared\":\"worse\",\"process_seen\":true,"      \
	"\"findings\":[{\"id\":\"host-pid\",\"severity\":\"error\",\"item\":\"5.16\","             \
	"\"what\":\"its pid namespace is the host's\",\"mend\":\"leave out --pid=host\"},"         \
	"{\"id\":\"unmasked\",\"severity\":\"error\",\"what\":\"a\\u001b[31mb\","                  \
	"\"mend\":\"x\"}]},{\"id\":\"b\",\"name\":\"db\",\"image\":\"\",\"grade\":\"A\","          \
	"\"compared\":\"first\",\"findings\":[]}]}"

static void each_container_has_its_findings_with_item_and_cure(void **state)
{
	json_t *o = json_loads(ANSWER, 0, NULL);
	const struct cli_terminal to = { .width = 0 };
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)state;
	buf_init(&b, 1 << 16);
	cli_posture_text(o, &to, &b);
	AUTO_FREE char *text = buf_take_str(&b);

	assert_non_null(text);
	assert_non_null(strstr(text, "web  nginx:1  grade E  worse than its image was before\n"));
	assert_non_null(strstr(text, "5.16  its pid namespace is the host's  leave out "
				     "--pid=host\n"));
	assert_non_null(strstr(text, "db  -  grade A  (settings alone"));
	assert_non_null(strstr(text, "2 containers; items of the CIS\n"));
	assert_null(strchr(text, '\033')); /* what a container wrote reaches no terminal */
	json_decref(o);
}

static void a_grade_that_is_as_bad_fails(void **state)
{
	json_t *o = json_loads(ANSWER, 0, NULL);

	(void)state;
	assert_true(cli_posture_fails(o, 'D'));
	assert_true(cli_posture_fails(o, 'E'));
	assert_false(cli_posture_fails(o, 'F'));
	assert_true(cli_posture_fails(o, 'A'));
	json_decref(o);
}

static void an_answer_without_containers_is_no_failure(void **state)
{
	json_t *o = json_object();

	(void)state;
	assert_false(cli_posture_fails(o, 'A'));
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_container_has_its_findings_with_item_and_cure),
		cmocka_unit_test(a_grade_that_is_as_bad_fails),
		cmocka_unit_test(an_answer_without_containers_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
