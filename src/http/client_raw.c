/* Bytes one way over a client's connection, for protocols that never answer. */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "http/client_int.h"

enum { NAP_NS = 1000000 };

/* True: the peer has closed, or what it says is nothing we asked for. */
static bool has_hung_up(struct rv_http_client *c)
{
	char byte;
	ssize_t r = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR);
}

/* Until the peer's TCP has taken everything: bytes that only the kernel here has would be lost with
 * the connection and nobody would know. */
static enum rv_code wait_taken(struct rv_http_client *c, struct rv_err *err)
{
	const struct timespec nap = { 0, NAP_NS };
	for (;;) {
		int left = 0;
		if (c->to.scheme != RV_HTTP_UNIX && ioctl(c->fd, SIOCOUTQ, &left) != 0)
			left = 0;
		if (has_hung_up(c))
			return RV_FAIL(err, RV_ECLOSED, "'%s' hung up", c->to.url);
		if (left == 0)
			return RV_OK;
		if (rv_clock_mono_ns(rv_clock_system()) >= c->until_ns)
			return RV_FAIL(err, RV_ETIMEOUT, "'%s' did not take it in time", c->to.url);
		(void)nanosleep(&nap, NULL); /* woken early is fine */
	}
}

static enum rv_code send_all(struct rv_http_client *c, struct rv_str bytes, struct rv_err *err)
{
	RV_TRY(rv_http_client_write(c, bytes, err));
	if (!c->sent_all)
		return RV_FAIL(err, RV_ECLOSED, "'%s' hung up, or answers", c->to.url);
	return wait_taken(c, err);
}

enum rv_code rv_http_client_send(struct rv_http_client *c, struct rv_str bytes, struct rv_err *err)
{
	c->until_ns = rv_clock_mono_ns(rv_clock_system()) + c->deadline_ms * RV_NS_PER_MS;
	if (c->fd >= 0 && has_hung_up(c))
		rv_http_client_hang_up(c);
	if (c->fd < 0)
		RV_TRY(rv_http_client_connect(c, err));
	enum rv_code code = send_all(c, bytes, err);
	if (code != RV_OK)
		rv_http_client_hang_up(c);
	return code;
}
