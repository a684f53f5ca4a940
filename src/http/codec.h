/* The codec: bytes to one struct and nothing beside it, for server, client and relays alike. A
 * message is read once; where two readings of it exist it is refused, with the status to answer.
 * Pure functions over slices; one thread at a time. */
#ifndef RV_HTTP_CODEC_H
#define RV_HTTP_CODEC_H
#include "base/arena.h"
#include "base/buf.h"

enum rv_http_method {
	RV_HTTP_METHOD_UNSET,
	RV_HTTP_GET,
	RV_HTTP_HEAD,
	RV_HTTP_POST,
	RV_HTTP_PUT,
	RV_HTTP_PATCH,
	RV_HTTP_DELETE,
	RV_HTTP_OPTIONS,
	RV_HTTP_CONNECT,
	RV_HTTP_OTHER, /* a token that is none of these; method_text has it */
};
const char *rv_http_method_name(enum rv_http_method m); /* "GET"; static */
enum rv_http_method rv_http_method_of(
	struct rv_str token); /* exact case; RV_HTTP_OTHER if unknown */

enum { RV_HTTP_HEADERS_MAX = 64 };
struct rv_http_header {
	struct rv_str name; /* as sent; compare without case */
	struct rv_str value; /* without blanks at its ends; no control characters but HTAB */
};

/* How the body is delimited. */
enum rv_http_framing {
	RV_HTTP_NO_BODY,
	RV_HTTP_LENGTH,
	RV_HTTP_CHUNKED,
	RV_HTTP_UNTIL_CLOSE, /* responses only */
};

/* A message's head. Slices point into the parsed bytes, or into the arena where decoding changed
 * them. */
struct rv_http_head {
	enum rv_http_method method; /* requests */
	struct rv_str method_text;
	struct rv_str target; /* as sent */
	struct rv_str path; /* decoded once; "/…", well-formed UTF-8, only the last segment may be
			       empty; no "." or ".." segment, no control, no backslash */
	struct rv_str query; /* behind '?', not decoded; p == NULL: no '?' */
	struct rv_str authority; /* Host, or the authority of absolute or authority form; p == NULL:
				    none (HTTP/1.0) */
	bool is_absolute; /* target came in absolute form */

	int status; /* responses: 100..599 */
	struct rv_str reason;

	int minor; /* HTTP/1.minor: 0 or 1 */
	enum rv_http_framing framing;
	uint64_t length; /* RV_HTTP_LENGTH */
	bool keep_alive;
	bool expects_continue;
	struct rv_str content_type; /* p == NULL: none */
	struct rv_http_header headers[RV_HTTP_HEADERS_MAX];
	size_t n_headers;

	int refusal; /* after a failure: the HTTP status that tells it (400, 413, 414, 431, 501,
			505) */
};

/* Zero means the default in the comment. */
struct rv_http_limits {
	size_t max_head_bytes; /* 16 KiB: request line and headers */
	size_t max_target_bytes; /* 4 KiB */
	size_t max_headers; /* 64, which is also the most */
	uint64_t max_body_bytes; /* 1 MiB; a Content-Length over it is refused at once (413) */
	size_t max_extension_bytes; /* 256: chunk extensions of a whole message; they are ignored */
	size_t max_trailer_bytes; /* 0: trailers are refused; else they are bounded and ignored */
	bool allow_absolute_form; /* relays */
	bool allow_connect; /* authority form with CONNECT */
};
/* A copy with the defaults filled in. */
struct rv_http_limits rv_http_limits_of(const struct rv_http_limits *l);

/* Looks for the end of a head at the start of bytes. *from remembers how far it looked (start with
 * 0; only ever more bytes at the end may be passed afterwards). RV_OK with *ret_n == 0: more is
 * needed; else the head's length, empty line included. Errors (head->refusal set): RV_EINVAL a bare
 * LF, an empty line before the first; RV_ELIMIT too long. */
RV_MUST_USE enum rv_code rv_http_find_head(struct rv_str bytes, size_t *from,
	const struct rv_http_limits *limits, struct rv_http_head *head, size_t *ret_n,
	struct rv_err *err);

/* Reads a whole head. a: for a path that needs decoding. Errors: RV_EINVAL, RV_ELIMIT,
 * RV_EUNSUPPORTED; ret->refusal is set. */
RV_MUST_USE enum rv_code rv_http_parse_request(struct rv_arena *a, struct rv_str head,
	const struct rv_http_limits *limits, struct rv_http_head *ret, struct rv_err *err);
/* asked: the method of the request it answers, which decides whether a body follows. */
RV_MUST_USE enum rv_code rv_http_parse_response(struct rv_str head,
	const struct rv_http_limits *limits, enum rv_http_method asked, struct rv_http_head *ret,
	struct rv_err *err);

/* The first header of that name; p == NULL: none. name in any case. */
struct rv_str rv_http_head_get(const struct rv_http_head *h, const char *name);
/* RV_EINVAL when it is there more than once; *ret with p == NULL when it is not there. */
RV_MUST_USE enum rv_code rv_http_head_one(
	const struct rv_http_head *h, const char *name, struct rv_str *ret, struct rv_err *err);
/* True when a comma-separated header holds the token (without case). */
bool rv_http_has_token(struct rv_str value, const char *token);
/* True for "application/json" with any parameters but a charset other than utf-8. */
bool rv_http_is_json(struct rv_str content_type);

/* Chunked coding, in as many pieces as the world likes. */
struct rv_http_chunked {
	int state;
	int digits;
	uint64_t left; /* of the chunk's data */
	size_t extension_bytes, trailer_bytes;
};
/* Adds the data in bytes to out (whose max_bytes is the limit of the body). *ret_used: bytes taken;
 * less than all only when *ret_done. Errors: RV_EINVAL malformed; RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_http_chunked_feed(struct rv_http_chunked *c, struct rv_str bytes,
	const struct rv_http_limits *limits, struct rv_buf *out, size_t *ret_used, bool *ret_done,
	struct rv_err *err);

/* Query strings, strictly: well-formed escapes and UTF-8, no control characters, '+' is a blank, a
 * key twice is refused, and so is one that was not asked about. Use: struct rv_http_query q;
 *   RV_TRY(rv_http_query_open(&q, arena, head->query, err));
 *   RV_TRY(rv_http_query_i64(&q, "wait", 0, 60, &wait_s, err));     optional: left alone when
 * absent RV_TRY(rv_http_query_close(&q, err)); */
enum { RV_HTTP_QUERY_MAX = 32 };
struct rv_http_query {
	struct rv_http_header pairs[RV_HTTP_QUERY_MAX]; /* decoded */
	size_t n;
	uint64_t asked; /* a bit a pair */
	const char *names[RV_HTTP_QUERY_MAX];
	size_t n_names;
};
RV_MUST_USE enum rv_code rv_http_query_open(
	struct rv_http_query *q, struct rv_arena *a, struct rv_str query, struct rv_err *err);
/* False: absent. *ret may be NULL. */
bool rv_http_query_str(struct rv_http_query *q, const char *name, struct rv_str *ret);
RV_MUST_USE enum rv_code rv_http_query_i64(struct rv_http_query *q, const char *name, int64_t min,
	int64_t max, int64_t *ret, struct rv_err *err);
/* "true" or "false". */
RV_MUST_USE enum rv_code rv_http_query_bool(
	struct rv_http_query *q, const char *name, bool *ret, struct rv_err *err);
/* RV_EINVAL names the first key that nobody asked about, and those that were. */
RV_MUST_USE enum rv_code rv_http_query_close(struct rv_http_query *q, struct rv_err *err);

/* Percent-encodes everything but unreserved characters: fit for a path segment and for a query's
 * key or value. */
void rv_http_encode(struct rv_buf *out, struct rv_str s);

/* True when name is a token and value holds no control characters: fit to be sent. */
bool rv_http_header_ok(struct rv_str name, struct rv_str value);
const char *rv_http_reason(int status); /* "Not Found"; "" if unknown. Static. */
/* "Sun, 06 Nov 1994 08:49:37 GMT"; returns out. */
enum { RV_HTTP_DATE_SIZE = 30 };
const char *rv_http_date(int64_t unix_s, char out[RV_HTTP_DATE_SIZE]);
#endif
