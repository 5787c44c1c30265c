// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages for people in chats. */
#include <string.h>

#include "http/sinks_internal.h"

#define DISCORD_TITLE 256
#define DISCORD_VALUE 256 /* 1024 are allowed, but 6000 for all of a message */
#define TEXT_BYTES    2048

/* red to grey, by syslog's severity; green: it is over */
static const unsigned colours[] = { 0x8b0000, 0x8b0000, 0xc62828, 0xe53935,
				    0xf9a825, 0x1e88e5, 0x757575, 0xbdbdbd };
#define GREEN 0x2e7d32

static unsigned colour_of(const struct sink_record *r)
{
	return sink_record_is(r, "resolved") ? GREEN : colours[r->severity & 7];
}

/* Slack reads <...> as links and mentions, & as entities; the rest of its marks only style. */
static void add_slack(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			buf_add_str(b, "&lt;");
		else if (*s == '>')
			buf_add_str(b, "&gt;");
		else if (*s == '&')
			buf_add_str(b, "&amp;");
		else
			buf_add_char(b, *s);
	}
}

/* Markdown: its marks are escaped; a zero-width space after '@' keeps a name from being called. */
static void add_markdown(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (strchr("\\`*_[]()~|<>#!", *s))
			buf_add_char(b, '\\');
		buf_add_char(b, *s);
		if (*s == '@')
			buf_add_str(b, "\xe2\x80\x8b");
	}
}

static json_t *escaped(const char *text, void (*add)(struct buf *b, const char *s))
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 8 * TEXT_BYTES);
	add(&b, text);
	return json_stringn(b.data ? b.data : "", b.failed ? 0 : b.len);
}

/* {text, attachments: [{color, fields: [{title, value, short}]}]}: Slack's first form, which
 * Mattermost takes too. */
static json_t *slack(const struct sink_record *r, void (*add)(struct buf *b, const char *s))
{
	struct sink_fact facts[SINK_MAX_FACTS];
	size_t n = sink_facts(r, facts);
	json_t *out = json_object(), *fields = json_array(), *list = json_array();
	json_t *attachment = json_object();
	char text[TEXT_BYTES], colour[16];

	sink_summary(r, text, sizeof(text));
	json_object_set_new(out, "username", json_string("bulkhead"));
	json_object_set_new(out, "text", escaped(text, add));
	snprintf(colour, sizeof(colour), "#%06x", colour_of(r));
	json_object_set_new(attachment, "color", json_string(colour));
	json_object_set_new(attachment, "fallback", escaped(text, add));
	for (size_t i = 0; i < n; i++) {
		json_t *field = json_object();

		json_object_set_new(field, "title", escaped(facts[i].name, add));
		json_object_set_new(field, "value", escaped(facts[i].value, add));
		json_object_set_new(field, "short", json_boolean(strlen(facts[i].value) < 40));
		json_array_append_new(fields, field);
	}
	json_object_set_new(attachment, "fields", fields);
	sink_text_cut(text, sizeof(text), sink_record_text(r, "recommend"));
	if (text[0])
		json_object_set_new(attachment, "text", escaped(text, add));
	json_object_set_new(attachment, "footer", json_string(r->id));
	json_array_append_new(list, attachment);
	json_object_set_new(out, "attachments", list);
	return out;
}

/* An adaptive card, as workflows ("post to a channel when a webhook request is received") take it.
 */
static json_t *teams(const struct sink_record *r)
{
	struct sink_fact facts[SINK_MAX_FACTS];
	size_t n = sink_facts(r, facts);
	json_t *set = json_array(), *body = json_array(), *card, *attachments;
	char text[TEXT_BYTES];

	for (size_t i = 0; i < n; i++) {
		json_t *fact = json_object();

		json_object_set_new(fact, "title", escaped(facts[i].name, add_markdown));
		json_object_set_new(fact, "value", escaped(facts[i].value, add_markdown));
		json_array_append_new(set, fact);
	}
	sink_summary(r, text, sizeof(text));
	json_array_append_new(body, json_pack("{s:s,s:o,s:s,s:s,s:b,s:s}", "type", "TextBlock",
					      "text", escaped(text, add_markdown), "weight",
					      "Bolder", "size", "Medium", "wrap", 1, "color",
					      sink_record_is(r, "resolved") ? "Good"
					      : r->severity <= 3	    ? "Attention"
					      : r->severity == 4	    ? "Warning"
									    : "Default"));
	json_array_append_new(body, json_pack("{s:s,s:o}", "type", "FactSet", "facts", set));
	sink_text_cut(text, sizeof(text), sink_record_text(r, "recommend"));
	if (text[0])
		json_array_append_new(body, json_pack("{s:s,s:o,s:b}", "type", "TextBlock", "text",
						      escaped(text, add_markdown), "wrap", 1));
	card = json_pack("{s:s,s:s,s:s,s:o}", "$schema",
			 "http://adaptivecards.io/schemas/adaptive-card.json", "type",
			 "AdaptiveCard", "version", "1.4", "body", body);
	attachments = json_pack("[{s:s,s:n,s:o}]", "contentType",
				"application/vnd.microsoft.card.adaptive", "contentUrl", "content",
				card);
	return json_pack("{s:s,s:o}", "type", "message", "attachments", attachments);
}

static json_t *discord(const struct sink_record *r)
{
	struct sink_fact facts[SINK_MAX_FACTS];
	size_t n = sink_facts(r, facts);
	json_t *fields = json_array(), *embed;
	char text[TEXT_BYTES], value[DISCORD_VALUE], title[DISCORD_TITLE / 2];

	for (size_t i = 0; i < n; i++) {
		json_t *field = json_object();

		sink_text_cut(value, sizeof(value), facts[i].value);
		json_object_set_new(field, "name", escaped(facts[i].name, add_markdown));
		json_object_set_new(field, "value", escaped(value, add_markdown));
		json_object_set_new(field, "inline", json_boolean(strlen(value) < 40));
		json_array_append_new(fields, field);
	}
	sink_summary(r, title, sizeof(title)); /* escaping may double it */
	sink_text_cut(text, 1000, sink_record_text(r, "recommend"));
	embed = json_pack("{s:o,s:i,s:o,s:s,s:{s:s}}", "title", escaped(title, add_markdown),
			  "color", (int)colour_of(r), "fields", fields, "timestamp",
			  sink_record_text(r, "time"), "footer", "text", r->id);
	if (embed && text[0])
		json_object_set_new(embed, "description", escaped(text, add_markdown));
	return json_pack("{s:s,s:{s:[]},s:[o]}", "username", "bulkhead", "allowed_mentions",
			 "parse", "embeds", embed);
}

json_t *sink_template_chat(enum sink_format f, const struct sink_record *r)
{
	if (f == SINK_FORMAT_TEAMS)
		return teams(r);
	if (f == SINK_FORMAT_DISCORD)
		return discord(r);
	return slack(r, f == SINK_FORMAT_SLACK ? add_slack : add_markdown);
}
