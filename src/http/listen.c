/* Addresses and listening sockets. Several loops share a TCP address with SO_REUSEPORT; since that
 * would let a second server of the same user slip in beside us unnoticed, the address is first
 * bound once without it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "http/server_int.h"

enum { BACKLOG = 1024 };

static enum rv_code parse_unix(
	const char *path, union rv_http_sockaddr *ret, socklen_t *ret_n, struct rv_err *err)
{
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof ret->un.sun_path)
		return RV_FAIL(err, RV_EINVAL,
			"address 'unix:%s': a path of 1 to %zu bytes is needed", path,
			sizeof ret->un.sun_path - 1);
	ret->un.sun_family = AF_UNIX;
	memcpy(ret->un.sun_path, path, n + 1);
	*ret_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return RV_OK;
}

enum rv_code rv_http_address_parse(
	const char *address, union rv_http_sockaddr *ret, socklen_t *ret_n, struct rv_err *err)
{
	char host[64];
	uint64_t port;
	memset(ret, 0, sizeof *ret);
	if (strncmp(address, "unix:", 5) == 0)
		return parse_unix(address + 5, ret, ret_n, err);
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;
	if (!colon || n == 0 || n >= sizeof host || !rv_str_u64(rv_str_of(colon + 1), &port) ||
		port > 65535)
		return RV_FAIL(err, RV_EINVAL,
			"address '%s': must be IP:PORT, [IPv6]:PORT, localhost:PORT or unix:/path",
			address);
	memcpy(host, address, n);
	host[n] = '\0';
	if (strcmp(host, "localhost") == 0)
		(void)snprintf(host, sizeof host, "127.0.0.1"); /* fits */
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		ret->in6.sin6_family = AF_INET6;
		ret->in6.sin6_port = htons((uint16_t)port);
		*ret_n = sizeof ret->in6;
		if (inet_pton(AF_INET6, host + 1, &ret->in6.sin6_addr) == 1)
			return RV_OK;
	} else {
		ret->in4.sin_family = AF_INET;
		ret->in4.sin_port = htons((uint16_t)port);
		*ret_n = sizeof ret->in4;
		if (inet_pton(AF_INET, host, &ret->in4.sin_addr) == 1)
			return RV_OK;
	}
	return RV_FAIL(err, RV_EINVAL, "address '%s': not an IP address (names are not looked up)",
		address);
}

enum rv_code rv_http_address_check(const char *address, struct rv_err *err)
{
	union rv_http_sockaddr a;
	socklen_t n;
	return rv_http_address_parse(address, &a, &n, err);
}

bool rv_http_address_is_local(const char *address)
{
	union rv_http_sockaddr a;
	socklen_t n;
	if (rv_http_address_parse(address, &a, &n, NULL) != RV_OK)
		return false;
	if (a.any.sa_family == AF_UNIX)
		return true;
	if (a.any.sa_family == AF_INET)
		return ntohl(a.in4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
}

static enum rv_code os_error(struct rv_err *err, const char *address, const char *what)
{
	int e = errno;
	if (e == EADDRINUSE)
		return RV_FAIL(err, RV_EBUSY,
			"address '%s' is in use: another process listens there; stop it or choose "
			"another address",
			address);
	if (e == EACCES || e == EPERM)
		return RV_FAIL(err, RV_EPERM, "address '%s': %s: %s", address, what, strerror(e));
	return RV_FAIL(err, RV_EIO, "address '%s': %s: %s", address, what, strerror(e));
}

static int socket_of(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;
	if (fd >= 0 && family == AF_INET6)
		(void)setsockopt(
			fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one); /* else bind tells */
	if (fd >= 0 && family != AF_UNIX)
		(void)setsockopt(
			fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* else bind tells */
	return fd;
}

static int port_of(int fd)
{
	union rv_http_sockaddr a;
	socklen_t n = sizeof a;
	if (getsockname(fd, &a.any, &n) != 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port : a.in4.sin_port);
}

/* Refused when anybody listens there; port 0 becomes a free one. */
static enum rv_code probe_tcp(
	const char *address, union rv_http_sockaddr *a, socklen_t n, struct rv_err *err)
{
	RV_AUTO_FD fd = socket_of(a->any.sa_family);
	if (fd < 0 || bind(fd, &a->any, n) != 0 || listen(fd, 1) != 0)
		return os_error(err, address, "bind");
	if (a->any.sa_family == AF_INET6)
		a->in6.sin6_port = htons((uint16_t)port_of(fd));
	else
		a->in4.sin_port = htons((uint16_t)port_of(fd));
	return RV_OK;
}

static enum rv_code open_tcp(const char *address, union rv_http_sockaddr *a, socklen_t n, int *fds,
	size_t n_fds, int *ret_port, struct rv_err *err)
{
	RV_TRY(probe_tcp(address, a, n, err));
	for (size_t i = 0; i < n_fds; i++) {
		int one = 1;
		fds[i] = socket_of(a->any.sa_family);
		if (fds[i] < 0)
			return os_error(err, address, "socket");
		if (n_fds > 1 &&
			setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0)
			return os_error(err, address, "SO_REUSEPORT");
		(void)setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one,
			sizeof one); /* inherited; only latency */
		if (bind(fds[i], &a->any, n) != 0 || listen(fds[i], BACKLOG) != 0)
			return os_error(err, address, "bind");
	}
	*ret_port = port_of(fds[0]);
	return RV_OK;
}

/* A socket file left by a dead process goes; one that answers, or is no socket, stays. */
static enum rv_code clear_stale(
	const char *address, const union rv_http_sockaddr *a, socklen_t n, struct rv_err *err)
{
	struct stat st;
	if (lstat(a->un.sun_path, &st) != 0)
		return errno == ENOENT ? RV_OK : os_error(err, address, "stat");
	if (!S_ISSOCK(st.st_mode))
		return RV_FAIL(err, RV_EEXIST, "address '%s': the path exists and is not a socket",
			address);
	RV_AUTO_FD fd = socket_of(AF_UNIX);
	if (fd < 0)
		return os_error(err, address, "socket");
	if (connect(fd, &a->any, n) == 0 || (errno != ECONNREFUSED && errno != EACCES))
		errno = EADDRINUSE;
	if (errno != ECONNREFUSED)
		return os_error(err, address, "connect");
	if (unlink(a->un.sun_path) != 0 && errno != ENOENT)
		return os_error(err, address, "unlink");
	return RV_OK;
}

static enum rv_code open_unix(const struct rv_http_listen *l, const union rv_http_sockaddr *a,
	socklen_t n, int *fds, size_t n_fds, struct rv_err *err)
{
	RV_TRY(clear_stale(l->address, a, n, err));
	fds[0] = socket_of(AF_UNIX);
	if (fds[0] < 0 || bind(fds[0], &a->any, n) != 0)
		return os_error(err, l->address, "bind");
	/* Nobody can connect before listen, so there is no moment with the wrong mode. */
	if (chmod(a->un.sun_path, l->unix_mode ? l->unix_mode : 0600) != 0)
		return os_error(err, l->address, "chmod");
	if (listen(fds[0], BACKLOG) != 0)
		return os_error(err, l->address, "listen");
	for (size_t i = 1; i < n_fds; i++) {
		fds[i] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
		if (fds[i] < 0)
			return os_error(err, l->address, "dup");
	}
	return RV_OK;
}

enum rv_code rv_http_listen_open(
	const struct rv_http_listen *l, int *fds, size_t n_fds, int *ret_port, struct rv_err *err)
{
	union rv_http_sockaddr a;
	socklen_t n;
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = -1;
	*ret_port = 0;
	RV_TRY(rv_http_address_parse(l->address, &a, &n, err));
	enum rv_code code = a.any.sa_family == AF_UNIX
		? open_unix(l, &a, n, fds, n_fds, err)
		: open_tcp(l->address, &a, n, fds, n_fds, ret_port, err);
	for (size_t i = 0; code != RV_OK && i < n_fds; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]); /* given up anyway */
		fds[i] = -1;
	}
	return code;
}
