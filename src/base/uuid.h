/* UUIDv7 (RFC 9562): sortable by time, unique across processes. */
#ifndef RV_BASE_UUID_H
#define RV_BASE_UUID_H
#include "base/str.h"

struct rv_uuid {
	uint8_t b[16];
};
enum { RV_UUID_SIZE = 37 };
/* Thread-safe; ids made by one thread increase even within a millisecond. unix_ns: the time it
 * carries. */
void rv_uuid7(int64_t unix_ns, struct rv_uuid *ret);
/* 36 characters and NUL; returns buf. */
const char *rv_uuid_format(const struct rv_uuid *u, char buf[RV_UUID_SIZE]);
/* Lower case canonical form only. */
RV_MUST_USE bool rv_uuid_parse(struct rv_str text, struct rv_uuid *ret);
#endif
