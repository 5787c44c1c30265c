// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "detector/miner_command.h"

#define WALLET                                                                                     \
	"44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RV" \
	"GQBEP3A"

static struct miner_names *names;
static struct miner_hit hits[MINER_COMMAND_HITS];
static size_t n;

static int start(void **state)
{
	static const char yaml[] =
		"- list: miner_pools\n  items: [pool.example, '*.coins.example']\n"
		"- list: miner_programs\n  items: [xmrig, srbminer-multi]\n"
		"- list: miner_ports\n  items: [3333]\n";
	struct err e;

	(void)state;
	if (miner_names_new(&names, &e) < 0)
		return -1;
	return miner_names_add(names, "test.yaml", SPAN_LIT(yaml), &e);
}

static int stop(void **state)
{
	(void)state;
	miner_names_free(names);
	return 0;
}

/* words: separated by blanks; the program is the first of them */
static void command(const char *words)
{
	char args[1024];
	const size_t length = strlen(words);

	memcpy(args, words, length + 1);
	for (size_t i = 0; i < length; i++)
		if (args[i] == ' ')
			args[i] = '\0';
	n = miner_command(names, span_str(args), (struct span){ args, length }, hits);
}

static unsigned weight(enum miner_kind kind)
{
	for (size_t i = 0; i < n; i++)
		if (hits[i].kind == kind)
			return hits[i].weight;
	return 0;
}

static void programs_are_known_by_their_names(void **state)
{
	static const char *const known[] = { "/tmp/xmrig",  "xmrig-6.21.0",   "/x/XMRig",
					     "./xmrig.exe", "srbminer-multi", "srbminer-multi" };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		command(known[i]);
		assert_int_equal(weight(MINER_PROGRAM), 60);
	}
	command("/usr/bin/xmrigger");
	assert_int_equal(n, 0);
	command("/usr/bin/nginx -g daemon");
	assert_int_equal(n, 0);
}

static void addresses_and_options_of_miners_are_known(void **state)
{
	(void)state;
	command("/tmp/a -o stratum+tcp://10.0.0.1:3333 -u x");
	assert_int_equal(weight(MINER_COMMAND), 80);
	command("/tmp/a --url=stratum2+ssl://10.0.0.1:3333");
	assert_int_equal(weight(MINER_COMMAND), 80);
	command("sh -c ./a;stratum+ssl://h:1");
	assert_int_equal(weight(MINER_COMMAND), 80);
	command("/tmp/a --donate-level=1 --coin monero");
	assert_int_equal(weight(MINER_COMMAND), 80);
	command("/tmp/a --donate-level 1");
	assert_int_equal(weight(MINER_COMMAND), 60);
	command("/tmp/a -a rx/0 -o 10.0.0.1:3333");
	assert_int_equal(weight(MINER_COMMAND), 80);
	command("/tmp/a -o eu.pool.example:3333 -u x");
	assert_int_equal(weight(MINER_COMMAND), 80);
	command("/tmp/a --cpu-priority 5");
	assert_int_equal(n, 0);
	command("/tmp/a --cpu-priority 5 -o 10.0.0.1:3333 -u x");
	assert_int_equal(weight(MINER_COMMAND), 60);
}

static void a_wallet_is_known_and_weighs_more_with_a_pool(void **state)
{
	(void)state;
	command("/tmp/a " WALLET);
	assert_int_equal(weight(MINER_WALLET), 40);
	command("/tmp/a -u " WALLET ".rig+1000 -o 10.0.0.1:3333");
	assert_int_equal(weight(MINER_WALLET), 80);
	command("/tmp/a -u 0x52908400098527886E0F7030069857D2E4169EE7.rig");
	assert_int_equal(weight(MINER_WALLET), 0); /* many programs name one */
	command("/tmp/a -u 0x52908400098527886E0F7030069857D2E4169EE7 -o 10.0.0.1:3333");
	assert_int_equal(weight(MINER_WALLET), 60);
}

static void who_prints_or_seeks_it_is_no_miner(void **state)
{
	(void)state;
	command("grep -r stratum+tcp://pool.example:3333 /");
	assert_int_equal(weight(MINER_COMMAND), 50);
	assert_int_equal(n, 1);
	command("echo --donate-level=1 --coin " WALLET " pool.example");
	assert_int_equal(n, 0);
}

static void what_ordinary_programs_are_given_is_nothing(void **state)
{
	static const char *const usual[] = {
		"curl -o out.html -u joe:x https://example.org:443/ --keepalive-time 5",
		"postgres -c listen_addresses=* -o 1",
		"ssh -o StrictHostKeyChecking=no -P 22 -u x host:22",
		"mysql -u root -P 3306 -h db",
		"gcc -O2 -o a.out main.c -march=native",
		"openssl speed -multi 4 sha256",
		"ffmpeg -i in.mp4 -c:v libx264 -threads 4 out.mp4",
		"java -Xmx2g -jar app.jar --server.port=8080",
		"redis-server --bind 0.0.0.0 --port 6379",
		"pkill -9 nginx",
		"modprobe overlay",
		"chattr -i /etc/hosts",
		"crontab -l",
		"sysctl -w net.core.somaxconn=1024",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		command(usual[i]);
		assert_int_equal(n, 0);
	}
}

static void what_miners_do_beside_is_known(void **state)
{
	(void)state;
	command("pkill -9 -f xmrig");
	assert_int_equal(weight(MINER_RIVALS), 25);
	command("/sbin/modprobe msr allow_writes=on");
	assert_int_equal(weight(MINER_REGISTERS), 100);
	command("wrmsr -a 0x1a4 0xf");
	assert_int_equal(weight(MINER_REGISTERS), 100);
	command("sysctl -w vm.nr_hugepages=1280");
	assert_int_equal(weight(MINER_HUGE_PAGES), 60);
	command("chattr +i /tmp/a");
	assert_int_equal(weight(MINER_PERSISTS), 5);
}

static void monero_addresses_are_told_from_what_looks_so(void **state)
{
	char text[] = WALLET;

	(void)state;
	assert_true(miner_is_monero_address(SPAN_LIT(WALLET)));
	text[94] = '0'; /* no letter of base 58 */
	assert_false(miner_is_monero_address(span_str(text)));
	memset(text, 'z', 95);
	text[0] = '4'; /* its blocks stand for more than they can hold */
	assert_false(miner_is_monero_address(span_str(text)));
	assert_false(miner_is_monero_address((struct span){ WALLET, 94 }));
	assert_false(miner_is_monero_address((struct span){ "", 0 }));
	memset(text, 'A', 95);
	assert_false(miner_is_monero_address(span_str(text)));
}

static void long_and_empty_command_lines_are_fine(void **state)
{
	static char many[8192];

	(void)state;
	n = miner_command(names, (struct span){ "", 0 }, (struct span){ "", 0 }, hits);
	assert_int_equal(n, 0);
	n = miner_command(names, (struct span){ NULL, 0 }, (struct span){ NULL, 0 }, hits);
	assert_int_equal(n, 0);
	n = miner_command(names, SPAN_LIT("/x"), (struct span){ many, sizeof(many) }, hits);
	assert_int_equal(n, 0);
	memset(many, '/', sizeof(many));
	n = miner_command(names, SPAN_LIT("/x"), (struct span){ many, sizeof(many) }, hits);
	assert_int_equal(n, 0);
}

static void names_of_pools_stand_for_all_below_them(void **state)
{
	(void)state;
	assert_true(miner_names_pool(names, SPAN_LIT("pool.example")).n);
	assert_true(miner_names_pool(names, SPAN_LIT("EU.Pool.Example.")).n);
	assert_true(miner_names_pool(names, SPAN_LIT("a.coins.example")).n);
	assert_false(miner_names_pool(names, SPAN_LIT("carpool.example")).n);
	assert_false(miner_names_pool(names, SPAN_LIT("example")).n);
	assert_false(miner_names_pool(names, SPAN_LIT("")).n);
	assert_true(miner_names_port(names, 3333));
	assert_false(miner_names_port(names, 443));
}

static void files_of_names_say_where_they_are_wrong(void **state)
{
	AUTO(miner_names_free) struct miner_names *other = NULL;
	struct err e;

	(void)state;
	assert_int_equal(miner_names_new(&other, &e), 0);
	assert_int_equal(miner_names_add(other, "a.yaml",
					 SPAN_LIT("- list: miner_ports\n  items: [99999]\n"), &e),
			 -EINVAL);
	assert_string_equal(e.text, "a.yaml:2: '99999' is no port");
	assert_int_equal(miner_names_add(other, "a.yaml", SPAN_LIT("- list: [\n"), &e), -EINVAL);
	assert_int_equal(
		miner_names_add(other, "a.yaml",
				SPAN_LIT("- list: miner_pools\n  items: [a.example]\n"
					 "- list: miner_pools\n  items: [a.example, b.example]\n"
					 "- list: other\n  items: [c.example]\n"),
				&e),
		0);
	assert_int_equal(miner_names_counts(other).pools, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_are_known_by_their_names),
		cmocka_unit_test(addresses_and_options_of_miners_are_known),
		cmocka_unit_test(a_wallet_is_known_and_weighs_more_with_a_pool),
		cmocka_unit_test(who_prints_or_seeks_it_is_no_miner),
		cmocka_unit_test(what_ordinary_programs_are_given_is_nothing),
		cmocka_unit_test(what_miners_do_beside_is_known),
		cmocka_unit_test(monero_addresses_are_told_from_what_looks_so),
		cmocka_unit_test(long_and_empty_command_lines_are_fine),
		cmocka_unit_test(names_of_pools_stand_for_all_below_them),
		cmocka_unit_test(files_of_names_say_where_they_are_wrong),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
