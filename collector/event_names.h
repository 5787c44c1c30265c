/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_names - the words for the numbers in events: errno, address families, file systems,
 * operations of calls that are many in one. NULL where there is no word. Any thread. */
#ifndef BULKHEAD_EVENT_NAMES_H
#define BULKHEAD_EVENT_NAMES_H

#include "collector/base/buf.h"
#include "collector/event_view.h"

const char *event_error_name(int64_t result); /* "ENOENT"; NULL when it is not below 0 */
const char *event_family_name(uint16_t family);
const char *event_socket_name(uint16_t type); /* "stream" */
const char *event_fs_name(uint32_t magic);
const char *event_op_name(enum event_type type, uint32_t op); /* "PTRACE_ATTACH", "setuid" */

/* "mnt", "pid" ... for one bit of CLONE_NEW*, walked by index until NULL. */
const char *event_namespace_name(unsigned index, uint32_t *clone_flag);

/* Bit sets, by bit number; entries may be NULL. */
#define EVENT_ACCESS_NAMES	5
#define EVENT_FLAG_NAMES	12
#define EVENT_STRING_FLAG_NAMES 6
#define EVENT_CAPABILITY_NAMES	41
extern const char *const event_access_names[EVENT_ACCESS_NAMES];
extern const char *const event_flag_names[EVENT_FLAG_NAMES]; /* without EVENT_HOST */
extern const char *const event_string_flag_names[EVENT_STRING_FLAG_NAMES];
extern const char *const event_capability_names[EVENT_CAPABILITY_NAMES]; /* "CAP_CHOWN" */

/* "192.0.2.1", "2001:db8::1": 4 or 16 bytes by the family, AF_INET or AF_INET6. */
void event_add_address(struct buf *b, uint16_t family, const uint8_t address[16]);

#endif
