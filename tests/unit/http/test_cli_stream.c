// SPDX-License-Identifier: GPL-2.0-or-later
/* `bulkhead events` and `bulkhead record` against a bulkheadd that the test plays: it and the
 * command are processes of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/recording.h"
#include "http/cli.h"
#include "http/cli_stream.h"
#include "tests/unit/fixture.h"

#define WAIT_MS 20000

static char buffer[WIRE_FRAME_MAX];

/* --- bulkheadd ----------------------------------------------------------------------------------
 */

struct talk { /* with the command, in the server's process */
	int fd;
	uint32_t id;
	char query[512];
	pid_t command; /* process of the command, by SO_PEERCRED */
};

static bool next_frame(struct talk *t, struct wire_request *q)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	struct wire_frame f;

	if (poll(&p, 1, WAIT_MS) != 1 || wire_receive(t->fd, buffer, &f, NULL) != 1 ||
	    wire_request_decode(f.payload, q, NULL) < 0)
		return false;
	t->id = f.request_id;
	return true;
}

static void respond(struct talk *t, uint16_t status, const char *body)
{
	uint8_t bytes[512];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_response r = { .status = status, .body = span_str(body) };

	wire_response_encode(&w, &r);
	wire_send(t->fd, WIRE_RESPONSE, t->id, (struct span){ (char *)bytes, w.len }, NULL, 0);
}

static int send_events(struct talk *t, uint64_t missed, enum wire_event_format format,
		       struct span text)
{
	static uint8_t bytes[WIRE_FRAME_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_events m = { missed, format, text };

	wire_events_encode(&w, &m);
	return wire_send(t->fd, WIRE_EVENTS, t->id, (struct span){ (char *)bytes, w.len }, NULL, 0);
}

static void lines(struct talk *t, uint64_t missed, const char *text)
{
	send_events(t, missed, WIRE_EVENTS_JSON, span_str(text));
}

static void end(struct talk *t)
{
	wire_send(t->fd, WIRE_EVENTS_END, t->id, SPAN_LIT("bulkheadd is stopping"), NULL, 0);
}

/* Waits until the command ends the connection. */
static void hear_out(struct talk *t)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };

	while (poll(&p, 1, WAIT_MS) == 1 && recv(t->fd, buffer, sizeof(buffer), 0) > 0)
		continue;
}

/* --- running both -------------------------------------------------------------------------------
 */

struct outcome {
	int code; /* exit code of the command, or -signal */
	char out[8192], err[2048];
	char query[512];
};

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void serve(int listen_fd, void (*reply)(struct talk *t), char *query)
{
	struct talk t = { .fd = accept(listen_fd, NULL, NULL) };
	struct wire_request q;
	struct ucred cred;
	socklen_t n = sizeof(cred);

	close(listen_fd);
	if (t.fd < 0 || getsockopt(t.fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0 ||
	    !next_frame(&t, &q) || q.op != WIRE_OP_SUBSCRIBE)
		_exit(1);
	t.command = cred.pid;
	snprintf(query, 512, "%.*s", (int)q.query.n, q.query.p);
	reply(&t);
	_exit(0);
}

static void slurp(int fd, char *out, size_t cap)
{
	ssize_t n = pread(fd, out, cap - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	close(fd);
}

#define MAX_ARGS 12
static struct outcome run(const struct tree *t, int (*command)(int, char **),
			  void (*reply)(struct talk *), int out_fd, const char *args)
{
	static struct outcome o;
	char socket[160], text[512], *argv[MAX_ARGS + 1] = { NULL }, *save = NULL;
	int argc = 0, status = 0, err = memfd_create("err", MFD_CLOEXEC);
	int out = out_fd >= 0 ? out_fd : memfd_create("out", MFD_CLOEXEC);
	char *query = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(&o, 0, sizeof(o));
	snprintf(socket, sizeof(socket), "%s/s", t->path);
	snprintf(text, sizeof(text), "command --socket %s %s", socket, args);
	for (char *w = strtok_r(text, " ", &save); w && argc < MAX_ARGS;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	unlink(socket);
	int fd = listen_at(socket);
	pid_t server = reply ? fork() : -1, client;

	if (server == 0)
		serve(fd, reply, query);
	close(fd);
	client = fork();
	if (client == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		int code = command(argc, argv);

		fflush(stderr);
		_exit(code);
	}
	assert_int_equal(waitpid(client, &status, 0), client);
	if (server > 0)
		assert_int_equal(waitpid(server, NULL, 0), server);
	o.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	memcpy(o.query, query, sizeof(o.query));
	munmap(query, 4096);
	slurp(err, o.err, sizeof(o.err));
	if (out_fd < 0)
		slurp(out, o.out, sizeof(o.out));
	return o;
}

/* --- events -------------------------------------------------------------------------------------
 */

static void reply_three(struct talk *t)
{
	respond(t, 200, "{}");
	lines(t, 0, "{\"a\":1}\n{\"half\":");
	lines(t, 7, "2}\n{\"c\":3}\n");
	end(t);
	hear_out(t);
}

static void events_are_printed_until_bulkheadd_stops(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	struct outcome o = run(&t, cli_events, reply_three, -1,
			       "--container a&b --type exec,open --host 0 --format text");

	(void)state;
	assert_int_equal(o.code, CLI_OK);
	assert_string_equal(o.out, "{\"a\":1}\n{\"half\":2}\n{\"c\":3}\n");
	assert_string_equal(o.query, "container=a%26b&type=exec,open&host=0&format=text");
	assert_non_null(strstr(o.err, "7 events were missed"));
	assert_non_null(strstr(o.err, "bulkheadd is stopping"));
}

static void a_count_ends_it_at_the_line(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	struct outcome o = run(&t, cli_events, reply_three, -1, "--count 2");

	(void)state;
	assert_int_equal(o.code, CLI_OK);
	assert_string_equal(o.out, "{\"a\":1}\n{\"half\":2}\n");
	assert_string_equal(o.query, "");
}

static void reply_400(struct talk *t)
{
	respond(t, 400, "{\"error\":{\"status\":400,\"message\":\"no event type 'x\\u001b'\"}}");
	hear_out(t);
}

static void a_refusal_is_said_in_bulkheadds_words(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	struct outcome o = run(&t, cli_events, reply_400, -1, "--type x");

	(void)state;
	assert_int_equal(o.code, CLI_USAGE);
	assert_string_equal(o.err, "bulkhead: no event type 'x\\x1b'\n");
}

static void reply_interrupt(struct talk *t)
{
	struct wire_request q;

	respond(t, 200, "{}");
	lines(t, 0, "{\"first\":1}\n");
	kill(t->command, SIGINT);
	if (!next_frame(t, &q) || q.op != WIRE_OP_UNSUBSCRIBE)
		return;
	lines(t, 0, "{\"last\":1}\n"); /* was on its way */
	end(t);
	hear_out(t);
}

static void an_interrupt_ends_it_in_order(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	struct outcome o = run(&t, cli_events, reply_interrupt, -1, "");

	(void)state;
	assert_int_equal(o.code, CLI_OK);
	assert_string_equal(o.out, "{\"first\":1}\n{\"last\":1}\n");
	assert_string_equal(o.err, "");
}

static void reply_gone(struct talk *t)
{
	respond(t, 200, "{}");
	lines(t, 0, "{}\n");
}

static void a_connection_that_breaks_is_a_failure(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	struct outcome o = run(&t, cli_events, reply_gone, -1, "");

	(void)state;
	assert_int_equal(o.code, CLI_FAILED);
	assert_string_equal(o.out, "{}\n");
	assert_string_equal(o.err, "bulkhead: the connection to bulkheadd is gone\n");
}

static void reply_quiet(struct talk *t)
{
	respond(t, 200, "{}");
	hear_out(t);
}

static void it_ends_when_nobody_reads_what_it_prints(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	struct outcome o = run(&t, cli_events, reply_quiet, fds[1], "");

	assert_int_equal(o.code, CLI_OK);
	assert_string_equal(o.err, "");
	close(fds[1]);
}

static void reply_flood(struct talk *t)
{
	static char text[40000];

	memset(text, '\n', sizeof(text));
	respond(t, 200, "{}");
	for (int i = 0; i < 20; i++)
		send_events(t, 0, WIRE_EVENTS_JSON, (struct span){ text, sizeof(text) });
	kill(t->command, SIGINT); /* it waits for room in the pipe */
	hear_out(t);
}

static void an_interrupt_is_heard_while_the_reader_of_stdout_does_not_read(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	struct outcome o = run(&t, cli_events, reply_flood, fds[1], "");

	assert_int_equal(o.code, CLI_OK);
	close(fds[0]);
	close(fds[1]);
}

static void the_time_ends_it(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");

	(void)state;
	assert_int_equal(run(&t, cli_events, NULL, -1, "--seconds 0").code, CLI_USAGE);
	assert_int_equal(run(&t, cli_events, NULL, -1, "--seconds x").code, CLI_USAGE);
	assert_int_equal(run(&t, cli_events, NULL, -1, "--count 0").code, CLI_USAGE);
	assert_int_equal(run(&t, cli_events, NULL, -1, "--format record").code, CLI_USAGE);
	assert_int_equal(run(&t, cli_events, NULL, -1, "surplus").code, CLI_USAGE);
	assert_int_equal(run(&t, cli_events, NULL, -1, "").code, CLI_FAILED); /* no bulkheadd */
}

/* --- record --------------------------------------------------------------------------------------
 */

static void add_item(struct buf *b, uint8_t type, struct span bytes)
{
	uint8_t head[5];
	struct wire_writer w = { .p = head, .cap = sizeof(head) };

	wire_put_u8(&w, type);
	wire_put_u32(&w, (uint32_t)bytes.n);
	buf_add(b, head, w.len);
	buf_add_span(b, bytes);
}

static void send_recording(struct talk *t, bool header)
{
	const struct recording_header h = { .event_version = 9, .host = "box" };
	uint8_t bytes[RECORDING_HEADER_BYTES];
	size_t n = recording_header_encode(&h, bytes, sizeof(bytes));
	struct buf b;

	respond(t, 200, "{}");
	buf_init(&b, 65536);
	if (header)
		add_item(&b, RECORDING_HEADER, (struct span){ (char *)bytes, n });
	add_item(&b, RECORDING_PROCESS, SPAN_LIT("process"));
	add_item(&b, RECORDING_EVENT, SPAN_LIT("event"));
	send_events(t, 0, WIRE_EVENTS_RECORD, (struct span){ b.data, b.len });
	buf_clear(&b);
	add_item(&b, RECORDING_EVENT, SPAN_LIT("later"));
	send_events(t, 5, WIRE_EVENTS_RECORD, (struct span){ b.data, b.len });
	buf_release(&b);
	end(t);
	hear_out(t);
}

static void reply_recording(struct talk *t)
{
	send_recording(t, true);
}

static void reply_headless(struct talk *t)
{
	send_recording(t, false);
}

static struct outcome record(const struct tree *t, void (*reply)(struct talk *), const char *flags)
{
	char args[256];

	snprintf(args, sizeof(args), "-o %s/f %s", t->path, flags);
	return run(t, cli_record, reply, -1, args);
}

static void assert_recorded(const struct tree *t)
{
	static const uint8_t types[] = { RECORDING_PROCESS, RECORDING_EVENT, RECORDING_EVENT,
					 RECORDING_LOST };
	AUTO(recording_reader_free) struct recording_reader *r = NULL;
	struct recording_item item;
	struct stat st;
	char path[160];

	snprintf(path, sizeof(path), "%s/f", t->path);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(recording_reader_new(&r, fd, 9, NULL), 0);
	assert_string_equal(recording_reader_header(r)->host, "box");
	for (size_t i = 0; i < sizeof(types); i++) {
		assert_int_equal(recording_read(r, &item, NULL), 1);
		assert_int_equal(item.type, types[i]);
	}
	assert_int_equal(recording_read(r, &item, NULL), 0);
}

static void a_recording_is_whole_and_tells_what_was_missed(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	struct outcome o = record(&t, reply_recording, "--type exec");

	(void)state;
	assert_int_equal(o.code, CLI_OK);
	assert_string_equal(o.query, "format=record&type=exec");
	assert_non_null(strstr(o.err, "2 events, "));
	assert_non_null(strstr(o.err, "5 missed"));
	assert_recorded(&t);
}

static void a_file_is_written_over_by_force_only_and_when_something_came(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ f\nkeep me, and I am long enough to stick out\n");
	char path[160], text[32] = "";

	(void)state;
	struct outcome o = record(&t, NULL, "");

	assert_int_equal(o.code, CLI_FAILED);
	assert_non_null(strstr(o.err, "File exists (--force writes over it)"));
	assert_int_equal(record(&t, NULL, "--force").code, CLI_FAILED); /* no bulkheadd */
	assert_int_equal(record(&t, reply_headless, "--force").code, CLI_FAILED);
	snprintf(path, sizeof(path), "%s/f", t.path);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, text, 7, 0), 7);
	assert_string_equal(text, "keep me");
	chmod(path, 0600);
	assert_int_equal(record(&t, reply_recording, "--force").code, CLI_OK);
	assert_recorded(&t);
}

static void no_empty_file_is_left(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	char path[160];

	(void)state;
	assert_int_equal(record(&t, reply_400, "").code, CLI_USAGE);
	assert_int_equal(record(&t, reply_headless, "").code, CLI_FAILED);
	snprintf(path, sizeof(path), "%s/f", t.path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(run(&t, cli_record, NULL, -1, "").code, CLI_USAGE); /* no -o */
	assert_int_equal(run(&t, cli_record, NULL, -1, "-o /dev/null --force").code, CLI_FAILED);
}

static void what_a_query_holds_is_encoded(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	cli_query_add(&b, "container", "a b&c=%\xc3\xa9+");
	cli_query_add(&b, "type", "exec,open");
	buf_add_char(&b, '\0');
	assert_string_equal(b.data, "container=a%20b%26c%3D%25%C3%A9%2B&type=exec,open");
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest cli[] = {
		cmocka_unit_test(events_are_printed_until_bulkheadd_stops),
		cmocka_unit_test(a_count_ends_it_at_the_line),
		cmocka_unit_test(a_refusal_is_said_in_bulkheadds_words),
		cmocka_unit_test(an_interrupt_ends_it_in_order),
		cmocka_unit_test(a_connection_that_breaks_is_a_failure),
		cmocka_unit_test(it_ends_when_nobody_reads_what_it_prints),
		cmocka_unit_test(an_interrupt_is_heard_while_the_reader_of_stdout_does_not_read),
		cmocka_unit_test(the_time_ends_it),
		cmocka_unit_test(a_recording_is_whole_and_tells_what_was_missed),
		cmocka_unit_test(a_file_is_written_over_by_force_only_and_when_something_came),
		cmocka_unit_test(no_empty_file_is_left),
		cmocka_unit_test(what_a_query_holds_is_encoded),
	};

	return cmocka_run_group_tests(cli, NULL, NULL);
}
