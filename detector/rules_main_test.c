// SPDX-License-Identifier: GPL-2.0-or-later
/* rules test: a recording through the rules, by the engine that the agent has. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "collector/base/io.h"
#include "collector/json_put.h"
#include "collector/replay.h"
#include "detector/rules.h"
#include "detector/rules_main_internal.h"

#define FLUSH_BYTES    65536
#define LINE_MAX_BYTES (1u << 20)

struct test {
	struct rules_command *command;
	struct rules *rules;
	struct replay_summary sum;
	uint64_t events, matches, cut;
	struct buf message, fields;
	char scratch[FIELD_SCRATCH_BYTES];
	bool failed; /* the output takes no more */
};

/* --- a match as Falco prints it ------------------------------------------------------------ */

static void json_line(struct test *t, const struct rules_rule *one, struct field_event *ev,
		      uint64_t at_ns)
{
	struct buf *b = &t->command->out;

	buf_clear(&t->fields);
	rule_output_json(&t->fields, &one->output, ev);
	buf_add_char(b, '{');
	json_put_text(b, "hostname", span_str(t->sum.header.host));
	json_put_text(b, "output", (struct span){ t->message.data, t->message.len });
	json_put_object(b, "output_fields");
	json_put_u64(b, "evt.time", at_ns);
	if (t->fields.len > 2) /* "{...}" without its first brace */
		buf_add_char(b, ',');
	if (t->fields.len > 0)
		buf_add(b, t->fields.data + 1, t->fields.len - 1);
	json_put_str(b, "priority", rules_main_priority_name(one->rule->priority));
	json_put_text(b, "rule", one->rule->name);
	json_put_str(b, "source", "syscall");
	rules_main_put_tags(b, one->rule);
	json_put_time(b, "time", at_ns);
	buf_add_str(b, "}\n");
	b->failed |= t->fields.failed;
}

static void print_match(struct test *t, const struct rules_rule *one, struct field_event *ev)
{
	const uint64_t at_ns = ev->view->head->boot_ns + ev->context->unix_minus_boot_ns;
	struct buf *b = &t->command->out, *m = &t->message;

	buf_clear(m);
	text_clock(m, at_ns, 9);
	buf_printf(m, ": %s ", rules_main_priority_name(one->rule->priority));
	rule_output_print(m, &one->output, ev);
	if (m->failed) {
		t->cut++;
		return;
	}
	if (t->command->json) {
		json_line(t, one, ev, at_ns);
	} else {
		buf_add_visible(b, (struct span){ m->data, m->len });
		buf_add_char(b, '\n');
	}
	if (b->len >= FLUSH_BYTES || b->failed)
		t->failed |= rules_main_print(t->command, RULES_GOOD) != RULES_GOOD;
}

static void on_event(void *ctx, const struct event_view *v, const struct event_context *context)
{
	struct test *t = ctx;
	struct rules_hit hits[RULES_MAX_HITS];
	struct field_event ev = { .view = v,
				  .context = context,
				  .type = evt_type_of(v),
				  .number = ++t->events,
				  .scratch = t->scratch };

	if (t->failed || ev.type == EVT_NONE)
		return;
	const size_t n = rules_match(t->rules, &ev, hits);

	for (size_t i = 0; i < n; i++) {
		ev.reading = hits[i].reading;
		ev.scratch_used = 0;
		print_match(t, hits[i].rule, &ev);
	}
	t->matches += n;
	t->cut += ev.scratch_full;
}

/* --- the command --------------------------------------------------------------------------- */

static void summary(const struct test *t)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, RULES_OUT_MAX);
	for (size_t i = 0; i < t->rules->n; i++) {
		const struct rules_rule *one = &t->rules->list[i];

		if (one->matches == 0)
			continue;
		buf_printf(&b, "%8llu  ", (unsigned long long)one->matches);
		buf_add_visible(&b, one->rule->name);
		buf_add_char(&b, '\n');
	}
	buf_printf(&b, "%llu matches in %llu events\n", (unsigned long long)t->matches,
		   (unsigned long long)t->events);
	if (t->sum.lost > 0)
		buf_printf(&b, "%llu events were lost while it was recorded\n",
			   (unsigned long long)t->sum.lost);
	if (t->cut > 0)
		buf_printf(&b, "%llu events had texts that were cut short\n",
			   (unsigned long long)t->cut);
	if (t->rules->hits_refused > 0)
		buf_printf(&b, "%llu events matched more rules than %d\n",
			   (unsigned long long)t->rules->hits_refused, RULES_MAX_HITS);
	io_write_all(STDERR_FILENO, b.data, b.len);
}

/* Leaves the rule that is asked for alone in the set, switched on. */
static int choose(struct rules_command *c)
{
	for (size_t i = 0; c->only && i < c->set.n; i++) {
		if (!span_eq(c->set.rules[i].name, c->only))
			continue;
		c->set.rules[0] = c->set.rules[i];
		c->set.rules[0].enabled = true;
		c->set.n = 1;
		return RULES_GOOD;
	}
	if (!c->only)
		return RULES_GOOD;
	fprintf(stderr, "bulkheadd: there is no such rule in these files\n");
	return RULES_FAULTY;
}

static int load(struct test *t)
{
	struct rules_command *c = t->command;
	const struct rules_settings settings = { .least = ALERT_DEBUG, .match_all = c->match_all };
	struct err e = { "" };
	int r = rules_main_read(c, &e);

	if (r == 0) {
		r = rules_main_complain(&c->set.messages);
		if (r == RULES_GOOD)
			r = choose(c);
		if (r != RULES_GOOD)
			return r;
		r = rules_new(&t->rules, &c->set, &settings, &e);
	}
	if (t->rules && rules_main_complain(&t->rules->set.messages) != RULES_GOOD)
		return RULES_FAULTY;
	if (r < 0 || !t->rules) {
		fprintf(stderr, "bulkheadd: %s\n", e.text);
		return RULES_FAULTY;
	}
	const struct rules_rule *one = t->rules->n == 1 ? &t->rules->list[0] : NULL;

	if (!c->only || (one && one->state == RULE_ON))
		return RULES_GOOD;
	fprintf(stderr, "bulkheadd: that rule is not served: %s\n", one ? one->reason : "");
	return RULES_FAULTY;
}

static int replay(struct test *t)
{
	const struct replay_settings settings = { .event = on_event, .ctx = t };
	const char *file = t->command->recording;
	struct err e = { "" };
	AUTO_FD int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "bulkheadd: cannot read '%s': %s\n", file, strerror(errno));
		return RULES_FAULTY;
	}
	int r = replay_read(fd, &settings, &t->sum, &e);
	int code = rules_main_print(t->command, t->failed ? RULES_FAULTY : RULES_GOOD);

	if (r < 0) {
		fprintf(stderr, "bulkheadd: '%s': %s\n", file, e.text);
		code = RULES_FAULTY;
	}
	summary(t);
	return code == RULES_GOOD && t->command->expect_match && t->matches == 0 ? RULES_NO_MATCH
										 : code;
}

static void test_free(struct test *t)
{
	if (!t)
		return;
	rules_free(t->rules);
	buf_release(&t->message);
	buf_release(&t->fields);
	free(t);
}
DEFINE_AUTO(test, test_free)

int rules_main_test(struct rules_command *c)
{
	AUTO(test_free) struct test *t = calloc(1, sizeof(*t));

	if (!t) {
		fprintf(stderr, "bulkheadd: out of memory\n");
		return RULES_FAULTY;
	}
	t->command = c;
	buf_init(&t->message, LINE_MAX_BYTES);
	buf_init(&t->fields, LINE_MAX_BYTES);
	int r = load(t);

	return r == RULES_GOOD ? replay(t) : r;
}
